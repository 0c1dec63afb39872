"""Target health: what consecutive checks make of a target, and one check."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from enum import Enum

from opsctl.local.network.forwarder import Address

HASTE = 10.0
"""Checks come this many times as often as configured (every second instead of every 10 s), so that an `up` need not
wait. Only bad news of a target that never was healthy takes its full time: its process is still starting."""


class State(Enum):
    """A target's state, as DescribeTargetHealth names it."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class Health:
    """What is known of a target. `reason` and `description` are for UNHEALTHY; in a row are checks of one outcome."""

    state: State = State.INITIAL
    reason: str = ""
    description: str = ""
    in_a_row: int = 0
    last_passed: bool = True


@dataclass(frozen=True)
class Check:
    """How a target group checks.

    Attributes:
        protocol: TCP, HTTP or HTTPS (looked at as TCP).
        codes: status codes that pass, as (first, last).
        interval_seconds: as configured; checks come HASTE times as often.
    """

    protocol: str
    path: str
    codes: tuple[tuple[int, int], ...]
    interval_seconds: float
    timeout_seconds: float
    healthy_threshold: int
    unhealthy_threshold: int


@dataclass(frozen=True)
class Outcome:
    """One check. Without a reason it passed (reasons: ELBv2 API reference, TargetHealth)."""

    reason: str = ""
    description: str = ""


NO_CONNECTION = Outcome("Target.FailedHealthChecks", "Health checks failed")
TIMED_OUT = Outcome("Target.Timeout", "Request timed out")


def after(health: Health, outcome: Outcome, check: Check) -> Health:
    """The health after one more check."""
    passed = not outcome.reason
    in_a_row = health.in_a_row + 1 if passed == health.last_passed else 1
    known = replace(health, in_a_row=in_a_row, last_passed=passed)
    if passed and in_a_row >= check.healthy_threshold:
        return replace(known, state=State.HEALTHY, reason="", description="")
    patience = HASTE if health.state is State.INITIAL else 1
    if not passed and (in_a_row >= check.unhealthy_threshold * patience or health.state is State.UNHEALTHY):
        return replace(known, state=State.UNHEALTHY, reason=outcome.reason, description=outcome.description)
    return known


def status_codes(matcher: str) -> tuple[tuple[int, int], ...]:
    """The codes of a matcher: "200", "200,302", "200-399".

    Raises:
        ValueError: it is none.
    """
    ranges = (part.partition("-") for part in matcher.split(","))
    return tuple((int(first), int(last or first)) for first, _, last in ranges)


async def probe(address: Address | None, host: str, check: Check) -> Outcome:
    """Check a target once, over a connection of its own.

    Args:
        address: where it answers; None where nothing does.
        host: its own address and port, the Host header.
    """
    if address is None:
        return NO_CONNECTION
    try:
        async with asyncio.timeout(check.timeout_seconds):
            return await _ask(address, host, check)
    except TimeoutError:
        return TIMED_OUT
    except (OSError, ValueError, IndexError):
        return NO_CONNECTION


async def _ask(address: Address, host: str, check: Check) -> Outcome:
    reader, writer = await asyncio.open_connection(*address)
    try:
        if check.protocol != "HTTP":
            return Outcome()
        writer.write(
            f"GET {check.path or '/'} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        status = int((await reader.readline()).split()[1])
        if any(first <= status <= last for first, last in check.codes):
            return Outcome()
        return Outcome("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
