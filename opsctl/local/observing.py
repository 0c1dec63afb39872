"""Looking on while the emulator's own functions work, without changing what they do."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Callable, MutableMapping
from typing import Any

Seen = Callable[..., None]
"""Called with the answer, the seconds that it took, and then the call's own arguments."""


def observe(module: Any, name: str, seen: Seen, *tables: MutableMapping[str, Any]) -> None:
    """Have `seen` told of each call of `module.name` that gave an answer.

    Args:
        tables: where the module also holds the function under another key (its table of actions).
    """
    original = getattr(module, name)

    def tell(answer: Any, begun: float, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        try:
            seen(answer, time.perf_counter() - begun, *arguments, **named)
        except Exception:
            logging.getLogger("opsctl").exception("observing %s", name)
        return answer

    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def observed_later(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            return tell(await original(*arguments, **named), begun, arguments, named)

        observed: Any = observed_later
    else:

        @functools.wraps(original)
        def observed_now(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            return tell(original(*arguments, **named), begun, arguments, named)

        observed = observed_now
    setattr(module, name, observed)
    for table in tables:
        table.update({key: observed for key, function in table.items() if function is original})
