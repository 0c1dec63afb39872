"""S3: metrics of requests, for the filters that ask for them, and of storage, once a day: namespace AWS/S3.
MiniStack has neither, nor the configurations (PutBucketMetricsConfiguration: it takes one for a new bucket).

Source: S3 user guide, "Metrics and dimensions"
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html). A filter may name a prefix; one by tags
or access point is kept and sees no request.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any
from xml.etree import ElementTree

from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric
from opsctl.local.observing import observe

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
BY_METHOD = {
    "GET": "GetRequests", "PUT": "PutRequests", "HEAD": "HeadRequests", "DELETE": "DeleteRequests",
    "POST": "PostRequests",
}  # fmt: skip
Answer = tuple[int, dict[str, str], Any]


class BucketMetrics(Gap):
    async def install(self) -> None:
        from ministack.core import responses
        from ministack.services import s3

        self._s3, self._scope = s3, responses
        # (account, bucket) → filter's id → its XML
        self._configurations: dict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
        self._day: date | None = None
        dispatch = s3._dispatch

        def dispatch_or_configure(
            method: str, bucket: str, key: str, headers: Any, body: bytes, query: dict[str, Any]
        ) -> Answer:
            if bucket and not key and "metrics" in query and bucket in s3._buckets:
                return self._configure(method, bucket, body, str(_first(query.get("id"))))
            answer: Answer = dispatch(method, bucket, key, headers, body, query)
            return answer

        s3._dispatch = dispatch_or_configure
        observe(s3, "_dispatch", self._requested)
        self.cloud.metrics.gauges.append(self._measure_daily)

    def _configure(self, method: str, bucket: str, body: bytes, name: str) -> Answer:
        configurations = self._configurations[self._scope.get_account_id(), bucket]
        xml = {"Content-Type": "application/xml"}
        if method == "PUT":
            configurations[name] = body
            return 200, {}, b""
        if method == "DELETE":
            return (204, {}, b"") if configurations.pop(name, None) else self._no_such_configuration()
        if not name:
            listed = b"".join(configurations.values())
            start = f'<ListMetricsConfigurationsResult xmlns="{NAMESPACE[1:-1]}"><IsTruncated>false</IsTruncated>'
            return 200, xml, start.encode() + listed + b"</ListMetricsConfigurationsResult>"
        found = configurations.get(name)
        return (200, xml, found) if found else self._no_such_configuration()

    def _no_such_configuration(self) -> Answer:
        answer: Answer = self._s3._error("NoSuchConfiguration", "The specified configuration does not exist.", 404)
        return answer

    def _requested(
        self, answer: Answer, seconds: float, method: str, bucket: str, key: str, headers: Any, body: bytes,
        query: dict[str, Any],
    ) -> None:  # fmt: skip
        configurations = self._configurations.get((self._scope.get_account_id(), bucket))
        if not configurations or "metrics" in query:
            return
        status, _, content = answer
        listed = method == "GET" and not key
        milliseconds = round(seconds * 1000, 2), "Milliseconds"
        values = {
            "AllRequests": (1, "Count"),
            "ListRequests" if listed else BY_METHOD[method]: (1, "Count"),
            "4xxErrors": (float(400 <= status < 500), "Count"),
            "5xxErrors": (float(status >= 500), "Count"),
            "FirstByteLatency": milliseconds,
            "TotalRequestLatency": milliseconds,
        }
        if body:
            values["BytesUploaded"] = len(body), "Bytes"
        if content and method != "HEAD" and isinstance(content, bytes):
            values["BytesDownloaded"] = len(content), "Bytes"
        for name, configuration in configurations.items():
            prefix = _prefix(configuration)
            if prefix is not None and key.startswith(prefix):
                for metric_name, (value, unit) in values.items():
                    self._record(bucket, metric_name, value, unit, ("FilterId", name))

    def _record(self, bucket: str, name: str, value: float, unit: str, dimension: tuple[str, str]) -> None:
        dimensions = ("BucketName", bucket), dimension
        account_id, region = self._scope.get_account_id(), self._scope.get_region()
        self.cloud.metrics.record(metric(account_id, region, "AWS/S3", name, dimensions, unit), value)

    def _measure_daily(self) -> None:
        """When a day (UTC) begins, and at the start, when there are no buckets yet."""
        today = self.cloud.metrics.now().date()
        if today == self._day:
            return
        self._day = today
        for (account_id, name), bucket in list(self._s3._buckets._data.items()):
            with self._scope.request_scope(account_id, bucket.get("region") or self.cloud.region):
                objects = bucket["objects"].values()
                size = sum(stored.get("size", 0) for stored in objects)
                self._record(name, "BucketSizeBytes", size, "Bytes", ("StorageType", "StandardStorage"))
                self._record(name, "NumberOfObjects", len(objects), "Count", ("StorageType", "AllStorageTypes"))


def _prefix(configuration: bytes) -> str | None:
    """What keys must begin with; None for a filter by something else."""
    found = ElementTree.fromstring(configuration).find(f"{NAMESPACE}Filter")  # noqa: S314 - a client of ours
    if found is None or len(found) == 0:
        return ""
    return found.findtext(f"{NAMESPACE}Prefix")


def _first(value: Any) -> str:
    return (value[0] if value else "") if isinstance(value, list) else (value or "")
