"""A run of all smoke checks leaves an environment as it was: in every bucket, table, queue, topic, schedule, branch."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from opsctl.smoke import SmokeTarget
from opsctl.smoke.check import Trial
from tests.e2e.project import Project, wait_for


def everything(target: SmokeTarget, trial: Trial) -> dict[str, list[str]]:
    """What somebody would have to clean up, by place. Left out: what expires by itself (DynamoDB's time to live), logs,
    and the journal and state in the bucket of the environment, which are opsctl's own.
    """
    aws, found = target.aws, dict[str, list[str]]()
    for bucket in aws.pages("s3", "list_buckets", "Buckets[].Name"):
        if bucket.startswith(f"{target.prefix}-") and "-state" not in bucket:
            versions = aws.pages("s3", "list_object_versions", "[Versions, DeleteMarkers][]", Bucket=bucket)
            found[bucket] = sorted(f"{one['Key']} {one['VersionId']}" for one in versions if one)
    for table in aws.pages("dynamodb", "list_tables", "TableNames[]"):
        if table.startswith(f"{target.prefix}-"):
            ttl = aws.call("dynamodb", "describe_time_to_live", TableName=table)["TimeToLiveDescription"]
            items = aws.pages("dynamodb", "scan", "Items[]", TableName=table, ConsistentRead=True)
            found[table] = sorted(
                json.dumps(item, sort_keys=True)
                for item in items
                # The sandbox of payments counts its requests: its own business.
                if ttl.get("AttributeName") not in item and item.get("id") != {"S": "mode"}
            )
    for url in aws.pages("sqs", "list_queues", "QueueUrls[]", QueueNamePrefix=f"{target.prefix}-"):
        counted = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
        found[f"queue {url}"] = [value for name, value in sorted(counted.items()) if name.startswith("Approximate")]
    found |= {
        "subscriptions": sorted(aws.pages("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn")),
        "schedules": sorted(aws.pages("scheduler", "list_schedules", "Schedules[].Name")),
        "branches": sorted(
            aws.pages(
                "codecommit", "list_branches", "branches[]",
                repositoryName=target.output("repository.repository.name"),
            )
        ),
        "alarms": sorted(aws.pages("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName")),
        "orders": sorted(order["order_id"] for order in (trial.get("/v1/orders?limit=100").json() or {})["orders"]),
    }  # fmt: skip
    return found


def test_a_run_of_all_checks_leaves_nothing_behind(stack: Project, target: SmokeTarget, trial: Trial) -> None:
    assert trial.visitor.token, "the test's own user is there before and after"
    # What no run can take back: the first commit of a repository that has none.
    stack.opsctl("smoke", "local", "--only", "push-path", status=None)
    before = everything(target, trial)

    report: dict[str, Any] = json.loads(stack.opsctl("smoke", "local", "--json", status=None).stdout)

    assert [one["message"] for one in report["results"] if "left behind" in one["message"]] == []

    def difference() -> dict[str, Any]:
        after = everything(target, trial)
        return {
            place: {"new": sorted(set(after.get(place, ())) - set(before.get(place, ()))), "before": before.get(place)}
            for place in before.keys() | after.keys()
            if before.get(place) != after.get(place)
        }

    with contextlib.suppress(AssertionError):  # the difference says more than that it was there
        wait_for(lambda: not difference(), seconds=120)
    assert difference() == {}
