"""All instances of a cloud: a running record of moto's EC2 gets a process, and a process that ends ends its record."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opsctl.clock import Clock, SystemClock
from opsctl.local.instances.instance import Instance
from opsctl.local.metrics import Metric
from opsctl.local.repeating import Background

if TYPE_CHECKING:
    from opsctl.local.gaps.gap import Cloud

LAST_STOP_SECONDS = 2.0
"""What processes get when the whole cloud stops."""
ASG_NAME_TAG = "aws:autoscaling:groupName"


class Fleet:
    """The instances of every account and region."""

    def __init__(self, cloud: Cloud, clock: Clock | None = None) -> None:
        self._cloud, self._clock = cloud, clock or SystemClock()
        self._instances: dict[str, Instance] = {}
        self._background = Background()
        self._cpu: dict[str, tuple[float, float]] = {}
        shutil.rmtree(cloud.work / "instances", ignore_errors=True)

    def settle(self) -> bool:
        """Start what shall run and does not, stop what shall not, and mark what ended. Whether a record changed."""
        changed = False
        records = {record.id: record for record in _records()}
        for instance_id, record in records.items():
            instance = self._instances.get(instance_id)
            if instance is None and record.state == "running" and record.user_data:
                self._instances[instance_id] = instance = Instance(self._cloud, record)
                self._background.start(instance.run())
            elif instance is not None and instance.ended is not None and record.state == "running":
                _mark_dead(record, instance.ended)
                changed = True
        gone = [one for one in self._instances if one not in records or records[one].state != "running"]
        for instance_id in gone:
            self._background.start(self._instances.pop(instance_id).stop())
            self._cpu.pop(instance_id, None)
        return changed

    def copy_logs(self) -> None:
        for instance in self._instances.values():
            instance.copy_log()

    async def close(self) -> None:
        """End every process."""
        stopping = [instance.stop(LAST_STOP_SECONDS) for instance in self._instances.values()]
        self._instances.clear()
        await asyncio.gather(*stopping, return_exceptions=True)
        self._background.cancel()

    def report(self) -> None:
        """Record the metrics of the time since the last report (namespace AWS/EC2).

        The processor's share is the process's; AWS's is the whole machine's. Status checks fail where nothing runs.
        Source: EC2 user guide, "List the available CloudWatch metrics for your instances".
        """
        now = self._clock.monotonic()
        for record in _records():
            instance = self._instances.get(record.id)
            if instance is None:
                continue
            used = instance.cpu_seconds()
            before, then = self._cpu.get(record.id, (used, now - 1))
            self._cpu[record.id] = (used, now)
            failed = float(instance.ended is not None)
            values = {
                "CPUUtilization": (100 * (used - before) / (now - then), "Percent"),
                "StatusCheckFailed": (failed, "Count"),
                "StatusCheckFailed_Instance": (failed, "Count"),
                "StatusCheckFailed_System": (0.0, "Count"),
            }
            group = next((tag["value"] for tag in record.get_tags() if tag["key"] == ASG_NAME_TAG), None)
            dimensions = [{"InstanceId": record.id}, *([{"AutoScalingGroupName": group}] if group else [])]
            self._cloud.metrics.record_sets(
                dimensions, account_id=record.owner_id, region=record.region_name, namespace="AWS/EC2", values=values
            )


def report_groups(cloud: Cloud, groups: Iterator[Any]) -> None:
    """Record the group metrics that were asked for (EnableMetricsCollection, namespace AWS/AutoScaling)."""
    for group in groups:
        states = [state.lifecycle_state for state in group.instance_states]
        values = {
            "GroupMinSize": group.min_size,
            "GroupMaxSize": group.max_size,
            "GroupDesiredCapacity": group.desired_capacity,
            "GroupInServiceInstances": states.count("InService"),
            "GroupPendingInstances": 0,
            "GroupStandbyInstances": states.count("Standby"),
            "GroupTerminatingInstances": states.count("Terminating"),
            "GroupTotalInstances": len(states),
        }
        for name in set(group.metrics or ()) & set(values):
            metric = Metric(
                group.account_id, group.region, "AWS/AutoScaling", name, (("AutoScalingGroupName", group.name),), "None"
            )
            cloud.metrics.record(metric, float(values[name] or 0))


def _records() -> Iterator[Any]:
    from moto.backends import get_backend

    for regions in list(get_backend("ec2").values()):
        for backend in list(regions.values()):
            for reservation in list(backend.reservations.values()):
                yield from reservation.instances


def _mark_dead(record: Any, status: int) -> None:
    """The record of an instance whose process ended by itself (EC2 API reference, StateReason)."""
    from moto.backends import get_backend
    from moto.ec2.models.instances import StateReason

    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    record.terminate()
    record._reason = f"Server.InternalError ({datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC)"
    record.state_reason = StateReason(
        f"Server.InternalError: The instance's process ended ({how})", "Server.InternalError"
    )
    get_backend("elbv2")[record.owner_id][record.region_name].notify_terminate_instances([record.id])
