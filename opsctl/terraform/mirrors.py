"""Provider mirrors on disk: which packages a folder holds, which folders to look at, and a view with just one package.

Source: Terraform's "CLI Configuration", provider_installation (layouts of filesystem mirrors, implied local mirrors).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import platform
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl.files import disk_errors, write_atomically

SOURCE = "registry.terraform.io/hashicorp/aws"
"""The provider's source address, which is also its path in every mirror."""

SOFTWARE_FOLDERS = ("/opt", "/usr/local/share", "/usr/local/lib", "/srv", "/usr/share")
MOST_FOLDERS = 2000
"""Folders looked at below each of SOFTWARE_FOLDERS (two levels deep): keeps the search at milliseconds."""

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


def platform_name() -> str:
    """As Terraform writes it: linux_amd64, darwin_arm64."""
    machine = platform.machine().lower()
    return f"{sys.platform}_{MACHINES.get(machine, machine)}"


@dataclass(frozen=True)
class Package:
    """The provider in a mirror. `path` is a folder (unpacked layout) or a zip (packed layout)."""

    version: str
    path: Path


def version_key(version: str) -> tuple[int, ...]:
    """Sorts versions by number. A pre-release comes before its release, and no constraint of ours wants one."""
    numbers, _, pre = version.partition("-")
    return (*(int(n) for n in re.findall(r"\d+", numbers)), 0 if pre else 1)


def satisfies(version: str, constraint: str) -> bool:
    """Whether `version` meets a constraint of comma-separated `>=`, `>`, `<=`, `<`, `=`, `!=` terms.

    Raises:
        ValueError: the constraint has another form.
    """
    if "-" in version:
        return version in constraint
    mine = _numbers(version)
    for term in constraint.split(","):
        match = re.fullmatch(r"\s*(>=|<=|!=|>|<|=|)\s*(\d+(?:\.\d+)*)\s*", term)
        if match is None:
            raise ValueError(f"not a version constraint: {constraint!r}")
        other = _numbers(match.group(2))
        verdict = {
            ">=": mine >= other, "<=": mine <= other, ">": mine > other, "<": mine < other, "!=": mine != other,
        }.get(match.group(1), mine == other)  # fmt: skip
        if not verdict:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(n) for n in re.findall(r"\d+", version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


def packages_in(mirror: Path) -> list[Package]:
    """The provider's packages for this platform in a mirror, newest first. Broken ones are left out."""
    folder, here = mirror / SOURCE, platform_name()
    found: list[Package] = []
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    for entry in entries:
        if entry.is_dir() and re.match(r"\d+\.\d+\.\d+", entry.name) and executable_in(entry / here):
            found.append(Package(entry.name, (entry / here).resolve()))
        packed = re.fullmatch(rf"terraform-provider-aws_(\d+\.\d+\.\d+[^_]*)_{here}\.zip", entry.name)
        if packed and zipfile.is_zipfile(entry):
            found.append(Package(packed.group(1), entry.resolve()))
    return sorted(found, key=lambda package: version_key(package.version), reverse=True)


def executable_in(folder: Path) -> Path | None:
    """The provider's program in an unpacked package."""
    candidates = folder.glob("terraform-provider-aws*")
    return next((file for file in candidates if file.is_file() and os.access(file, os.X_OK)), None)


def implied_mirrors(env: Mapping[str, str]) -> list[Path]:
    """The folders that Terraform itself looks at."""
    home = Path(env.get("HOME") or Path.home())
    data = env.get("XDG_DATA_HOME") or home / ".local" / "share"
    shared = [Path(folder) / "terraform/plugins" for folder in ("/usr/local/share", "/usr/share")]
    return [home / ".terraform.d/plugins", Path(data) / "terraform/plugins", *shared]


def mirrors_below(folders: Iterable[str | Path] = SOFTWARE_FOLDERS) -> Iterator[Path]:
    """Folders one or two levels below `folders` that have the layout of a mirror and hold the provider."""
    for folder in map(Path, folders):
        for candidate in itertools.islice(_two_levels(folder), MOST_FOLDERS):
            if (candidate / SOURCE).is_dir():
                yield candidate


def _two_levels(folder: Path) -> Iterator[Path]:
    yield folder
    first = _subfolders(folder)
    yield from first
    for child in first:
        yield from _subfolders(child)


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return []


def view_of(package: Package, cache: Path) -> Path:
    """A CLI configuration file that makes Terraform take exactly this package, whatever else its mirror holds.

    The view is a mirror of one symbolic link; a packed package is unpacked once, so that each `init` only links.

    Raises:
        DiskFull: nothing was left half-made.
    """
    unpacked = package.path if package.path.is_dir() else _unpack(package, cache)
    view = cache / "views" / f"{package.version}-{_mark(unpacked)}"
    link = view / SOURCE / package.version / platform_name()
    file = view / "terraform.rc"
    with disk_errors(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink() or link.readlink() != unpacked:
            link.unlink(missing_ok=True)
            link.symlink_to(unpacked)
    text = (
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path    = "{view}"\n    include = ["{SOURCE}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{SOURCE}"]\n  }}\n}}\n'
    )
    if not file.is_file() or file.read_text() != text:
        write_atomically(file, text)
    return file


def _unpack(package: Package, cache: Path) -> Path:
    target = cache / "unpacked" / f"{package.version}-{_mark(package.path)}"
    if executable_in(target):
        return target
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            content = Path(temporary) / "content"
            with zipfile.ZipFile(package.path) as archive:
                archive.extractall(content)
            for program in content.glob("terraform-provider-aws*"):
                program.chmod(0o755)
            shutil.rmtree(target, ignore_errors=True)
            content.rename(target)
    return target


def _mark(path: Path) -> str:
    """Short, and different for each place and each state of a file."""
    status = path.stat()
    moment = f"{status.st_size}:{status.st_mtime_ns}" if path.is_file() else ""
    return hashlib.sha256(f"{path}:{moment}".encode()).hexdigest()[:8]
