"""The logs of an environment's runs, private to their user, and the state that Terraform prints into one when it can
store it nowhere else."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from opsctl.files import DiskFull, disk_errors, write_atomically
from opsctl.terraform.events import Event, Log, parse_event

EMERGENCY = "Emergency state dump"
"""Begins the line in which Terraform prints a state that it could write nowhere."""


def new_log(work: Path, command: str, now: datetime) -> Path:
    """An empty file for everything that a command says.

    Raises:
        DiskFull.
    """
    log = work / "logs" / f"{now:%Y%m%dT%H%M%S.%f}-{command.replace(' ', '-')}.log"
    private_folder(log.parent)
    private_file(log)
    return log


def event_of(line: str, mask: Callable[[str], str]) -> Event:
    """One line of a log as it may be shown."""
    if EMERGENCY in line[:200]:  # the line holds the whole state, secrets included
        return Log("Terraform could not store its state.", "error")
    return parse_event(mask(line))


def seal(log: Path, mask: Callable[[str], str]) -> None:
    """Mask secrets in a log that nobody writes to any more."""
    text = log.read_text(errors="replace")
    masked = re.sub(rf"^.*{EMERGENCY}.*$", f"{EMERGENCY} (kept apart)", mask(text), flags=re.MULTILINE)
    if masked != text:
        write_atomically(log, masked, mode=0o600)


def rescue_state(log: Path, errored: Path, *, into: Path) -> bool:
    """Keep a state that Terraform could not store: it wrote `errored`, or else printed it. True if there was one, also
    if it could be kept nowhere."""
    texts = [errored.read_text(errors="replace")] if errored.is_file() else []
    texts += [line for line in log.read_text(errors="replace").splitlines() if EMERGENCY in line[:200]]
    for text in texts:
        with contextlib.suppress(ValueError, DiskFull):
            document = json.loads(text)
            write_atomically(into, json.dumps(document.get("state", document)), mode=0o600)
            errored.unlink(missing_ok=True)
            break
    return bool(texts)


def private_folder(folder: Path) -> None:
    """Raises DiskFull."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def private_file(file: Path) -> None:
    """Make it anew, empty. Raises DiskFull."""
    with disk_errors(file):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        file.chmod(0o600)
