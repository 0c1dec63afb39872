"""The embedded cloud: emulators, the gaps that we fill, and their one process.

Importing this loads no emulator: they live in the daemon (`python -m opsctl.local.daemon`).
"""

from opsctl.local.cloud import (
    CloudDidNotStart,
    Event,
    LocalCloud,
    NotInstalled,
    PortTaken,
    Running,
    Started,
    Starting,
    State,
    Status,
    Stopped,
)  # fmt: skip

__all__ = [
    "CloudDidNotStart",
    "Event",
    "LocalCloud",
    "NotInstalled",
    "PortTaken",
    "Running",
    "Started",
    "Starting",
    "State",
    "Status",
    "Stopped",
]
