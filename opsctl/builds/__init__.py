"""Reproducible builds: what an environment runs is made here; `opsctl.deploy` moves the versions."""

from opsctl.builds.packages import (
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
