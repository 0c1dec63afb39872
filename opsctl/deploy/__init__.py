"""Versions: what code an environment runs. Terraform owns the shape, this owns what runs in it."""

from opsctl.deploy.packages import (
    BadFunction,
    DependenciesFailed,
    FunctionSource,
    Package,
    PackageReady,
    PackageStarted,
    PackageTooLarge,
    build_package,
    build_packages,
    find_functions,
)

__all__ = [
    "BadFunction",
    "DependenciesFailed",
    "FunctionSource",
    "Package",
    "PackageReady",
    "PackageStarted",
    "PackageTooLarge",
    "build_package",
    "build_packages",
    "find_functions",
]
