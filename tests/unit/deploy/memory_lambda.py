"""Lambda and CloudWatch in memory: versions, an alias that routes by its weights, traffic while time passes."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from operator import itemgetter
from typing import Any

from opsctl.aws.errors import Conflict, NotFound
from tests.unit.environments.conftest import EPOCH, FrozenClock, MemoryAws

LATEST = "$LATEST"
Event = tuple[float, str, bool, float]
"""When, which version, whether it failed, milliseconds."""


@dataclass
class Behaviour:
    """How code behaves, known by a word in it."""

    error_rate: float = 0.0
    slow_rate: float = 0.0
    milliseconds: float = 20.0
    answer: Any = field(default_factory=lambda: {"greeting": "hello"})


@dataclass
class MemoryFunction:
    """One function. `versions` holds number → configuration; `packages` SHA-256 → bytes."""

    name: str
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: dict[str, bytes] = field(default_factory=dict)
    main: str = "1"
    weights: dict[str, float] = field(default_factory=dict)
    revision: int = 0
    events: list[Event] = field(default_factory=list)


class LambdaAws(MemoryAws):
    """Attributes:
    requests_per_second: to `live` of each function, while somebody sleeps.
    behaviours: word in a package's handler → how it behaves; other code is healthy.
    alarms: name → (function, state); `trouble`: called before each call, may raise.
    states: of the alias after each change.
    """

    def __init__(self) -> None:
        super().__init__()
        self.functions: dict[str, MemoryFunction] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.alarms: dict[str, tuple[str, str]] = {}
        self.requests_per_second = 20.0
        self.trouble: Callable[[str], None] = lambda operation: None
        self.states: list[tuple[str, dict[str, float]]] = []
        self.dice = random.Random(7)
        self.clock = FlowingClock(self)

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> Any:
        self.trouble(operation)
        return super().call(service, operation, region=region, **parameters)

    def pages(self, service: str, operation: str, key: str, *, region: str | None = None, **parameters: Any) -> Any:
        self.trouble(operation)
        self.calls.append(operation)
        return iter(getattr(self, f"pages_of_{operation}", getattr(self, operation, None))(**parameters))  # type: ignore[misc]

    def add(self, name: str, package: bytes) -> None:
        function = self.functions[name] = MemoryFunction(name)
        function.versions[LATEST] = {
            "FunctionName": name, "Version": LATEST, "Timeout": 10, "MemorySize": 128, "State": "Active",
            "LastUpdateStatus": "Successful",
        }  # fmt: skip
        self._hold(function, package)
        self.publish_version(name)

    def code(self, name: str, version: str = LATEST) -> bytes:
        function = self.functions[name]
        return function.packages[function.versions[version]["CodeSha256"]]

    def weights(self, name: str) -> dict[str, float]:
        """version → share, of `live`."""
        function = self.functions[name]
        return {function.main: round(1 - sum(function.weights.values()), 6)} | function.weights

    def flow(self, begin: float, seconds: float) -> None:
        """What happens while somebody sleeps."""
        count = round(seconds * self.requests_per_second)
        for function in self.functions.values():
            weights = self.weights(function.name)
            for number in range(count):
                version = self.dice.choices(list(weights), list(weights.values()))[0]
                behaviour = self._behaviour(function, version)
                slow = behaviour.slow_rate and self.dice.random() < behaviour.slow_rate
                milliseconds = behaviour.milliseconds * self.dice.uniform(0.8, 1.6) + (1500 if slow else 0)
                failed = self.dice.random() < behaviour.error_rate
                function.events.append((begin + seconds * number / count, version, failed, milliseconds))

    # Lambda

    def get_function_configuration(self, FunctionName: str, Qualifier: str = LATEST) -> Any:  # noqa: N803
        return dict(self._version(FunctionName, Qualifier))

    def list_functions(self) -> Iterator[str]:
        return iter(self.functions)

    def list_versions_by_function(self, FunctionName: str) -> Iterator[Any]:  # noqa: N803
        return iter(dict(version) for version in self.functions[FunctionName].versions.values())

    def get_alias(self, FunctionName: str, Name: str) -> Any:  # noqa: N803
        if FunctionName not in self.functions:
            raise NotFound(FunctionName)
        function = self.functions[FunctionName]
        routing = {"RoutingConfig": {"AdditionalVersionWeights": dict(function.weights)}} if function.weights else {}
        return {"FunctionVersion": function.main, "RevisionId": str(function.revision)} | routing

    def update_alias(
        self, FunctionName: str, Name: str, FunctionVersion: str, RevisionId: str, RoutingConfig: Any  # noqa: N803
    ) -> None:  # fmt: skip
        function = self.functions[FunctionName]
        if str(function.revision) != RevisionId:
            raise Conflict("RevisionId")
        weights = RoutingConfig["AdditionalVersionWeights"]
        assert {FunctionVersion, *weights} <= set(function.versions) - {LATEST}
        function.main, function.weights, function.revision = FunctionVersion, dict(weights), function.revision + 1
        self.states.append((FunctionName, self.weights(FunctionName)))

    def update_function_code(self, FunctionName: str, S3Bucket: str, S3Key: str) -> None:  # noqa: N803
        self._hold(self.functions[FunctionName], self.buckets[S3Bucket][S3Key])

    def publish_version(self, FunctionName: str, Description: str = "") -> Any:  # noqa: N803
        function = self.functions[FunctionName]
        number = str(max((int(one) for one in function.versions if one != LATEST), default=0) + 1)
        function.versions[number] = function.versions[LATEST] | {"Version": number, "Description": Description}
        return dict(function.versions[number])

    def get_function(self, FunctionName: str, Qualifier: str) -> Any:  # noqa: N803
        package = base64.b64encode(self.code(FunctionName, Qualifier)).decode()
        return {"Code": {"Location": f"data:application/zip;base64,{package}"}}

    def invoke(self, FunctionName: str, Qualifier: str, Payload: bytes) -> Any:  # noqa: N803
        function, version = self.functions[FunctionName], Qualifier
        if Qualifier == "live":
            weights = self.weights(FunctionName)
            version = self.dice.choices(list(weights), list(weights.values()))[0]
            function.events.append((self.clock.seconds, version, False, 20.0))
        answer = self._behaviour(function, version).answer
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    # CloudWatch

    def get_metric_data(
        self, MetricDataQueries: list[Any], StartTime: datetime, EndTime: datetime  # noqa: N803
    ) -> Iterator[Any]:  # fmt: skip
        begin, end = ((moment - EPOCH).total_seconds() for moment in (StartTime, EndTime))
        for query in MetricDataQueries:
            metric = query["MetricStat"]["Metric"]
            names = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            assert names["Resource"] == f"{names['FunctionName']}:live"
            events = [
                event
                for event in _between(self.functions[names["FunctionName"]].events, begin, end)
                if names.get("ExecutedVersion", event[1]) == event[1]
            ]
            value = _statistic(metric["MetricName"], query["MetricStat"]["Stat"], events)
            yield {"Id": query["Id"], "Values": [] if value is None else [value]}

    def describe_alarms(self, AlarmNames: list[str], **rest: Any) -> Any:  # noqa: N803
        named = [name for name in self.alarms if name in AlarmNames]
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": self.alarms[name][1]} for name in named]}

    def pages_of_describe_alarms(self, **rest: Any) -> Iterator[Any]:
        for name, (function, state) in self.alarms.items():
            dimensions = [{"Name": "FunctionName", "Value": function}]
            yield {"AlarmName": name, "StateValue": state, "Namespace": "AWS/Lambda", "Dimensions": dimensions}

    def _hold(self, function: MemoryFunction, package: bytes) -> None:
        digest = base64.b64encode(sha256(package).digest()).decode()
        function.packages[digest] = package
        function.versions[LATEST]["CodeSha256"] = digest

    def _version(self, name: str, number: str) -> Mapping[str, Any]:
        try:
            return self.functions[name].versions[number]
        except KeyError:
            raise NotFound(f"{name}:{number}") from None

    def _behaviour(self, function: MemoryFunction, version: str) -> Behaviour:
        code = handler_in(function.packages[function.versions[version]["CodeSha256"]])
        return next((one for word, one in self.behaviours.items() if word in code), Behaviour())


class FlowingClock(FrozenClock):
    """Sleep lets traffic flow, and time for others go on."""

    def __init__(self, aws: LambdaAws) -> None:
        super().__init__()
        self._aws = aws
        self.meanwhile: Callable[[float], None] = lambda now: None

    def sleep(self, seconds: float) -> None:
        self._aws.flow(self.seconds, seconds)
        super().sleep(seconds)
        self.meanwhile(self.seconds)


@cache
def handler_in(package: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.read("handler.py").decode()


def _between(events: list[Event], begin: float, end: float) -> list[Event]:
    return events[bisect_left(events, begin, key=itemgetter(0)) : bisect_left(events, end, key=itemgetter(0))]


def _statistic(metric: str, stat: str, events: list[Event]) -> float | None:
    if not events:
        return None
    if metric == "Invocations":
        return float(len(events))
    if metric == "Errors":
        return float(sum(failed for _, _, failed, _ in events))
    durations = sorted(milliseconds for _, _, _, milliseconds in events)
    return durations[min(len(durations) - 1, int(len(durations) * float(stat[1:]) / 100))]
