"""What CloudWatch says of a function's versions and of the alarms that watch it.

Sources: Lambda developer guide, "Types of metrics for Lambda functions" (the dimensions Resource and ExecutedVersion
tell the versions behind an alias apart; a metric's time is when the function was invoked, so that it comes late);
CloudWatch API reference, GetMetricData (500 queries in one call), DescribeAlarms (100 names in one call).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from opsctl.aws.clients import Aws
from opsctl.aws.errors import AwsError
from opsctl.deploy.function_versions import LIVE
from opsctl.deploy.judgement import QUANTILES, Sample

PERIOD_SECONDS = 3600
"""So long that a window is one point, or two: percentiles of several points can't be joined."""
COUNTS = ("Invocations", "Errors")
ALARMS_IN_A_CALL = 100


def samples(aws: Aws, function: str, versions: Sequence[str], *, since: datetime, now: datetime) -> list[Sample]:
    """What each of these versions did behind `live` since then: one call.

    The first one is the one in question: where its percentiles come in two points the lower ones count, of the others
    the higher ones, so that no version is called slow for how time was cut.

    Args:
        versions: an empty text stands for whatever `live` executed.

    Raises:
        AwsError
    """
    queries, meanings = [], {}
    for number, version in enumerate(versions):
        for metric, stat in [*((name, "Sum") for name in COUNTS), *(("Duration", _stat(q)) for q in QUANTILES)]:
            query = f"v{number}_{metric.lower()}_{stat.lower().replace('.', '_')}"
            meanings[query] = (number, metric, stat)
            queries.append(_query(query, function, version, metric, stat))
    found: dict[tuple[int, str, str], list[float]] = {}
    for result in aws.pages(
        "cloudwatch", "get_metric_data", "MetricDataResults[]",
        MetricDataQueries=queries, StartTime=since, EndTime=max(now, since) + timedelta(minutes=1),
    ):  # fmt: skip
        if result.get("StatusCode") in ("InternalError", "Forbidden"):  # no values, and yet no "none"
            raise AwsError(f"CloudWatch gave no {meanings[result['Id']][1]} ({result['StatusCode']}).")
        found.setdefault(meanings[result["Id"]], []).extend(result["Values"])
    return [_sample(found, number) for number in range(len(versions))]


def _sample(found: Mapping[tuple[int, str, str], Sequence[float]], number: int) -> Sample:
    requests, errors = (round(sum(found.get((number, name, "Sum"), ()))) for name in COUNTS)
    choose = min if number == 0 else max
    durations = {q: choose(values) for q in QUANTILES if (values := found.get((number, "Duration", _stat(q))))}
    # The two metrics of a request may come at different times.
    return Sample(max(requests, errors), errors, durations)


def _query(id: str, function: str, version: str, metric: str, stat: str) -> dict[str, Any]:
    dimensions = {"FunctionName": function, "Resource": f"{function}:{LIVE}"}
    if version:
        dimensions["ExecutedVersion"] = version
    return {
        "Id": id,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda", "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": PERIOD_SECONDS, "Stat": stat,
        },
    }  # fmt: skip


def _stat(quantile: float) -> str:
    return f"p{100 * quantile:g}"


def alone(version: Sample, everything: Sample) -> Sample:
    """The version that gets all of the traffic: what `live` did at all, should its versions not be told apart then."""
    return version if version.requests or not everything.requests else replace(everything)


def alarms_of(aws: Aws, functions: Iterable[str]) -> dict[str, str]:
    """Alarms with a metric of one of these functions, by name, with their states."""
    wanted = set(functions)
    found = aws.pages("cloudwatch", "describe_alarms", "MetricAlarms[]", AlarmTypes=["MetricAlarm"])
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found if _functions_in(alarm) & wanted}


def alarm_states(aws: Aws, names: Sequence[str]) -> dict[str, str]:
    """States of these alarms; one that is not there is missing."""
    states: dict[str, str] = {}
    for begin in range(0, len(names), ALARMS_IN_A_CALL):
        answer = aws.call(
            "cloudwatch", "describe_alarms", AlarmNames=list(names[begin : begin + ALARMS_IN_A_CALL]),
            AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=ALARMS_IN_A_CALL,
        )  # fmt: skip
        for alarm in [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]:
            states[alarm["AlarmName"]] = alarm["StateValue"]
    return states


def _functions_in(alarm: Mapping[str, Any]) -> set[str]:
    metrics = [alarm, *(item["MetricStat"]["Metric"] for item in alarm.get("Metrics", ()) if "MetricStat" in item)]
    return {
        dimension["Value"]
        for metric in metrics
        if metric.get("Namespace") == "AWS/Lambda"
        for dimension in metric.get("Dimensions", ())
        if dimension["Name"] == "FunctionName"
    }
