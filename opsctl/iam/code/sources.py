"""Where a function's modules are: its folder or zip, and the layers beside it."""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

LARGEST_FILE = 2_000_000
"""Bytes of a module; nobody writes a larger one by hand, and parsing takes about 100 times its size in memory."""

KNOWN = frozenset({
    "aioboto3", "aiobotocore", "aws_lambda_powertools", "aws_xray_sdk", "boto3", "botocore", "mypy_boto3", "s3transfer",
    "types_boto3", "typing_extensions",
})  # fmt: skip
"""Libraries whose meaning `library` knows: not read, even where they are packed with the code."""


@dataclass(frozen=True)
class Source:
    """A module's text.

    Attributes:
        file: for people.
        tree: None where it doesn't parse; then `problem` says why.
    """

    name: str
    file: str
    tree: ast.Module | None
    package: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Sources:
    """Folders and zips that Python would look in, in this order."""

    roots: tuple[Any, ...]  # pathlib.Path or zipfile.Path
    packed: frozenset[str] = frozenset()
    found: dict[str, Source | None] = field(default_factory=dict, repr=False, compare=False)

    def find(self, name: str) -> Source | None:
        """The module of this dotted name; None: it isn't of this code."""
        if name not in self.found:
            self.found[name] = self._find(name)
        return self.found[name]

    def _find(self, name: str) -> Source | None:
        parts = name.split(".")
        if parts[0] in KNOWN or parts[0] in self.packed or parts[0].startswith("mypy_boto3_"):
            return None
        for root in self.roots:
            folder = root
            for part in parts[:-1]:
                folder = folder / part
            package = folder / parts[-1] / "__init__.py"
            if package.is_file():
                return _read(package, name, package=True)
            if (module := folder / f"{parts[-1]}.py").is_file():
                return _read(module, name)
            if (folder / parts[-1]).is_dir() and parts[0] not in sys.stdlib_module_names:
                return Source(name, "", ast.Module([], []), package=True)  # a namespace package
        return None

    def names(self) -> Iterator[str]:
        """Every module of the first root, tests apart."""
        yield from _modules(self.roots[0], "") if self.roots else ()


def sources(code: str, layers: Sequence[str] = ()) -> Sources:
    """Of a function's folder, zip or single file, and of the layers that it has.

    Raises OSError, zipfile.BadZipFile.
    """
    roots: list[Any] = []
    for path in map(Path, (code, *layers)):
        if path.is_dir():
            roots.append(path)
            roots += [inner for inner in (path / "python",) if inner.is_dir()]
        elif path.suffix == ".zip":
            archive = zipfile.Path(zipfile.ZipFile(path))
            roots.append(archive)
            if (archive / "python").is_dir():
                roots.append(archive / "python")
        else:
            roots.append(path.parent)
    packed = {
        re.split(r"-\d", entry.name)[0].lower().replace("-", "_")
        for root in roots for entry in root.iterdir() if entry.name.endswith((".dist-info", ".egg-info"))
    }  # fmt: skip
    return Sources(tuple(roots), frozenset(packed))


def _modules(folder: Any, prefix: str, depth: int = 0) -> Iterator[str]:
    for entry in sorted(folder.iterdir(), key=lambda each: str(each.name)):
        stem = entry.name[:-3] if entry.name.endswith(".py") else entry.name
        if not stem.isidentifier() or stem.startswith("test_") or stem in ("tests", "conftest", "setup"):
            continue
        if entry.name.endswith(".py"):
            yield prefix.rstrip(".") if stem == "__init__" else f"{prefix}{stem}"
        elif entry.is_dir() and depth < 8 and stem not in KNOWN | {"node_modules", "python", "build", "dist"}:
            yield from _modules(entry, f"{prefix}{stem}.", depth + 1)


def _read(path: Any, name: str, *, package: bool = False) -> Source:
    changed = path.stat() if isinstance(path, Path) else None
    return _parsed(path, name, package, changed and (changed.st_mtime_ns, changed.st_size))


@lru_cache(maxsize=4096)
def _parsed(path: Any, name: str, package: bool, version: Any) -> Source:
    file = path.as_posix() if isinstance(path, Path) else str(path)
    try:
        raw = path.read_bytes()
        if len(raw) > LARGEST_FILE:
            return Source(name, file, None, package, f"is larger than {LARGEST_FILE} bytes")
        return Source(name, file, ast.parse(raw), package)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Source(name, file, None, package, f"doesn't parse: {error}")
    except OSError as error:
        return Source(name, file, None, package, f"can't be read: {error.strerror or error}")
