"""What a person says beside the command itself. It goes into the lock, past the guards and into the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Intent:
    """Why a command is run, and how.

    Attributes:
        why: a sentence for those who find the lock or the record.
        lock_wait_seconds: how long to wait for somebody else's lock; 0 gives up at once.
        overrides: guard → the reason why it does not hold this once. Each one used is recorded.
        plan_file: the saved plan that was looked at (and approved); only what it says is applied.
    """

    why: str = ""
    lock_wait_seconds: float = 0
    overrides: Mapping[str, str] = field(default_factory=dict)
    plan_file: Path | None = None


UNSAID = Intent()
