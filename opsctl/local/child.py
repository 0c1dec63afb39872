"""A process that the local cloud runs for a resource: an instance's JVM, a database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from opsctl import processes


class Child:
    """A started process. It carries the cloud's mark (through `environment`), so that `local stop` finds it."""

    def __init__(self, argv: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
        """Start it in `folder`, with what it prints appended to `log`. The mark comes from our own environment.

        Raises:
            CommandNotFound, DiskFull: as `processes.start`.
        """
        from opsctl.local.cloud import MARK

        mark = {MARK: os.environ[MARK]} if MARK in os.environ else {}
        self._process = processes.start(argv, env={**environment, **mark}, cwd=folder, output=log)
        self.pid = self._process.pid
        self.log = log

    @property
    def status(self) -> int | None:
        """Its exit status once it has ended (negative: the signal), else None."""
        return self._process.poll()

    async def ended(self) -> int:
        """Wait for its end, without a thread."""
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return self._process.wait()
        loop.add_reader(descriptor, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return self._process.wait()

    async def stop(self, seconds: float, *, first: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; kill it when it has not ended after `seconds`. Gives its exit status."""
        self.signal(first)
        try:
            return await asyncio.wait_for(self.ended(), seconds)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return await self.ended()

    def signal(self, number: signal.Signals) -> None:
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
