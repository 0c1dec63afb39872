"""How much waits, how much was given up, and why. Letters are looked at, not taken."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsctl.aws import Aws
from opsctl.aws.errors import AwsError
from opsctl.queues.letters import Letter, letter_of_message, letter_of_object
from opsctl.queues.stores import Kind, Store

# While we look, letters are hidden from others; a look that is killed lets them go by itself after this time.
HOLD_SECONDS = 20
BATCH = 10


@dataclass(frozen=True)
class State:
    """
    Attributes:
        waiting, in_flight: messages of the work queue; None where there is none.
        letters: how many were given up (SQS counts approximately).
        oldest: when the oldest of the letters that we saw was sent; None without letters.
        reasons: of the letters that we saw (ten at most), each once.
    """

    store: Store
    waiting: int | None
    in_flight: int | None
    letters: int
    oldest: datetime | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """A letter, and the handle by which it is deleted."""

    letter: Letter
    handle: str


def survey(aws: Aws, store: Store) -> State:
    """How a queue does.

    Raises:
        AwsError
    """
    waiting, in_flight = _depth(aws, store.source) if store.source else (None, None)
    letters = count_letters(aws, store)
    seen = read_letters(aws, store, limit=BATCH) if letters else []
    return State(
        store, waiting, in_flight, letters, min((letter.sent_at for letter in seen), default=None),
        tuple(dict.fromkeys(letter.reason for letter in seen)),
    )  # fmt: skip


def count_letters(aws: Aws, store: Store) -> int:
    """How many letters lie there, hidden ones with them."""
    if store.kind is Kind.OBJECTS:
        return sum(1 for _ in aws.pages("s3", "list_objects_v2", "Contents[]", Bucket=store.place))
    return sum(_depth(aws, store.place))


def read_letters(aws: Aws, store: Store, *, limit: int) -> list[Letter]:
    """Up to `limit` letters, oldest first. They stay where they are."""
    with contextlib.closing(Hold(aws, store)) as hold:
        found = [held.letter for held in itertools.islice(hold, limit)]
    return sorted(found, key=lambda letter: letter.sent_at)


class Hold:
    """Every letter once, hidden from others meanwhile. What was not deleted can be seen by all once this is closed."""

    def __init__(self, aws: Aws, store: Store) -> None:
        self._aws, self._store = aws, store
        self._handles: dict[str, str] = {}

    def __iter__(self) -> Iterator[Held]:
        return self._objects() if self._store.kind is Kind.OBJECTS else self._messages()

    def delete(self, held: Held) -> None:
        """Remove a letter for good."""
        if self._store.kind is Kind.OBJECTS:
            self._aws.call("s3", "delete_object", Bucket=self._store.place, Key=held.letter.id)
        else:
            self._aws.call("sqs", "delete_message", QueueUrl=self._store.place, ReceiptHandle=held.handle)
            self._handles.pop(held.letter.id, None)

    def close(self) -> None:
        while self._handles:
            _, handle = self._handles.popitem()
            # Gone meanwhile, or visible again already: both are as they should be.
            with contextlib.suppress(AwsError):
                self._aws.call(
                    "sqs", "change_message_visibility",
                    QueueUrl=self._store.place, ReceiptHandle=handle, VisibilityTimeout=0,
                )  # fmt: skip

    def _messages(self) -> Iterator[Held]:
        seen: set[str] = set()
        while True:
            messages = self._aws.call(
                "sqs", "receive_message", QueueUrl=self._store.place, MaxNumberOfMessages=BATCH, WaitTimeSeconds=1,
                VisibilityTimeout=HOLD_SECONDS, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"],
            ).get("Messages", [])  # fmt: skip
            self._handles |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            fresh = [message for message in messages if message["MessageId"] not in seen]
            if not fresh:
                return
            seen |= {message["MessageId"] for message in fresh}
            yield from (Held(letter_of_message(message), message["ReceiptHandle"]) for message in fresh)

    def _objects(self) -> Iterator[Held]:
        for entry in self._aws.pages("s3", "list_objects_v2", "Contents[]", Bucket=self._store.place):
            answer = self._aws.call("s3", "get_object", Bucket=self._store.place, Key=entry["Key"])
            yield Held(letter_of_object(entry["Key"], answer["Body"].read().decode(), entry["LastModified"]), "")


def _depth(aws: Aws, url: str) -> tuple[int, int]:
    """Visible messages, and those that are hidden or delayed."""
    given: dict[str, Any] = aws.call(
        "sqs", "get_queue_attributes", QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]  # fmt: skip
    hidden = ("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
    return int(given.get("ApproximateNumberOfMessages", 0)), sum(int(given.get(name, 0)) for name in hidden)
