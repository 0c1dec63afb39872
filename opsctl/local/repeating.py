"""What the local cloud does again and again beside answering requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable


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
