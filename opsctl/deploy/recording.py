"""What a deploy told its listener, kept as JSON lines: one event a line, with the seconds since the first one.

{"at": 0.0, "event": "DeployBegun", "deploy": {…}}
{"at": 5.5, "event": "Watched", "step": "10 %", "weights": {"7": 90, "8": 10}, "versions": […], …}
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

from opsctl.deploy.events import DeployEvent
from opsctl.environments.events import Notice
from opsctl.errors import UsageError


class Recording:
    """A listener that writes a deploy's events down and hands everything on. A context manager; each line is flushed.

    Args:
        file: written anew.
        hand_on: the next listener.
        monotonic: seconds.

    Raises:
        UsageError: the file can't be written; said before anything is deployed.
    """

    def __init__(
        self, file: Path, hand_on: Callable[[object], None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        try:
            self._out = file.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"The recording can't be written: {error.strerror}.", where=str(file)) from error
        self._hand_on, self._monotonic = hand_on, monotonic
        self._begun: float | None = None

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._out.close()

    def __call__(self, event: object) -> None:
        if isinstance(event, get_args(DeployEvent)):
            now = self._monotonic()
            self._begun = now if self._begun is None else self._begun
            line = {"at": round(now - self._begun, 2), "event": type(event).__name__} | asdict(event)
            self._write(json.dumps(line, default=str) + "\n")
        self._hand_on(event)

    def _write(self, line: str) -> None:
        if self._out.closed:
            return
        try:
            self._out.write(line)
            self._out.flush()
        except OSError as error:  # a full disk is no reason to leave a deploy half done
            with contextlib.suppress(OSError):
                self._out.close()
            self._hand_on(Notice(f"The recording ends here: {error.strerror}."))


def read_recording(file: Path) -> list[Mapping[str, Any]]:
    """The events of a recording, in order.

    Raises:
        UsageError: it is missing, or no recording.
    """
    try:
        events = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        if not all(isinstance(event, dict) and {"at", "event"} <= set(event) for event in events) or not events:
            raise ValueError("lines of a deploy's events are missing")
    except (OSError, ValueError) as error:
        raise UsageError(f"This is no recording of a deploy: {error}", where=str(file)) from error
    return events
