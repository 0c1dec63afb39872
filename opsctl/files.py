"""Durable files: a reader sees the old content or the new, never half of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from opsctl.errors import OpsctlError


class DiskFull(OpsctlError):
    """A file could not be written for want of space. The file that was there before is untouched."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk is full: {path.name or 'a file'} was not written.",
            where=str(path) if path.name else "",
            next="Free some space (opsctl doctor shows how much is needed) and run the command again.",
        )


def is_disk_full(error: BaseException) -> bool:
    """Whether an error means no space left, quota exceeded or file too large."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn 'no space left', 'quota exceeded' and 'file too large' into `DiskFull`; let every other error pass."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(path) from error
        raise


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write to a temporary file beside `path`, fsync, rename, fsync the folder.

    Raises:
        DiskFull: nothing was changed.
    """
    data = content.encode() if isinstance(content, str) else content
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)


def sha256_of(file: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def fsync_folder(folder: Path) -> None:
    """Make a rename, creation or removal in `folder` survive a crash."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
