"""Versions: what code an environment runs. Terraform owns the shape, this owns what runs in it."""

from opsctl.deploy.packages import (
    BadFunction,
    DependenciesFailed,
    FunctionSource,
    JobSource,
    LayerSource,
    Package,
    PackageReady,
    PackageStarted,
    PackageTooLarge,
    Source,
    build_package,
    build_packages,
    find_functions,
    find_jobs,
    find_layers,
)

__all__ = [
    "BadFunction",
    "DependenciesFailed",
    "FunctionSource",
    "JobSource",
    "LayerSource",
    "Package",
    "PackageReady",
    "PackageStarted",
    "PackageTooLarge",
    "Source",
    "build_package",
    "build_packages",
    "find_functions",
    "find_jobs",
    "find_layers",
]
