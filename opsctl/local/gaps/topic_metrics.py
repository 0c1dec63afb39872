"""SNS: metrics of each topic, namespace AWS/SNS, dimension TopicName. MiniStack publishes none.

Source: SNS developer guide, "Monitoring Amazon SNS topics using CloudWatch"
(https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html). Deliveries to queues and functions
are counted; to a function it is done when the function's invocation is accepted. Nothing reaches e-mail addresses and
phones here, so nothing is counted for them.
"""

from __future__ import annotations

import json
from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric
from opsctl.local.observing import observe


class TopicMetrics(Gap):
    async def install(self) -> None:
        from ministack.services import lambda_svc, sns, sqs

        self._sns, self._sqs, self._functions = sns, sqs, lambda_svc
        observe(sns, "_fanout", self._published)
        observe(sns, "_matches_filter_policy", self._matched)
        observe(sns, "_deliver_to_sqs", self._sent_to_queue)
        observe(sns, "_deliver_to_lambda", self._sent_to_function)

    def _record(self, topic_arn: str, name: str, value: float = 1, unit: str = "Count") -> None:
        _, _, _, region, account_id, topic = topic_arn.split(":")[:6]
        self.cloud.metrics.record(metric(account_id, region, "AWS/SNS", name, (("TopicName", topic),), unit), value)

    def _published(
        self, _: None, __: float, topic_arn: str, message_id: str, message: str, subject: str,
        structure: str = "", attributes: dict[str, Any] | None = None, **more: Any,
    ) -> None:  # fmt: skip
        self._record(topic_arn, "NumberOfMessagesPublished")
        self._record(topic_arn, "PublishSize", self._sns._message_payload_size(message, attributes or {}), "Bytes")

    def _matched(
        self, matches: bool, _: float, subscription: dict[str, Any], attributes: dict[str, Any], message: str = ""
    ) -> None:
        if matches:
            return
        topic_arn = subscription["arn"].rpartition(":")[0]
        self._record(topic_arn, "NumberOfNotificationsFilteredOut")
        self._record(topic_arn, f"NumberOfNotificationsFilteredOut-{_why(subscription, attributes, message)}")

    def _sent_to_queue(self, _: None, __: float, endpoint: str, *___: Any, topic_arn: str = "", **more: Any) -> None:
        self._delivered(topic_arn, self._sqs._queue_by_arn(endpoint) is not None)

    def _sent_to_function(self, _: None, __: float, endpoint: str, envelope: str, topic_arn: str, *more: Any) -> None:
        self._delivered(topic_arn, self._functions._get_func_record_for_ref(endpoint)[0] is not None)

    def _delivered(self, topic_arn: str, done: bool) -> None:
        self._record(topic_arn, f"NumberOfNotifications{'Delivered' if done else 'Failed'}")


def _why(subscription: dict[str, Any], attributes: dict[str, Any], message: str) -> str:
    """The last part of NumberOfNotificationsFilteredOut-…"""
    if subscription.get("attributes", {}).get("FilterPolicyScope") != "MessageBody":
        return "MessageAttributes" if attributes else "NoMessageAttributes"
    try:
        return "MessageBody" if isinstance(json.loads(message), dict) else "InvalidMessageBody"
    except ValueError:
        return "InvalidMessageBody"
