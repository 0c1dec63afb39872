"""No alarm of the stack watches a metric that nobody publishes. After the suite's systems ran (see conftest.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from opsctl.aws.clients import Aws
from tests.e2e.project import wait_for

SILENT_UNTIL_TROUBLE = {
    ("AWS/DynamoDB", "WriteThrottleEvents"): "ConsumedWriteCapacityUnits",
    ("AWS/EventBridge/Pipes", "ExecutionFailed"): "Invocations",
    ("AWS/Events", "FailedInvocations"): "Invocations",
    ("AWS/SNS", "NumberOfNotificationsFailed"): "NumberOfMessagesPublished",
    ("AWS/Scheduler", "InvocationDroppedCount"): "InvocationAttemptCount",
    ("AWS/States", "ExecutionsFailed"): "ExecutionsStarted",
    ("AWS/States", "ExecutionsTimedOut"): "ExecutionsStarted",
}
"""AWS publishes these when there is something to tell, and not as 0 (docs/local-cloud.md): another metric of the same
namespace and dimensions shows that the thing is the right one, and lives."""

Key = tuple[str, str, frozenset[tuple[str, str]]]


def in_both_regions(aws: Aws, operation: str, kind: str) -> Iterator[dict[str, Any]]:
    """CloudFront and its web ACL report to us-east-1."""
    for region in (None, "us-east-1"):
        yield from aws.pages("cloudwatch", operation, kind, region=region)


def key(metric: dict[str, Any], name: str = "") -> Key:
    dimensions = frozenset((one["Name"], one["Value"]) for one in metric.get("Dimensions", []))
    return metric["Namespace"], name or metric["MetricName"], dimensions


def test_every_alarm_watches_a_metric_that_is_published(aws: Aws) -> None:
    alarms = list(in_both_regions(aws, "describe_alarms", "MetricAlarms"))
    assert len(alarms) > 10

    def unfed() -> list[str]:
        published = {key(metric) for metric in in_both_regions(aws, "list_metrics", "Metrics")}
        return [f"{alarm['AlarmName']}: {wanted}" for alarm in alarms if (wanted := shown_by(alarm)) not in published]

    with suppress(AssertionError):  # metrics are there within seconds of what they tell of
        wait_for(lambda: not unfed(), seconds=10)
    assert unfed() == []


def shown_by(alarm: dict[str, Any]) -> Key:
    """The metric that must be there."""
    return key(alarm, SILENT_UNTIL_TROUBLE.get((alarm["Namespace"], alarm["MetricName"]), ""))
