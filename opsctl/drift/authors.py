"""Who changed a resource and when, from CloudTrail's event history.

LookupEvents keeps management events of 90 days per account and region, answers 2 requests a second and takes one
attribute at a time; events arrive about 5 minutes late. Global services (IAM, CloudFront, Route 53) write to us-east-1.
Source: CloudTrail API reference, LookupEvents; CloudTrail user guide, "Viewing events with CloudTrail Event history".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError
from opsctl.clock import Clock
from opsctl.drift.findings import Finding
from opsctl.drift.refreshed import Instance

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws

PAUSE_SECONDS = 0.5
"""Between two requests on AWS: it answers 2 a second."""
LOOKUPS = 60
"""Requests that one report may cost: half a minute on AWS. Resources beyond have no author told."""
EVENTS_LOOKED_AT = 150
"""Of one resource, newest first: three pages."""
KEPT = timedelta(days=90)

GLOBAL = ("aws_iam_", "aws_cloudfront_", "aws_route53_")
NAMES = (
    "arn", "id", "name", "bucket", "role", "user", "function_name", "table_name", "topic_arn", "queue_url", "key_id",
    "security_group_id", "route_table_id", "rest_api_id", "secret_id",
)  # fmt: skip
"""Attributes by which CloudTrail may know a resource, or the one that it is part of, sharpest first."""
NAMES_ASKED = 4

EVENT_SOURCES = {"cloudwatch": "monitoring", "execute-api": "apigateway"}
"""Service in an ARN → the first word of `eventSource`, where the two differ."""

VIA = (
    ("console.amazonaws.com", "console"), ("signin.amazonaws.com", "console"), ("aws-cli/", "CLI"),
    ("opsctl/", "opsctl"), ("terraform", "Terraform"), ("boto3/", "SDK"), ("botocore/", "SDK"), ("aws-sdk-", "SDK"),
    ("cloudformation.amazonaws.com", "CloudFormation"), (".amazonaws.com", "an AWS service"),
)  # fmt: skip
"""Part of a user agent, in lower case → what it stands for; the first that is found."""


@dataclass(frozen=True)
class Author:
    """Who made a change.

    Attributes:
        who: ARN of the caller, or the service.
        via: "console", "CLI", "SDK", "Terraform", …; the user agent's first word where it is none we know.
        at: UTC, ISO 8601.
        event: such as SetTopicAttributes.
    """

    who: str
    via: str
    at: str
    event: str
    event_id: str
    source_ip: str
    user_agent: str


@dataclass(frozen=True)
class Authors:
    """Authors by address; `unasked` says why some may be missing ("" where all were asked)."""

    by_address: Mapping[str, Author]
    unasked: str = ""


def find_authors(aws: Aws, findings: Iterable[Finding], *, since: datetime | None, clock: Clock) -> Authors:
    """Ask CloudTrail for the newest change of each finding.

    Args:
        since: when opsctl last changed the environment: what was before is its own doing. None: not known, and then
            Terraform's own calls are left out instead.
    """
    history = _History(aws, since, clock)
    authors: dict[str, Author] = {}
    for finding in findings:
        try:
            if author := history.author_of(finding.before):
                authors[finding.address] = author
        except AwsError as error:
            return Authors(authors, f"CloudTrail did not answer: {error.what}")
        except _Enough:
            return Authors(authors, f"CloudTrail was asked {LOOKUPS} times; the rest was not asked for")
    return Authors(authors)


class _Enough(Exception):
    """As many requests were made as a report may cost."""


class _History:
    """The event history, asked as often as AWS allows, and once for each name."""

    def __init__(self, aws: Aws, since: datetime | None, clock: Clock) -> None:
        self._aws, self._since, self._clock = aws, since, clock
        self._requests = 0
        self._known: dict[tuple[str, str, str], tuple[Author | None, Author | None]] = {}

    def author_of(self, instance: Instance) -> Author | None:
        """The newest change of a resource; the first name by which its own service tells of one decides.

        Other services name it too, in passing (an event source mapping names its queue): they are believed only where
        its own says nothing.
        """
        region, service = region_of(instance, self._aws.access.region), service_of(instance)
        in_passing = None
        for name in names_of(instance):
            key = (name, region, service)
            if key not in self._known:
                self._known[key] = self._newest(name, region, service)
            own, other = self._known[key]
            if own:
                return own
            in_passing = in_passing or other
        return in_passing

    def _newest(self, name: str, region: str, service: str) -> tuple[Author | None, Author | None]:
        """What the resource's own service did last, and, where that is nothing, what any other did."""
        other = None
        for source, author in self._changes(name, region):
            if not service or source == service:
                return author, None
            other = other or author
        return None, other

    def _changes(self, name: str, region: str) -> Iterator[tuple[str, Author]]:
        """(whose events they are, who made it), newest first."""
        if self._requests >= LOOKUPS:
            raise _Enough
        if self._requests and not self._aws.access.is_local:
            self._clock.sleep(PAUSE_SECONDS)
        self._requests += 1
        events = self._aws.pages(
            "cloudtrail", "lookup_events", "Events", region=region,
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": name}],
            StartTime=self._since or self._clock.now() - KEPT, EndTime=self._clock.now() + timedelta(minutes=1),
        )  # fmt: skip
        for event in islice(events, EVENTS_LOOKED_AT):
            if author := author_from(event, since=self._since):
                yield str(event.get("EventSource", "")).partition(".")[0], author


def author_from(event: Mapping[str, Any], *, since: datetime | None) -> Author | None:
    """Who an event (an item of LookupEvents) says changed something; None for a read, a failure, or what was before.

    Raises nothing: an event that can't be read tells nothing.
    """
    try:
        told = json.loads(event.get("CloudTrailEvent") or "{}")
        at = event["EventTime"].astimezone(UTC)
    except (ValueError, KeyError, AttributeError):
        return None
    reads = str(event.get("ReadOnly", told.get("readOnly", ""))).lower() == "true"
    agent = str(told.get("userAgent", ""))
    via = via_of(agent, told)
    last = since and since.replace(microsecond=0)  # an event's time has no fractions of a second
    ours = (last is None or at == last) and via in ("Terraform", "opsctl")
    if reads or ours or told.get("errorCode") or (last and at < last):
        return None
    identity = told.get("userIdentity") or {}
    return Author(
        who=str(identity.get("arn") or identity.get("invokedBy") or event.get("Username") or "unknown"),
        via=via,
        at=at.isoformat(timespec="seconds"),
        event=str(event.get("EventName", "")),
        event_id=str(event.get("EventId", "")),
        source_ip=str(told.get("sourceIPAddress", "")),
        user_agent=agent[:200],
    )


def via_of(agent: str, event: Mapping[str, Any]) -> str:
    """What a change was made with."""
    if str(event.get("sessionCredentialFromConsole", "")).lower() == "true":
        return "console"
    found = next((word for part, word in VIA if part in agent.lower()), None)
    return found or agent.partition(" ")[0][:40] or "unknown"


def names_of(instance: Instance) -> list[str]:
    """What CloudTrail may call a resource, without repeats."""
    return list(dict.fromkeys(name for attribute in NAMES if (name := instance.text(attribute))))[:NAMES_ASKED]


def service_of(instance: Instance) -> str:
    """Whose events tell of a resource: its ARN's service, by the name that CloudTrail has for it; "" without an ARN."""
    parts = instance.text("arn").split(":")
    return EVENT_SOURCES.get(parts[2], parts[2]) if len(parts) > 5 else ""


def region_of(instance: Instance, home: str) -> str:
    """Where the events of a resource are: its ARN's region, us-east-1 for what is global, else the environment's."""
    parts = instance.text("arn").split(":")
    if len(parts) > 5 and parts[3]:
        return parts[3]
    return "us-east-1" if instance.type.startswith(GLOBAL) else home
