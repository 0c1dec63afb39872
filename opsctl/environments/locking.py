"""The lock of an environment: one command at a time changes it, and everybody can see who, since when and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports
from opsctl.terraform.lock import exclusive

LOCK = "lock"
"""File in the work folder: held from the first look at the state until the last, so that no two commands mix."""


@contextlib.contextmanager
def locked(ports: Ports, command: str, intent: Intent) -> Iterator[None]:
    """Hold the environment's lock.

    Raises:
        LockHeld: somebody else has it, also after `intent.lock_wait_seconds`.
    """
    file = ports.environment.work / LOCK
    with exclusive(file, command=command, wait_seconds=intent.lock_wait_seconds, clock=ports.clock):
        yield
