"""Files that a run leaves: which kinds there are, and that they can be written, known before anything runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from opsctl.errors import UsageError
from opsctl.files import write_atomically
from opsctl.smoke.check import Report
from opsctl.smoke.html_report import to_html
from opsctl.smoke.junit import to_junit

WRITERS: Mapping[str, Callable[[Report], bytes]] = {"junit": to_junit, "html": to_html}


class CannotWrite(UsageError):
    """A report's file can't be written there."""


def report_file(given: str, environment: str) -> Path:
    """The file that `--report` names: one that ends in .html, or the word html for one beside us.

    Raises:
        CannotWrite: it is another kind of file.
    """
    if given == "html":
        return Path(f"smoke-{environment}.html")
    if Path(given).suffix.lower() not in (".html", ".htm"):
        raise CannotWrite(f"A report is HTML; {given!r} is not the name of such a file.", next="--report smoke.html")
    return Path(given)


def require_writable(*files: Path) -> None:
    """Raises:
    CannotWrite: one of the files could not be written; nothing was run.
    """
    for file in files:
        if file.is_dir():
            raise CannotWrite(f"{file} is a folder.", next="Name a file in it.")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=file.parent):
                pass
        except OSError as error:
            raise CannotWrite(f"{file} can't be written: {error.strerror}.", where=str(file.parent)) from error


def write_reports(report: Report, files: Mapping[str, Path]) -> None:
    """Write each kind of report to its file; a reader sees the one before or this one, never half of it.

    Raises:
        CannotWrite, DiskFull: the file is as it was.
    """
    for kind, file in files.items():
        try:
            write_atomically(file, WRITERS[kind](report))
        except OSError as error:
            raise CannotWrite(f"{file} can't be written: {error.strerror}.", where=str(file.parent)) from error
