"""What the local cloud does beside answering requests: again and again, or once and until it is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable


class Background:
    """Work that goes on until it is done, or the cloud stops. To be made where the loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Awaitable[object]) -> None:
        """Have it done. From any thread; its context variables (an emulator's account and region) are the caller's."""
        self._loop.call_soon_threadsafe(self._begin, work)

    def cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _begin(self, work: Awaitable[object]) -> None:
        task = self._loop.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _logged(work: Awaitable[object]) -> None:
    try:
        await work
    except Exception:
        logging.getLogger("opsctl").exception("%s", getattr(work, "__qualname__", work))


async def every(seconds: float, work: Callable[[], Awaitable[object] | object]) -> None:
    """Wait, work, and so on until cancelled. What fails once is told, and does not end it."""
    await whenever(lambda: asyncio.sleep(seconds), work)


async def whenever(pause: Callable[[], Awaitable[object]], work: Callable[[], Awaitable[object] | object]) -> None:
    """As `every`; `pause` returns when it is time to work."""
    while True:
        await pause()
        try:
            working = work()
            if isinstance(working, Awaitable):
                await working
        except Exception:
            logging.getLogger("opsctl").exception("%s", getattr(work, "__qualname__", work))
