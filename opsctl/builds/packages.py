"""Zip packages of the Lambda functions and their layers: the same input gives the same bytes.

sources → inputs hash → cached zip, or: dependencies for the functions' platform + its own files → zip → cache.
Nothing of the machine gets in: names are sorted, times and modes fixed, and whatever an installer writes about itself
(scripts with an absolute path, RECORD, INSTALLER, byte code) is left out.
"""

from __future__ import annotations

import re
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, TypeVar

from opsctl import processes
from opsctl.builds.build_cache import BuildCache, hash_files, mode_of, place
from opsctl.errors import OpsctlError, UsageError
from opsctl.files import sha256_of

# Quotas "Deployment package (.zip file archive) size" in the AWS Lambda developer guide: 250 MB unzipped with layers
# (the service's own message says 262144000 bytes), 50 MB zipped when it is uploaded through the API, as Terraform does.
LARGEST_UNZIPPED_BYTES = 250 * 1024**2
LARGEST_ZIPPED_BYTES = 50 * 1024**2

RUNTIME = "python3.11"
ARCHITECTURE = "x86_64"
# Lambda's python3.11 runs on Amazon Linux 2 (glibc 2.26): manylinux2014 (2.17) is the newest tag of uv's below it.
PLATFORMS = {"x86_64": "x86_64-manylinux2014", "arm64": "aarch64-manylinux2014"}

# How a function is deployed, beside its code and no part of it.
DEPLOY_RULES = "deploy.toml"

# Raise it when the same input is to give other bytes, so that the cache is not asked for the old ones.
FORMAT = 1
# The oldest time that a zip can hold.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
INSTALL_TIMEOUT_SECONDS = 600

_FINDING_UV = threading.Lock()


class BadFunction(UsageError):
    """A function's or layer's folder is not what a package can be made of. `where` names the file."""


class PackageTooLarge(OpsctlError):
    """AWS would refuse the package."""

    def __init__(self, name: str, size_bytes: int, limit_bytes: int, state: str, largest: Sequence[tuple[str, int]]):
        super().__init__(
            f"The package of {name} has {_megabytes(size_bytes)} {state}; AWS Lambda takes {_megabytes(limit_bytes)}.",
            where="largest: " + ", ".join(f"{part} {_megabytes(size)}" for part, size in largest),
            next="Leave dependencies out that the function can do without.",
        )


class DependenciesFailed(OpsctlError):
    """A function's dependencies could not be installed."""


@dataclass(frozen=True)
class Source:
    """What a package is made of: our own files, and the dependencies that its requirements.txt pins.

    Attributes:
        module: the Terraform module that deploys it: its folder below modules/, such as "photos" or "triggers/sqs".
    """

    name: str
    module: str
    folder: Path

    kind: ClassVar[str]
    # Folder in the zip, with its slash: Lambda unpacks a function at /var/task and a layer at /opt, whose python/ is on
    # sys.path ("Packaging layers" in the developer guide).
    root: ClassVar[str] = ""
    needed: ClassVar[tuple[str, ...]] = ("requirements.txt",)

    @property
    def requirements(self) -> Path:
        return self.folder / "requirements.txt"

    @property
    def package(self) -> str:
        """Name of the package, which is `<package>.zip`."""
        return self.name


class FunctionSource(Source):
    """The code of one function: `modules/<module>/functions/<name>/`."""

    kind = "function"
    needed = ("handler.py", "requirements.txt")


class LayerSource(Source):
    """What functions share: `modules/<module>/layers/<name>/`, built as `<name>-layer.zip`, all of it below python/."""

    kind = "layer"
    root = "python/"

    @property
    def package(self) -> str:
        return f"{self.name}-layer"


class JobSource(Source):
    """The code of a Batch job's image: `modules/<module>/jobs/<name>/`, started by main.py, with its Dockerfile."""

    kind = "job"
    needed = ("main.py", "requirements.txt")


@dataclass(frozen=True)
class Package:
    """A zip ready to deploy.

    Attributes:
        sha256: of the zip's bytes, hex.
        inputs_hash: of everything that it was made from, hex.
        cached: nothing had to be built.
    """

    name: str
    file: Path
    sha256: str
    size_bytes: int
    unzipped_bytes: int
    inputs_hash: str
    cached: bool


@dataclass(frozen=True)
class PackageStarted:
    """A package's build begins: it was not in the cache."""

    name: str


@dataclass(frozen=True)
class PackageReady:
    """A package lies in its place."""

    package: Package


S = TypeVar("S", bound=Source)
Listener = Callable[[PackageStarted | PackageReady], None]


def find_functions(modules: Path) -> list[FunctionSource]:
    """Every function of the Terraform modules below `modules`, nested ones too, by name.

    Raises:
        BadFunction: a folder without handler.py or requirements.txt, or two functions of one name.
    """
    return _find(FunctionSource, modules)


def find_layers(modules: Path) -> list[LayerSource]:
    """Every layer of the Terraform modules below `modules`, nested ones too, by name.

    Raises:
        BadFunction: a folder without requirements.txt, or two layers of one name.
    """
    return _find(LayerSource, modules)


def find_jobs(modules: Path) -> list[JobSource]:
    """Every job of the Terraform modules below `modules`, nested ones too, by name.

    Raises:
        BadFunction: a folder without main.py or requirements.txt, or two jobs of one name.
    """
    return _find(JobSource, modules)


def _find(kind: type[S], modules: Path) -> list[S]:
    found: dict[str, S] = {}
    for folder in sorted(modules.glob(f"**/{kind.kind}s/*/")):
        place = folder.relative_to(modules)
        if any(part.startswith((".", "__")) for part in place.parts):
            continue
        source = kind(folder.name, place.parent.parent.as_posix(), folder)
        for needed in kind.needed:
            if not (folder / needed).is_file():
                raise BadFunction(
                    f"The {kind.kind} {source.name} has no {needed}.",
                    where=str(folder / needed),
                    next=f"Add it; a {kind.kind} without dependencies has an empty requirements.txt.",
                )
        if other := found.get(source.name):
            raise BadFunction(f"Two {kind.kind}s are called {source.name}.", where=f"{other.folder}, {folder}")
        found[source.name] = source
    return sorted(found.values(), key=lambda source: source.name)


def build_packages(
    sources: Sequence[Source],
    *,
    into: Path,
    cache: Path,
    runtime: str = RUNTIME,
    architecture: str = ARCHITECTURE,
    concurrency: int = 4,
    on_event: Listener = lambda _: None,
) -> list[Package]:
    """Build what has changed, at most `concurrency` at once. Packages come in the order of the sources.

    Args, Raises: as `build_package`. `on_event` is called from several threads.
    """
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="package") as pool:
        return list(
            pool.map(
                lambda source: build_package(
                    source, into=into, cache=cache, runtime=runtime, architecture=architecture, on_event=on_event
                ),
                sources,
            )
        )


def build_package(
    source: Source,
    *,
    into: Path,
    cache: Path,
    runtime: str = RUNTIME,
    architecture: str = ARCHITECTURE,
    on_event: Listener = lambda _: None,
) -> Package:
    """Put the package at `into/<package>.zip`; build it only if no build of the same input is in `cache`.

    Args:
        cache: folder that any project of this user may share; a damaged file in it is built anew.
        runtime: Lambda's name of it, such as python3.11.
        architecture: Lambda's name of it, x86_64 or arm64.

    Raises:
        BadFunction: requirements.txt is missing, or lacks a version or a hash.
        DependenciesFailed: a hash that differs, no wheel for the platform, no network.
        PackageTooLarge: above AWS's quotas.
        DiskFull: nothing was left half written.
    """
    if architecture not in PLATFORMS:
        raise BadFunction(
            f"There is no architecture {architecture!r}: use {' or '.join(PLATFORMS)}.", where=source.name
        )
    version = re.fullmatch(r"python(3\.\d+)", runtime)
    if not version:
        raise BadFunction(f"Only Python functions can be built; the runtime is {runtime!r}.", where=source.name)
    if not source.requirements.is_file():
        raise BadFunction(f"The {source.kind} {source.name} has no requirements.txt.", where=str(source.requirements))
    inputs_hash = hash_inputs(source, runtime=runtime, architecture=architecture)
    builds = BuildCache(cache / "packages", ".zip")
    cached = builds.take(inputs_hash)
    if not cached:
        on_event(PackageStarted(source.package))
    stored = cached or _build(source, inputs_hash, builds, python=version[1], platform=PLATFORMS[architecture])
    package = _place(source.package, stored, into, inputs_hash, cached=bool(cached))
    on_event(PackageReady(package))
    return package


def hash_inputs(source: Source, *, runtime: str, architecture: str) -> str:
    """SHA-256 (hex) of all that decides what is in the package: the files, the pinned dependencies, the platform."""
    files = [*_own_files(source.folder), ("requirements.txt", source.requirements)]
    return hash_files(files, begin=f"{FORMAT}\0{runtime}\0{architecture}\0{source.root}")


def _own_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a source by their names below its root, without tests, notes and what tools leave behind."""
    for name, file in _files(folder):
        parts = PurePosixPath(name).parts
        hidden = any(part.startswith(".") for part in parts)
        beside = {"tests", "requirements.txt", "requirements.in", DEPLOY_RULES}
        if parts[0] not in beside and not hidden and not name.endswith(".md"):
            yield name, file


def _installed_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Installed dependencies, without what describes the installation: it differs from machine to machine."""
    about_the_installation = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
    for name, file in _files(folder):
        path = PurePosixPath(name)
        script = path.parts[0] == "bin"
        record = path.parent.name.endswith(".dist-info") and path.name in about_the_installation
        if not script and not record and not path.parts[0].startswith("."):
            yield name, file


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    named = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    for name in sorted(named):
        parts = PurePosixPath(name).parts
        if "__pycache__" not in parts and not name.endswith(".pyc"):
            yield name, named[name]


def _build(source: Source, inputs_hash: str, cache: BuildCache, *, python: str, platform: str) -> Path:
    with cache.scratch(source.package) as scratch:
        dependencies = scratch / "dependencies"
        dependencies.mkdir()
        if _has_requirements(source.requirements):
            _install(source, dependencies, python=python, platform=platform)
        files = dict(_installed_files(dependencies)) | dict(_own_files(source.folder))
        _check_unzipped(source.package, files)
        made = scratch / "package.zip"
        _write_zip(made, {source.root + name: file for name, file in files.items()})
        if (size := made.stat().st_size) > LARGEST_ZIPPED_BYTES:
            raise PackageTooLarge(source.package, size, LARGEST_ZIPPED_BYTES, "zipped", _largest(files))
        return cache.keep(inputs_hash, made)


def _write_zip(file: Path, files: dict[str, Path]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever we run on: Lambda reads the modes
            entry.external_attr = mode_of(files[name]) << 16
            archive.writestr(entry, files[name].read_bytes())


def _check_unzipped(name: str, files: dict[str, Path]) -> None:
    total = sum(file.stat().st_size for file in files.values())
    if total > LARGEST_UNZIPPED_BYTES:
        raise PackageTooLarge(name, total, LARGEST_UNZIPPED_BYTES, "unzipped", _largest(files))


def _largest(files: dict[str, Path]) -> list[tuple[str, int]]:
    """The three largest top-level parts and their bytes."""
    parts: dict[str, int] = {}
    for name, file in files.items():
        part = PurePosixPath(name).parts[0]
        parts[part] = parts.get(part, 0) + file.stat().st_size
    return sorted(parts.items(), key=lambda item: -item[1])[:3]


def _has_requirements(file: Path) -> bool:
    lines = file.read_text(encoding="utf-8").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _install(source: Source, target: Path, *, python: str, platform: str) -> None:
    """Raises: BadFunction, DependenciesFailed."""
    done = processes.run(
        [
            _uv(), "pip", "install", "--quiet", "--requirement", source.requirements.resolve(),
            "--target", target.resolve(),
            "--python", sys.executable, "--python-version", python, "--python-platform", platform,
            "--only-binary", ":all:", "--require-hashes", "--no-deps", "--no-compile-bytecode",
        ],
        cwd=target, timeout_seconds=INSTALL_TIMEOUT_SECONDS,
    )  # fmt: skip
    if done.status:
        raise _explain(source, done.stderr, platform)


def _uv() -> str:
    import uv

    # It asks sysconfig, which isn't thread-safe before it has answered once (seen: None + str in Python 3.11.7).
    with _FINDING_UV:
        return uv.find_uv_bin()


def _explain(source: Source, output: str, platform: str) -> OpsctlError:
    """Our error for what uv says. Its messages are matched by their stable words; all of it stays in `where`."""
    said = " ".join(output.split()).removeprefix("error: ")
    name, where = source.name, f"{source.requirements}: {said}"
    lock = f"uv pip compile --generate-hashes -o {source.requirements} …"
    if re.search(r"--require-hashes|must have a hash|must be pinned", said):
        return BadFunction(f"The dependencies of {name} are not all pinned with a hash.", where=where, next=lock)
    if re.search(r"hash mismatch", said, re.IGNORECASE):
        return DependenciesFailed(
            f"A dependency of {name} is not the file that was pinned: its hash differs.", where=where,
            next=f"Find out why before you trust it. If the change is meant: {lock}",
        )  # fmt: skip
    if re.search(r"failed to fetch|error sending request|dns error|connect|timed out|offline", said, re.IGNORECASE):
        return DependenciesFailed(
            f"The dependencies of {name} could not be downloaded.", where=where,
            next="Check the network and the package index that uv uses; what is in uv's cache needs neither.",
        )  # fmt: skip
    if re.search(r"wheel|platform|no solution found", said, re.IGNORECASE):
        return DependenciesFailed(
            f"A dependency of {name} has no wheel for {platform}.", where=where,
            next="Pin a version that has one: AWS Lambda can't build it.",
        )  # fmt: skip
    return DependenciesFailed(f"The dependencies of {name} could not be installed.", where=where)


def _place(name: str, stored: Path, into: Path, inputs_hash: str, *, cached: bool) -> Package:
    file = into / f"{name}.zip"
    place(stored, file)
    with zipfile.ZipFile(file) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    return Package(name, file, sha256_of(file), file.stat().st_size, unzipped, inputs_hash, cached)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:.0f} MB"
