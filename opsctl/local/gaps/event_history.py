"""CloudTrail: LookupEvents tells what was changed, by whom and when, for both emulators.

MiniStack's own recording is off by default, leaves out moto's services, and names no resource of most calls (it reads
JSON bodies only). Here each successful management call that changes something is kept: the last `KEPT` of all
accounts. Reads and data events (messages, items, records, objects, invocations) are not; AWS keeps reads, too, and
needs a trail for data events. An event names as resources every name, id and ARN that the request has, and the ARNs
that the answer to a Create… has; AWS picks them service by service. `requestParameters` holds those names alone.
Source: CloudTrail API reference, LookupEvents; CloudTrail user guide, "CloudTrail record contents".
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap

KEPT = 5_000
"""Events of all accounts. An `up` of the whole stack makes about 2,000."""
PAGE = 50
GLOBAL = frozenset({"iam", "cloudfront", "route53"})
"""Services whose events are in us-east-1, wherever their caller is. Source: CloudTrail user guide, "About global
service events"."""
LOOKUP = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"

READS = re.compile(
    r"(Get|List|Describe|Head|Lookup|Search|Query|Scan|Select|Test|Check|Count|Estimate|Validate|Filter|Preview|Simulate"
    r"|BatchGet|BatchDescribe|BatchList|BatchDetect|AssumeRole|Decrypt|Encrypt|GenerateDataKey|Verify|Sign)(?![a-z])"
)
DATA = frozenset({
    "Publish", "PublishBatch", "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage",
    "DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "PutItem", "UpdateItem",
    "DeleteItem", "BatchWriteItem", "TransactWriteItems", "TransactGetItems", "ExecuteStatement",
    "BatchExecuteStatement", "PutRecord", "PutRecords", "PutEvents", "PutLogEvents", "PutMetricData", "StartQuery",
    "SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat", "SendEmail", "SendRawEmail", "PutTraceSegments",
    "SubscribeToShard", "StartLiveTail",
})  # fmt: skip
"""Operations whose calls are data events, or none at all. Source: CloudTrail user guide, "Logging data events"."""

NAMED = re.compile(r"(Name|Names|Arn|ARN|Arns|Id|Ids|ID|Identifier|Url|Bucket|Resource)(\.(member|Name)?\.?\d+)?$")
"""Parameters that name a resource: RoleName, TopicArn, QueueUrl, GroupId, InstanceIds.member.1 …"""
ARN = re.compile(r'arn:aws[\w-]*:[^\s"<>\\]+')
MOST_NAMES = 12
"""Of one event."""

FILTERS: Mapping[str, Callable[[Event, str], bool]] = {
    "EventId": lambda event, value: event.id == value,
    "EventName": lambda event, value: event.name == value,
    "ReadOnly": lambda event, value: value.lower() == "false",
    "Username": lambda event, value: event.username == value,
    "ResourceType": lambda event, value: False,
    "ResourceName": lambda event, value: value in event.resources,
    "EventSource": lambda event, value: event.source == value,
    "AccessKeyId": lambda event, value: event.access_key == value,
}


@dataclass(frozen=True)
class Event:
    """One call that changed something.

    Attributes:
        operation: as the request says it; "" for REST services, whose method and path say it (`name` looks it up).
        caller: ARN.
    """

    at: float
    account_id: str
    region: str
    service: str
    operation: str
    method: str
    path: str
    access_key: str
    caller: str
    client: str
    user_agent: str
    resources: tuple[str, ...]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def source(self) -> str:
        return f"{self.service}.amazonaws.com"

    @property
    def username(self) -> str:
        return self.caller.rpartition("/")[2] if "/" in self.caller else self.caller.rpartition(":")[2]

    @property
    def name(self) -> str:
        return self.operation or rest_operation(self.service, self.method, self.path)

    def to_api(self) -> dict[str, Any]:
        """As LookupEvents gives it."""
        return {
            "EventId": self.id, "EventName": self.name, "EventSource": self.source, "EventTime": int(self.at),
            "ReadOnly": "false", "AccessKeyId": self.access_key, "Username": self.username,
            "Resources": [{"ResourceName": name} for name in self.resources],
            "CloudTrailEvent": json.dumps(self._record()),
        }  # fmt: skip

    def _record(self) -> dict[str, Any]:
        kind = "AssumedRole" if ":assumed-role/" in self.caller else "IAMUser" if ":user/" in self.caller else "Root"
        identity = {"type": kind, "principalId": self.account_id, "arn": self.caller, "accountId": self.account_id,
                    "accessKeyId": self.access_key}  # fmt: skip
        return {
            "eventVersion": "1.11",
            "userIdentity": identity | ({"userName": self.username} if kind == "IAMUser" else {}),
            "eventTime": datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": self.source,
            "eventName": self.name,
            "awsRegion": self.region,
            "sourceIPAddress": self.client,
            "userAgent": self.user_agent,
            "requestParameters": {"resources": list(self.resources)},
            "responseElements": None,
            "eventID": self.id,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": self.account_id,
            "eventCategory": "Management",
        }


class EventHistory(Gap):
    async def install(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)

    def wants(self, request: Request) -> bool:
        if not request.service or request.method in ("GET", "HEAD", "OPTIONS"):
            return False
        target = request.headers.get("x-amz-target", "")
        if target:
            return target == LOOKUP or _changes(target.rpartition(".")[2])
        if request.service == "s3":
            return request.path.strip("/").count("/") == 0  # an object's calls are data events
        return request.service != "execute-api" and "invocations" not in request.path

    async def answer(self, request: Request, forward: Handler) -> Response:
        if request.headers.get("x-amz-target") == LOOKUP:
            return self._look_up(request)
        response = await forward(request)
        if response.status < 300:
            operation = operation_of(request)
            if not operation or _changes(operation):
                self._events.append(self._event(request, response, operation))
        return response

    def _event(self, request: Request, response: Response, operation: str) -> Event:
        from ministack.core.iam_evaluator import resolve_caller_identity

        account_id = self.cloud.account_of(request)
        identity = resolve_caller_identity(request.access_key)
        made = ARN.findall(response.body[:4096].decode("utf-8", "replace"))[:2]
        return Event(
            at=time.time(), account_id=account_id, region="us-east-1" if request.service in GLOBAL else request.region,
            service=request.service, operation=operation,
            method=request.method, path=request.path + (f"?{request.query_string}" if request.query_string else ""),
            access_key=request.access_key,
            caller=identity["userArn"] if identity else f"arn:aws:iam::{account_id}:root", client=request.client,
            user_agent=request.headers.get("user-agent", "")[:250],
            resources=tuple(dict.fromkeys((*names_of(request), *made)))[:MOST_NAMES],
        )  # fmt: skip

    def _look_up(self, request: Request) -> Response:
        asked = request.json() or {}
        attributes = asked.get("LookupAttributes") or []
        limit, token = asked.get("MaxResults", PAGE), asked.get("NextToken")
        start, end = asked.get("StartTime"), asked.get("EndTime")
        if len(attributes) > 1 or any(one.get("AttributeKey") not in FILTERS for one in attributes):
            return _refuse("InvalidLookupAttributesException", "Specify one valid lookup attribute.")
        if not isinstance(limit, int) or not 1 <= limit <= PAGE:
            return _refuse("InvalidMaxResultsException", f"MaxResults must be between 1 and {PAGE}.")
        if start is not None and end is not None and start > end:
            return _refuse("InvalidTimeRangeException", "StartTime must not be after EndTime.")
        if token and not str(token).isdigit():
            return _refuse("InvalidNextTokenException", "The token is not valid.")
        account_id = self.cloud.account_of(request)
        found = [
            event for event in reversed(self._events)
            if (event.account_id, event.region) == (account_id, request.region)
            and (start is None or event.at >= start) and (end is None or event.at <= end)
            and all(FILTERS[one["AttributeKey"]](event, str(one.get("AttributeValue", ""))) for one in attributes)
        ]  # fmt: skip
        begin = int(token or 0)
        page = {"Events": [event.to_api() for event in found[begin : begin + limit]]}
        more = {"NextToken": str(begin + limit)} if len(found) > begin + limit else {}
        return json_response(200, page | more, [("x-amzn-requestid", str(uuid.uuid4()))])


def _refuse(code: str, message: str) -> Response:
    return json_response(400, {"__type": code, "message": message}, [("x-amzn-errortype", code)])


def _changes(operation: str) -> bool:
    return operation not in DATA and not READS.match(operation)


def operation_of(request: Request) -> str:
    """The operation's name; "" for a REST service."""
    if target := request.headers.get("x-amz-target", ""):
        return target.rpartition(".")[2]
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return request.form.get("Action", "")
    return request.query.get("Action", "")


def names_of(request: Request) -> Iterator[str]:
    """Whatever the request names."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        yield from (value for key, value in request.form.items() if NAMED.search(key) and len(value) < 300)
    elif "json" in kind or request.body[:1] == b"{":
        try:
            parameters = request.json()
        except ValueError:
            parameters = None
        for key, value in parameters.items() if isinstance(parameters, dict) else ():
            if NAMED.search(key[:1].upper() + key[1:]):
                listed = value if isinstance(value, list) else [value]
                yield from (one for one in listed[:MOST_NAMES] if isinstance(one, str) and 0 < len(one) < 300)
    if not operation_of(request):
        yield from (unquote(part) for part in request.path.split("/")[1:] if part)


def rest_operation(service: str, method: str, path: str) -> str:
    """The operation of a REST service that `method` and `path` (with its query) call, by botocore's own models."""
    plain, _, query = path.partition("?")
    keys = {part.partition("=")[0] for part in query.split("&") if part}
    best = ""
    for name, verb, pattern, required in _routes(service):
        if verb == method and required <= keys and pattern.fullmatch(plain.rstrip("/") or "/"):
            if required:
                return name
            best = best or name
    return best or f"{method} {plain}"


@lru_cache(maxsize=16)
def _routes(service: str) -> tuple[tuple[str, str, re.Pattern[str], frozenset[str]], ...]:
    """Name, method, path and required query words of each operation of a service, by its signing name."""
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import Loader

    loader = Loader()
    try:
        model = loader.load_service_model(service, "service-2")
    except UnknownServiceError:
        return ()
    found = []
    for name, operation in model["operations"].items():
        http = operation.get("http", {})
        uri, _, query = http.get("requestUri", "/").partition("?")
        pieces = re.split(r"(\{[^}]+\})", uri.rstrip("/") or "/")
        pattern = "".join(
            (".+" if piece.endswith("+}") else "[^/]+") if piece.startswith("{") else re.escape(piece)
            for piece in pieces
        )
        words = frozenset(word.partition("=")[0] for word in query.split("&") if word)
        found.append((name, http.get("method", "POST"), re.compile(pattern), words))
    # A longer address is more telling than one that ends in a variable.
    return tuple(sorted(found, key=lambda route: -len(route[2].pattern)))
