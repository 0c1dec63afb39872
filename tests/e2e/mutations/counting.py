"""What there is in an environment, to see that nothing was left behind."""

from __future__ import annotations

import time
from typing import Any

from opsctl.smoke import SmokeTarget
from tests.e2e.project import wait_for

QUIET_SECONDS = 3


def when_quiet(target: SmokeTarget) -> dict[str, Any]:
    """`counted`, once the pipelines of what ran before have come to their ends."""

    def look() -> dict[str, Any] | None:
        before = counted(target)
        time.sleep(QUIET_SECONDS)
        return before if counted(target) == before else None

    found: dict[str, Any] = wait_for(look, seconds=90, what="an environment where nothing moves")
    return found


def counted(target: SmokeTarget) -> dict[str, Any]:
    """How much there is of everything that a check might forget to remove."""
    aws = target.aws
    buckets = [name for name in aws.pages("s3", "list_buckets", "Buckets[].Name") if name.startswith(target.prefix)]
    tables = list(aws.pages("dynamodb", "list_tables", "TableNames"))
    return {
        "objects": {
            bucket: sorted(aws.pages("s3", "list_objects_v2", "Contents[].Key", Bucket=bucket)) for bucket in buckets
        },
        "items": {table: aws.call("dynamodb", "scan", TableName=table, Select="COUNT")["Count"] for table in tables},
        "queues": sorted(aws.pages("sqs", "list_queues", "QueueUrls")),
        "subscriptions": sorted(aws.pages("sns", "list_subscriptions", "Subscriptions[].Endpoint")),
        "log groups": sorted(aws.pages("logs", "describe_log_groups", "logGroups[].logGroupName")),
        "schedules": sorted(aws.pages("scheduler", "list_schedules", "Schedules[].Name")),
        "rules": sorted(aws.pages("events", "list_rules", "Rules[].Name")),
    }
