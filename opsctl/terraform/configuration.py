"""The Terraform code of a stack as files: what belongs to it, its fingerprint, and when `init` must run again."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

LOCAL_SOURCE = re.compile(r'^\s*source\s*=\s*"(\.\.?/[^"]*)"', re.MULTILINE)
INIT_LINE = re.compile(r'^\s*module\s+"|\bsource\s*=|\bversion\s*=|\bbackend\s+"|required_')
LOCKED_VERSION = re.compile(r'provider\s+"registry\.terraform\.io/hashicorp/aws"\s*\{\s*version\s*=\s*"([^"]+)"')
LOCK_FILE = ".terraform.lock.hcl"


def module_folders(stack: Path) -> list[Path]:
    """The stack's folder and those of every local module that it reaches, sorted."""
    found: set[Path] = set()
    todo = [stack.resolve()]
    while todo:
        folder = todo.pop()
        if folder in found or not folder.is_dir():
            continue
        found.add(folder)
        for file in folder.glob("*.tf"):
            todo += [(folder / source).resolve() for source in LOCAL_SOURCE.findall(_text(file))]
    return sorted(found)


def source_files(stack: Path) -> list[Path]:
    """Every .tf file of the stack and its local modules, sorted."""
    return [file for folder in module_folders(stack) for file in sorted(folder.glob("*.tf"))]


BUILT = {"target", "build", "dist", "node_modules", "tests"}
"""Folders whose content decides nothing: what is built from sources that are there, and tests."""


def deciding_files(stack: Path) -> list[Path]:
    """Every file of the stack and its local modules that may decide what an apply does, sorted: code, templates, the
    sources of functions, which a plan does not name. Hidden ones, tests, states and documentation are left out."""
    found: set[Path] = set()
    todo = module_folders(stack)
    while todo:
        for path in todo.pop().iterdir():
            if path.name.startswith((".", "__")) and path.suffix != ".py":
                continue
            if path.is_dir() and path.name not in BUILT:
                todo.append(path)
            elif path.is_file() and path.suffix != ".md" and ".tfstate" not in path.name:
                found.add(path)
    return sorted(found)


def configuration_sha256(stack: Path, others: Iterable[Path] = ()) -> str:
    """Fingerprint of all that decides (see `deciding_files`) and of `others` (variables files), by content and name.

    It is the same wherever the checkout lies: files are named as seen from the stack, `others` by their last name.
    """
    digest = hashlib.sha256()
    stack = stack.resolve()
    names = [(os.path.relpath(file, stack), file) for file in deciding_files(stack)]
    for name, file in (*sorted(names), *((file.name, file) for file in others)):
        content = file.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def init_sha256(stack: Path, *settings: str) -> str:
    """Fingerprint of what `init` depends on: modules, providers, backend, lock file and `settings`."""
    code = _sha256(source_files(stack), lambda t: "\n".join(line for line in t.splitlines() if INIT_LINE.search(line)))
    return hashlib.sha256("\0".join((code, _text(stack / LOCK_FILE), *settings)).encode()).hexdigest()


def locked_version(stack: Path) -> str:
    """The AWS provider's version in the dependency lock file; "" if it has none."""
    match = LOCKED_VERSION.search(_text(stack / LOCK_FILE))
    return match.group(1) if match else ""


def _sha256(files: Iterable[Path], part: Callable[[str], str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0{part(_text(file))}\0".encode())
    return digest.hexdigest()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
