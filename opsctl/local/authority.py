"""The local cloud's certificate authority: server certificates for the edge's host names and for databases.

It lies in the work folder, is made once, and is trusted by nobody but who is handed its certificate: no change to the
system. (Contract; the edge helper fills it.)
"""

from __future__ import annotations

from pathlib import Path


class Authority:
    """A certificate authority in a folder (0700); keys are 0600 files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def certificate_file(self) -> Path:
        """The authority's own certificate, PEM: what clients are told to trust."""
        raise NotImplementedError

    def issue(self, names: tuple[str, ...]) -> tuple[Path, Path]:
        """Certificate (with its chain) and key files for host names and addresses; the same ones the next time."""
        raise NotImplementedError
