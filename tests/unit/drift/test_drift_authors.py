"""Who changed what, from CloudTrail's answers: the right event, at the rate that AWS allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.errors import AccessDenied
from opsctl.drift.authors import LOOKUPS, author_from, find_authors, names_of, region_of
from opsctl.drift.findings import Finding
from opsctl.drift.refreshed import Instance

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def event(name: str = "SetTopicAttributes", minutes_ago: float = 5, **record: Any) -> dict[str, Any]:
    read_only = str(record.pop("ReadOnly", "false"))
    told = {"userIdentity": {"arn": "arn:aws:iam::1:user/bob"}, "userAgent": "aws-cli/2", "sourceIPAddress": "1.2.3.4"}
    return {
        "EventName": name, "EventId": "e", "EventTime": NOW - timedelta(minutes=minutes_ago), "Username": "bob",
        "ReadOnly": read_only, "CloudTrailEvent": json.dumps(told | record),
    }  # fmt: skip


def finding(address: str = "aws_sns_topic.t", kind: str = "aws_sns_topic", **attributes: Any) -> Finding:
    before = Instance(address, "", kind, "t", attributes)
    return Finding(address, "", kind, "changed", (), (), before)


class Trail:
    """CloudTrail with events by resource name; an exception instead of events is raised."""

    def __init__(self, events: dict[str, Any], local: bool = False) -> None:
        self.events, self.asked = events, []  # type: ignore[var-annotated]
        self.access = SimpleNamespace(region="eu-central-1", is_local=local)

    def pages(self, service: str, operation: str, key: str, *, region: str, **asked: Any) -> Iterator[Any]:
        name = asked["LookupAttributes"][0]["AttributeValue"]
        self.asked.append((name, region))
        found = self.events.get(name, [])
        if isinstance(found, Exception):
            raise found
        return iter(found)


class Clock:
    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def test_the_newest_change_is_told_and_reads_and_failures_are_passed_over() -> None:
    events = [
        event("GetTopicAttributes", 1, ReadOnly="true"), event("DeleteTopic", 2, errorCode="AccessDenied"),
        event("SetTopicAttributes", 3), event("TagResource", 4),
    ]  # fmt: skip
    trail = Trail({"arn:t": events})
    authors = find_authors(trail, [finding(arn="arn:t")], since=NOW - timedelta(hours=1), clock=Clock())  # type: ignore[arg-type]
    told = authors.by_address["aws_sns_topic.t"]
    assert (told.who, told.via, told.event) == ("arn:aws:iam::1:user/bob", "CLI", "SetTopicAttributes")
    assert told.at == "2026-11-21T11:57:00+00:00"


def test_what_was_before_our_own_last_change_is_ours_and_in_its_second_what_terraform_did() -> None:
    since = NOW - timedelta(minutes=10)
    assert author_from(event(minutes_ago=11), since=since) is None
    assert author_from(event(minutes_ago=10), since=since) is not None
    assert author_from(event(minutes_ago=10, userAgent="HashiCorp/1.0 Terraform/1.11.4"), since=since) is None
    assert author_from(event(minutes_ago=9), since=since) is not None


def test_without_a_journal_terraforms_own_calls_are_ours_and_with_one_another_terraform_is_told() -> None:
    terraform = event(userAgent="APN/1.0 HashiCorp/1.0 Terraform/1.11.4")
    assert author_from(terraform, since=None) is None
    told = author_from(terraform, since=NOW - timedelta(hours=1))
    assert told is not None
    assert told.via == "Terraform"


@pytest.mark.parametrize(
    ("record", "via"),
    [
        ({"userAgent": "console.amazonaws.com"}, "console"),
        ({"userAgent": "Mozilla/5.0", "sessionCredentialFromConsole": "true"}, "console"),
        ({"userAgent": "Boto3/1.2 Botocore/1.2"}, "SDK"),
        ({"userAgent": "Boto3/1.2 Botocore/1.2 opsctl/0.1"}, "opsctl"),
        ({"userAgent": "autoscaling.amazonaws.com"}, "an AWS service"),
        ({"userAgent": "curl/8 x"}, "curl/8"),
        ({"userAgent": ""}, "unknown"),
    ],
)
def test_what_a_change_was_made_with_is_told_from_the_user_agent(record: dict[str, Any], via: str) -> None:
    told = author_from(event(**record), since=NOW - timedelta(hours=1))
    assert told is not None
    assert told.via == via


def test_an_event_that_cannot_be_read_tells_nothing() -> None:
    assert author_from({"EventTime": NOW, "CloudTrailEvent": "{"}, since=None) is None
    assert author_from({"CloudTrailEvent": "{}"}, since=None) is None


def test_a_resource_is_asked_for_by_its_sharpest_name_first_and_each_name_once() -> None:
    trail, clock = Trail({"b": [event("PutBucketVersioning")]}), Clock()
    parts = [finding(f"aws_s3_bucket_versioning.{n}", "aws_s3_bucket_versioning", id="b", bucket="b") for n in "xyz"]
    authors = find_authors(trail, parts, since=None, clock=clock)  # type: ignore[arg-type]
    assert len(authors.by_address) == 3
    assert trail.asked == [("b", "eu-central-1")]
    assert names_of(finding(id="i", arn="arn:t", name="n", role="i").before) == ["arn:t", "i", "n"]


def test_who_names_a_resource_in_passing_did_not_change_it() -> None:
    """An event source mapping names its queue by ARN, SetQueueAttributes only by its address."""
    arn, url = "arn:aws:sqs:eu-central-1:1:q", "https://sqs/1/q"
    mapping = event("UpdateEventSourceMapping", 9) | {"EventSource": "lambda.amazonaws.com"}
    changed = event("SetQueueAttributes", 5) | {"EventSource": "sqs.amazonaws.com"}
    queue = finding("aws_sqs_queue.q", "aws_sqs_queue", arn=arn, id=url)
    both = find_authors(Trail({arn: [mapping], url: [changed]}), [queue], since=None, clock=Clock())  # type: ignore[arg-type]
    assert both.by_address["aws_sqs_queue.q"].event == "SetQueueAttributes"
    alone = find_authors(Trail({arn: [mapping]}), [queue], since=None, clock=Clock())  # type: ignore[arg-type]
    assert alone.by_address["aws_sqs_queue.q"].event == "UpdateEventSourceMapping"


def test_aws_is_asked_twice_a_second_and_the_local_cloud_at_once() -> None:
    many = [finding(f"aws_sns_topic.{n}", arn=f"arn:{n}") for n in range(5)]
    for local, slept in ((False, 2.0), (True, 0.0)):
        clock = Clock()
        find_authors(Trail({}, local), many, since=None, clock=clock)  # type: ignore[arg-type]
        assert clock.slept == slept


def test_a_report_costs_a_bounded_number_of_requests_and_says_who_was_not_asked_for() -> None:
    many = [finding(f"aws_sns_topic.{n}", arn=f"arn:{n}") for n in range(LOOKUPS + 5)]
    trail = Trail({})
    authors = find_authors(trail, many, since=None, clock=Clock())  # type: ignore[arg-type]
    assert len(trail.asked) == LOOKUPS
    assert "asked 60 times" in authors.unasked


def test_a_trail_that_may_not_be_read_costs_only_the_names() -> None:
    trail = Trail({"arn:a": [event()], "arn:b": AccessDenied("AWS denies cloudtrail:LookupEvents.")})
    both = [finding("a", arn="arn:a"), finding("b", arn="arn:b")]
    authors = find_authors(trail, both, since=None, clock=Clock())  # type: ignore[arg-type]
    assert list(authors.by_address) == ["a"]
    assert "LookupEvents" in authors.unasked


def test_events_are_where_the_resource_is() -> None:
    assert region_of(finding(arn="arn:aws:wafv2:us-east-1:1:global/x").before, "eu-central-1") == "us-east-1"
    assert region_of(finding(kind="aws_iam_role", arn="arn:aws:iam::1:role/r").before, "eu-central-1") == "us-east-1"
    assert region_of(finding(kind="aws_s3_bucket", arn="arn:aws:s3:::b").before, "eu-central-1") == "eu-central-1"
