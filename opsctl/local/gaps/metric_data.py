"""CloudWatch: periods begin at StartTime, and a metric without dimensions is one of its own.

GetMetricData and GetMetricStatistics of AWS give a point for each period from StartTime on, rounded down to what the
metric is stored by, so a window of one period is one number, percentiles too (https://docs.aws.amazon.com/
AmazonCloudWatch/latest/APIReference/API_GetMetricData.html). MiniStack's periods begin at whole multiples since 1970,
so a window falls apart into two, and it takes a query without dimensions as one for all of them together. What was
recorded until now is there when it is asked for. Metric math stays unanswered, as in MiniStack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.local.gaps.gap import Gap

MINUTE = 60


class MetricData(Gap):
    async def install(self) -> None:
        from ministack.services import cloudwatch

        self._cloudwatch = cloudwatch
        originals = {"statistics": cloudwatch._get_metric_statistics, "data": cloudwatch._get_metric_data}

        def answering(kind: str, answer: Any, for_cbor: Any) -> Any:
            def answered(params: Any, asked: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
                if not (is_cbor or is_json):  # the query protocol, which botocore speaks no more
                    return originals[kind](params, asked, is_cbor, is_json)
                self.cloud.metrics.publish()
                said = answer(asked)
                if not is_cbor:
                    return cloudwatch._json_ok(said)
                return cloudwatch._cbor_ok({
                    key: [for_cbor(one) for one in value] if isinstance(value, list) else value
                    for key, value in said.items()
                })  # fmt: skip

            return answered

        cloudwatch._get_metric_statistics = answering("statistics", self._statistics, cloudwatch._cbor_datapoint)
        cloudwatch._get_metric_data = answering("data", self._data, cloudwatch._cbor_metric_data_result)

    def _statistics(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = []
        for begin, points in self._periods(asked, asked, asked.get("Period")):
            point: dict[str, Any] = {"Timestamp": begin, "Unit": points[0]["Unit"]}
            point |= {name: self._value(points, name) for name in asked.get("Statistics") or ()}
            if extended := asked.get("ExtendedStatistics"):
                point["ExtendedStatistics"] = {name: self._value(points, name) for name in extended}
            found.append(point)
        return {"Datapoints": found, "Label": asked.get("MetricName")}

    def _data(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        results = []
        for query in asked.get("MetricDataQueries") or ():
            result: dict[str, Any] = {"Id": query["Id"], "Label": query.get("Label", query["Id"])}
            if "MetricStat" not in query:
                said = [{"Code": "Unsupported", "Value": "The local cloud has no metric math."}]
                result |= {"StatusCode": "InternalError", "Messages": said, "Timestamps": [], "Values": []}
            else:
                periods = self._periods(asked, query["MetricStat"]["Metric"], query["MetricStat"].get("Period"))
                values = [(begin, self._value(points, query["MetricStat"]["Stat"])) for begin, points in periods]
                known = [(begin, value) for begin, value in values if value is not None]
                if asked.get("ScanBy") != "TimestampAscending":
                    known.reverse()
                result |= {"Timestamps": [begin for begin, _ in known], "Values": [value for _, value in known]}
                result["StatusCode"] = "Complete"
            if query.get("ReturnData", True):
                results.append(result)
        return {"MetricDataResults": results}

    def _periods(
        self, window: Mapping[str, Any], metric: Mapping[str, Any], period: Any
    ) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Begin of each period that has points, oldest first, and its points."""
        cloudwatch = self._cloudwatch
        begin, end = cloudwatch._parse_ts(window["StartTime"]), cloudwatch._parse_ts(window["EndTime"])
        dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
        points = list(cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], dimensions)) or ())
        resolution = min((point.get("Resolution", MINUTE) for point in points), default=MINUTE)
        begin, seconds = begin // resolution * resolution, int(period or MINUTE)
        found: dict[float, list[dict[str, Any]]] = {}
        for point in points:
            if begin <= point["Timestamp"] < end:
                found.setdefault(begin + (point["Timestamp"] - begin) // seconds * seconds, []).append(point)
        for at in sorted(found):
            yield cloudwatch._ts_iso(at), found[at]

    def _value(self, points: list[dict[str, Any]], statistic: str) -> float | None:
        value: float | None = self._cloudwatch._stat_value(self._cloudwatch._calc_stats(points), statistic, points)
        return value
