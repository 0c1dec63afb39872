"""Built files, kept by what they were made from: the same inputs are built once for all projects of this user."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opsctl.files import disk_errors, sha256_of


@dataclass(frozen=True)
class BuildCache:
    """Files named `<hash of the inputs>-<hash of the content><suffix>`: the second part shows a damaged one.

    Attributes:
        suffix: with its dot, such as ".zip".
    """

    folder: Path
    suffix: str

    def take(self, inputs_hash: str) -> Path | None:
        """The file that was built of these inputs. A damaged one is removed."""
        for file in self.folder.glob(f"{inputs_hash}-*{self.suffix}"):
            if file.stem.rpartition("-")[2] == sha256_of(file):
                return file
            file.unlink(missing_ok=True)
        return None

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A folder to build in, on the cache's own file system, gone afterwards.

        Raises:
            DiskFull: nothing was left half written.
        """
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=self.folder) as scratch:
                yield Path(scratch)

    def keep(self, inputs_hash: str, made: Path) -> Path:
        """Take over a file that was made in the scratch folder, and say where it lies now."""
        stored = self.folder / f"{inputs_hash}-{sha256_of(made)}{self.suffix}"
        made.replace(stored)
        return stored


def place(stored: Path, file: Path) -> None:
    """Put a cached file where it is wanted: a reader of `file` sees the old one or the new, never half of one.

    Raises:
        DiskFull: `file` is as it was.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        try:
            os.link(stored, temporary)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(stored, temporary)
        temporary.replace(file)
        temporary.unlink(missing_ok=True)  # rename(2) does nothing where both names already are one file


def hash_files(files: Iterable[tuple[str, Path]], *, begin: str) -> str:
    """SHA-256 (hex) of names, modes and contents, after `begin`, which says what else decides the result."""
    digest = hashlib.sha256(begin.encode())
    for name, file in files:
        content = file.read_bytes()
        digest.update(f"{name}\0{mode_of(file):o}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def mode_of(file: Path) -> int:
    """One of two modes: git keeps the owner's execute bit and nothing else, and a umask must not count."""
    return 0o755 if file.stat().st_mode & 0o100 else 0o644
