"""How much a WebSocket API takes.

Source: API Gateway developer guide, "Amazon API Gateway quotas and important notes", quotas of WebSocket APIs.
"""

from __future__ import annotations

from dataclasses import dataclass

FRAME_BYTES = 32 * 1024
MESSAGE_BYTES = 128 * 1024
IDLE_SECONDS = 10 * 60
LONGEST_SECONDS = 2 * 60 * 60
INTEGRATION_SECONDS = 29.0

NORMAL, GOING_AWAY, MESSAGE_TOO_BIG = 1000, 1001, 1009
"""Close codes (RFC 6455 section 7.4.1): DeleteConnection, both time limits, both size limits."""


@dataclass
class Size:
    """What of the current frame and message has come so far, in bytes."""

    frame: int = 0
    message: int = 0

    def add(self, count: int, *, frame_ends: bool, message_ends: bool) -> bool:
        """Count one piece. Gives whether frame and message are still within their limits."""
        self.frame, self.message = self.frame + count, self.message + count
        within = self.frame <= FRAME_BYTES and self.message <= MESSAGE_BYTES
        if frame_ends:
            self.frame = 0
        if message_ends:
            self.message = 0
        return within


@dataclass
class Bucket:
    """A token bucket: `rate` requests a second, `burst` at once. `level` is what is left at monotonic time `at`."""

    rate: float
    burst: float
    level: float
    at: float

    @classmethod
    def full(cls, rate: float, burst: float, now: float) -> Bucket:
        return cls(rate, burst, burst, now)

    def take(self, now: float) -> bool:
        """One token, if there is one."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


def seconds_left(now: float, *, opened: float, active: float) -> float:
    """How long a connection may stay as it is: until it was idle, or open, for too long. All in monotonic seconds."""
    return min(active + IDLE_SECONDS, opened + LONGEST_SECONDS) - now
