"""What CloudWatch is told of a database, from the kernel and the server itself.

Names and units: Amazon RDS user guide, "Amazon CloudWatch metrics for Amazon RDS"
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html). Not measured, and so not published: latencies
(the server counts operations and bytes, not their time), burst balances, replication.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl import proc
from opsctl.local.databases.server import Server

STATUS = {
    "connections": "Threads_connected",
    "reads": "Innodb_data_reads",
    "writes": "Innodb_data_writes",
    "bytes_read": "Innodb_data_read",
    "bytes_written": "Innodb_data_written",
    "pending": "Innodb_data_pending_writes",
    "received": "Bytes_received",
    "sent": "Bytes_sent",
}
"""Sample's field → MariaDB's status variable."""

RATES = {
    "ReadIOPS": ("reads", "Count/Second"),
    "WriteIOPS": ("writes", "Count/Second"),
    "ReadThroughput": ("bytes_read", "Bytes/Second"),
    "WriteThroughput": ("bytes_written", "Bytes/Second"),
    "NetworkReceiveThroughput": ("received", "Bytes/Second"),
    "NetworkTransmitThroughput": ("sent", "Bytes/Second"),
}


@dataclass(frozen=True)
class Sample:
    """One look at a server.

    Attributes:
        pid: another one than before means that the counters began anew.
        at: monotonic seconds; cpu_seconds: used since the process began; idle_memory, stored, disk_free: bytes.
        counters: by the keys of STATUS.
    """

    pid: int
    at: float
    cpu_seconds: float
    idle_memory: int
    stored: int
    disk_free: int
    counters: Mapping[str, int]


def take(server: Server, at: float) -> Sample | None:
    """A sample; None when the server can't be asked just now. Blocks."""
    import pymysql

    child = server.child
    if child is None or child.status is not None:
        return None
    names = ", ".join("%s" for _ in STATUS)
    try:
        rows = server.query(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})", tuple(STATUS.values()))
        said = {str(name): int(value) for name, value in rows}
        return Sample(
            pid=child.pid, at=at, cpu_seconds=proc.cpu_seconds(child.pid), idle_memory=proc.available_memory() or 0,
            stored=stored_bytes(server.folder), disk_free=shutil.disk_usage(server.folder).free,
            counters={field: said.get(name, 0) for field, name in STATUS.items()},
        )  # fmt: skip
    except (OSError, ValueError, pymysql.Error):
        return None


def values(before: Sample | None, now: Sample, *, storage_bytes: int, cpus: int) -> dict[str, tuple[float, str]]:
    """Metric → (value, unit). What is a rate needs an earlier sample of the same process.

    Args:
        storage_bytes: the instance's allocated storage; no more is free than the machine's disk has.
    """
    told: dict[str, tuple[float, str]] = {
        # Without our own connection, by which we ask.
        "DatabaseConnections": (max(0, now.counters["connections"] - 1), "Count"),
        "FreeStorageSpace": (max(0, min(storage_bytes - now.stored, now.disk_free)), "Bytes"),
        "FreeableMemory": (now.idle_memory, "Bytes"),
        "DiskQueueDepth": (now.counters["pending"], "Count"),
    }
    if before is None or before.pid != now.pid or now.at <= before.at:
        return told
    seconds = now.at - before.at
    busy = (now.cpu_seconds - before.cpu_seconds) / seconds / cpus
    told["CPUUtilization"] = (min(100.0, max(0.0, 100 * busy)), "Percent")
    for name, (field, unit) in RATES.items():
        told[name] = (max(0, now.counters[field] - before.counters[field]) / seconds, unit)
    return told


def stored_bytes(folder: Path) -> int:
    """What a folder's files take of the disk. Files may come and go meanwhile."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.stat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH116, PTH118 - hot loop
            except OSError:
                continue
    return total
