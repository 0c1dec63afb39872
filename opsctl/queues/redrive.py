"""Put letters back: sent first, deleted only once AWS has acknowledged that.

Interrupted between the two, a letter is in both places and comes twice, never not at all; all our consumers bear that.
SQS's own StartMessageMoveTask moves a whole queue as it is: reasons would go along and count for the next one, nobody
could count how often a letter came back, and one letter alone can't be chosen. So each letter is moved by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from opsctl.aws import Aws
from opsctl.aws.errors import AwsError
from opsctl.errors import OpsctlError, Refused
from opsctl.exit_codes import ExitCode
from opsctl.queues.letters import CanNotGoBack, Letter, invocation_for, message_for
from opsctl.queues.stores import Kind, Store
from opsctl.queues.stream_failures import invoke_again
from opsctl.queues.survey import Hold, count_letters


@dataclass(frozen=True)
class PutBack:
    """A letter is where it came from, and no longer among the letters."""

    letter: Letter


@dataclass(frozen=True)
class StayedBehind:
    """A letter could not be put back, and is still among the letters."""

    letter: Letter
    error: OpsctlError


@dataclass(frozen=True)
class Report:
    """
    Attributes:
        moved: the letters that were put back, or would be.
        failed: the letters that could not be, and why. They are where they were.
        missing: ids that were asked for and not found.
    """

    moved: tuple[Letter, ...]
    failed: tuple[tuple[Letter, str], ...]
    missing: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if self.failed or self.missing else ExitCode.DONE


class NowhereToGo(Refused):
    """What lies there has no source that it could go back to."""

    def __init__(self, store: Store) -> None:
        super().__init__(
            f"{store.name} has no queue that its letters could go back to.",
            where=store.place_name,
            next="Look at them with `opsctl queues show`; what wrote them says what to do.",
        )


def redrive(
    aws: Aws,
    store: Store,
    *,
    only: Collection[str] = (),
    limit: int | None = None,
    dry_run: bool = False,
    on_event: Callable[[PutBack | StayedBehind], None] = lambda event: None,
) -> Report:
    """Put letters back, no more than lay there when it began: one that fails again at once isn't put back for ever.

    Args:
        only: ids (of messages) or keys (of objects); empty: all.
        limit: how many at most.
        dry_run: change nothing; say which would be put back.

    Raises:
        NowhereToGo: nothing was changed.
        AwsError: the letters can't be read. What could not be put back is in the report instead.
    """
    if store.kind is Kind.LETTERS and not store.source:
        raise NowhereToGo(store)
    room = count_letters(aws, store)
    room = room if limit is None else min(room, limit)
    moved: list[Letter] = []
    failed: list[tuple[Letter, str]] = []
    wanted = set(only)
    with contextlib.closing(Hold(aws, store)) as hold:
        letters = iter(hold)
        while len(moved) + len(failed) < room and not (only and not wanted) and (held := next(letters, None)):
            if only and held.letter.id not in wanted:
                continue
            wanted.discard(held.letter.id)
            try:
                _put_back(aws, store, held.letter, dry_run=dry_run)
                if not dry_run:
                    hold.delete(held)
            except (AwsError, CanNotGoBack) as error:
                failed.append((held.letter, error.what))
                on_event(StayedBehind(held.letter, error))
            else:
                moved.append(held.letter)
                on_event(PutBack(held.letter))
    return Report(tuple(moved), tuple(failed), tuple(sorted(wanted)))


def _put_back(aws: Aws, store: Store, letter: Letter, *, dry_run: bool) -> None:
    if store.kind is Kind.LETTERS:
        message = message_for(letter)
        if not dry_run:
            aws.call(
                "sqs", "send_message",
                QueueUrl=store.source, MessageBody=message.body, MessageAttributes=dict(message.attributes),
            )  # fmt: skip
    else:
        invocation = invocation_for(letter, store.functions or {})
        if store.kind is Kind.OBJECTS and not dry_run:
            invoke_again(aws, invocation)
        elif ":stateMachine:" in invocation.arn and not dry_run:
            aws.call("stepfunctions", "start_execution", stateMachineArn=invocation.arn, input=invocation.payload)
        elif not dry_run:
            aws.call(
                "lambda", "invoke",
                FunctionName=invocation.arn, InvocationType="Event", Payload=invocation.payload.encode(),
            )  # fmt: skip
