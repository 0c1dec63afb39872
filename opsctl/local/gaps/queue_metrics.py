"""SQS: metrics of each queue, namespace AWS/SQS, dimension QueueName. MiniStack publishes none.

Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS"
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
A message counts as sent once, whoever put it there (other services append to the queue without a call); one that is
moved to a dead-letter queue is not counted again, as on AWS. Here every queue reports, also after 6 idle hours.
"""

from __future__ import annotations

import time
from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric
from opsctl.local.observing import observe

COUNTED = "counted_as_sent"
RECEIVES_BEFORE_IGNORED = 3
"""A message received so often is no longer the oldest for ApproximateAgeOfOldestMessage, if there are others."""


class QueueMetrics(Gap):
    async def install(self) -> None:
        from ministack.services import sqs

        self._sqs = sqs
        handlers = sqs._HANDLERS
        observe(sqs, "_collect_msgs", self._collected)
        observe(sqs, "_act_receive_message", self._received, handlers)
        observe(sqs, "_receive_messages_for_esm", self._polled)
        observe(sqs, "_act_delete_message", self._deleted, handlers)
        observe(sqs, "_act_delete_message_batch", self._deleted_batch, handlers)
        observe(sqs, "_delete_messages_for_esm", self._deleted_after_invocation)
        self.cloud.metrics.gauges.append(self._measure)

    def _record(
        self, queue: dict[str, Any], name: str, value: float, unit: str = "Count", times: int = 1,
        at: float | None = None,
    ) -> None:  # fmt: skip
        _, _, _, region, account_id, queue_name = queue["attributes"]["QueueArn"].split(":")
        measured = metric(account_id, region, "AWS/SQS", name, (("QueueName", queue_name),), unit)
        self.cloud.metrics.record(measured, value, times, at)

    def _sent(self, queue: dict[str, Any], messages: list[dict[str, Any]]) -> None:
        """Count what was not seen before, for the minute in which it was sent."""
        for message in messages:
            if COUNTED not in message:
                message[COUNTED] = True
                at = message["sent_at"]
                self._record(queue, "NumberOfMessagesSent", 1, at=at)
                self._record(queue, "SentMessageSize", _size(message), "Bytes", at=at)

    def _collected(self, messages: list[dict[str, Any]], _: float, queue: dict[str, Any], *__: Any) -> None:
        if messages:
            self._sent(queue, messages)
            self._record(queue, "NumberOfMessagesReceived", len(messages))

    def _received(self, answer: dict[str, Any], _: float, data: dict[str, Any], url: str) -> None:
        if not answer.get("Messages"):
            self._record(self._sqs._get_q(data.get("QueueUrl", url)), "NumberOfEmptyReceives", 1)

    def _polled(self, messages: list[dict[str, Any]], _: float, url: str, *__: Any) -> None:
        if not messages:
            self._record(self._sqs._get_q(url), "NumberOfEmptyReceives", 1)

    def _deleted(self, _: Any, __: float, data: dict[str, Any], url: str) -> None:
        self._record(self._sqs._get_q(data.get("QueueUrl", url)), "NumberOfMessagesDeleted", 1)

    def _deleted_batch(self, answer: dict[str, Any], _: float, data: dict[str, Any], url: str) -> None:
        if answer["Successful"]:
            queue = self._sqs._get_q(data.get("QueueUrl", url))
            self._record(queue, "NumberOfMessagesDeleted", len(answer["Successful"]))

    def _deleted_after_invocation(self, _: None, __: float, url: str, receipt_handles: set[str]) -> None:
        if receipt_handles:
            self._record(self._sqs._get_q(url), "NumberOfMessagesDeleted", len(receipt_handles))

    def _measure(self) -> None:
        # Visibility is kept by the emulator's own clock.
        now, published_at = time.time(), self.cloud.metrics.now().timestamp()
        for _, queue in self._sqs._queues.all_items():
            messages = list(queue["messages"])
            self._sent(queue, messages)
            visible = sum(message["visible_at"] <= now for message in messages)
            delayed = sum(message["visible_at"] > now and message["receive_count"] == 0 for message in messages)
            self._record(queue, "ApproximateNumberOfMessagesVisible", visible)
            self._record(queue, "ApproximateNumberOfMessagesNotVisible", len(messages) - visible - delayed)
            self._record(queue, "ApproximateNumberOfMessagesDelayed", delayed)
            self._record(queue, "ApproximateAgeOfOldestMessage", _oldest(messages, published_at), "Seconds")


def _oldest(messages: list[dict[str, Any]], now: float) -> int:
    """Age in whole seconds; 0 without messages."""
    tried_less = [message for message in messages if message["receive_count"] < RECEIVES_BEFORE_IGNORED]
    return int(max((now - message["sent_at"] for message in tried_less or messages), default=0))


def _size(message: dict[str, Any]) -> int:
    """Bytes of body and attributes (names, types, values)."""
    size = len(message["body"].encode())
    for name, attribute in (message.get("message_attributes") or {}).items():
        value = attribute.get("StringValue") or attribute.get("BinaryValue") or ""
        size += len(name) + len(attribute.get("DataType", "")) + len(value)
    return size
