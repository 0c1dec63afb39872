"""What a mutating command leaves in the environment's journal, whether it ended well or not."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, MutableMapping
from typing import Any

from opsctl.environments.ports import Ports
from opsctl.errors import Interrupted
from opsctl.journal import Entry
from opsctl.processes import CommandNotFound, run


@contextlib.contextmanager
def recorded(ports: Ports, command: str, details: dict[str, Any]) -> Iterator[MutableMapping[str, Any]]:
    """Record `command` when the block ends; what the block adds to the yielded details is recorded with it.

    A record that can't be written never hides the block's own error.
    """
    begin = ports.clock.monotonic()
    details |= {"commit": commit(ports)}
    try:
        yield details
    except BaseException as error:
        with contextlib.suppress(Exception):
            result = "interrupted" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed"
            _append(ports, command, result, begin, details | {"error": type(error).__name__})
        raise
    _append(ports, command, "done", begin, details)


def commit(ports: Ports) -> str:
    """The commit that the working tree is at, with "+changes" when it isn't clean; "" outside git."""
    try:
        here = ports.environment.stack
        head = run(["git", "-C", here, "rev-parse", "--short=12", "HEAD"])
        if head.status:
            return ""
        dirty = run(["git", "-C", here, "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
    except CommandNotFound:
        return ""
    return head.stdout.strip() + ("+changes" if dirty else "")


def _append(ports: Ports, command: str, result: str, begin: float, details: dict[str, Any]) -> None:
    ports.journal.append(
        Entry(
            environment=ports.environment.name,
            command=command,
            at=ports.clock.now().isoformat(timespec="seconds"),
            who=ports.identity.arn,
            host=socket.gethostname(),
            result=result,
            seconds=round(ports.clock.monotonic() - begin, 1),
            details=details,
        )
    )
