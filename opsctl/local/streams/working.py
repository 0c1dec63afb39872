"""A batch of a shard's records, worked off: tried, halved, tried again, given up. The same for mappings and pipes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from opsctl.local.streams.attempts import Attempt, Outcome, Policy, StreamRecord, after, too_old


@dataclass(frozen=True)
class Work:
    """What working off a batch needs to know and to do.

    Attributes:
        policy: asked before each attempt; None: stop, as nobody wants it any more.
        run: makes an attempt. How it went (None: it wasn't made, and doesn't count), and the word for its error.
        give_up: gets records that are not tried again, the condition, how often they were tried, and that word.
        move: everything up to this sequence number is done or given up.
        now: seconds since 1970.
        first_pause, longest_pause: between attempts, in seconds; doubled as long as nothing is done.
    """

    policy: Callable[[], Policy | None]
    run: Callable[[Attempt, Policy], Awaitable[tuple[Outcome | None, str]]]
    give_up: Callable[[Sequence[StreamRecord], str, int, str], Awaitable[None]]
    move: Callable[[str], None]
    now: Callable[[], float]
    first_pause: float
    longest_pause: float


async def work_off(records: tuple[StreamRecord, ...], work: Work) -> bool:
    """Until every record is done or given up; False: it was stopped before."""
    attempts, pause = [Attempt(records)] if records else [], work.first_pause
    while attempts:
        policy = work.policy()
        if policy is None:
            return False
        attempt = attempts.pop(0)
        if old := too_old(attempt.records, policy, now=work.now()):
            await work.give_up(attempt.records[:old], "RecordAgeExceeded", attempt.failures, "")
            work.move(attempt.records[old - 1].sequence)
            attempts[:0] = [Attempt(attempt.records[old:], attempt.failures)] if attempt.records[old:] else []
            continue
        outcome, error = await work.run(attempt, policy)
        if outcome is None:
            attempts.insert(0, attempt)
        else:
            step = after(attempt, outcome, policy)
            attempts[:0] = step.attempts
            if step.given_up:
                await work.give_up(step.given_up, "RetryAttemptsExhausted", attempt.failures + 1, error)
            if finished := [*attempt.records[: outcome.done], *step.given_up]:
                work.move(finished[-1].sequence)
                pause = work.first_pause
                continue
        await asyncio.sleep(pause)
        pause = min(pause * 2, work.longest_pause)
    return True
