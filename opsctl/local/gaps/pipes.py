"""EventBridge Pipes: source → filter → input template → target, for each pipe that runs.

MiniStack keeps a pipe's names only, and moves records from DynamoDB streams to SNS and Step Functions, untouched. Here
a running pipe is a task: a source from `SOURCES` hands over batches, each record that the filters let through goes to
a target from `TARGETS` as the template says
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html). What a target refuses
stays with its source, which comes again with it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from opsctl.local.destinations import json_call, queue_url
from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap
from opsctl.local.streams import piping

Record = dict[str, Any]
Deliver = Callable[[list[Record]], Awaitable[None]]

PATH = re.compile(r"/v1/pipes/([^/]+)(?:/(?:start|stop))?")
KEPT = ("SourceParameters", "TargetParameters", "Enrichment", "EnrichmentParameters", "LogConfiguration")
AGAIN_SECONDS = 1.0


class NotDelivered(Exception):
    """A target refused a batch, or failed over it."""


@dataclass(frozen=True)
class Pipe:
    """A pipe that runs. The parameters are as CreatePipe got them."""

    name: str
    arn: str
    account: str
    region: str
    source: str
    target: str
    source_parameters: Mapping[str, Any] = field(default_factory=dict)
    target_parameters: Mapping[str, Any] = field(default_factory=dict)


class Calls:
    """Calls to the cloud's own APIs, in the name of a pipe."""

    def __init__(self, handle: Handler, account: str, region: str) -> None:
        self._handle, self._account, self._region = handle, account, region

    async def json(self, service: str, target: str, **parameters: Any) -> Any:
        """One call of a JSON protocol; `target` is the whole x-amz-target.

        Raises:
            NotDelivered: the service refused it.
        """
        answer = await self._handle(json_call(service, target, parameters, self._account, self._region))
        if answer.status >= 300:
            raise NotDelivered(f"{target}: {answer.status} {answer.body[:300].decode(errors='replace')}")
        return answer.json()


async def take_from_queue(pipe: Pipe, calls: Calls, deliver: Deliver) -> None:
    """SQS: what was delivered is deleted; the rest becomes visible again in its own time. Five batches at once."""
    url = queue_url(pipe.source)
    size = pipe.source_parameters.get("SqsQueueParameters", {}).get("BatchSize", 10)
    places = asyncio.Semaphore(5)

    async def work_off(messages: list[dict[str, Any]]) -> None:
        try:
            await deliver([_queue_record(message, pipe) for message in messages])
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
            await calls.json("sqs", "AmazonSQS.DeleteMessageBatch", QueueUrl=url, Entries=entries)
        except NotDelivered as error:
            logging.getLogger("opsctl").warning("pipe %s: %s", pipe.name, error)
        finally:
            places.release()

    async with asyncio.TaskGroup() as batches:
        while True:
            await places.acquire()
            try:
                taken = await calls.json(
                    "sqs", "AmazonSQS.ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=size,
                    WaitTimeSeconds=20, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"],
                )  # fmt: skip
            except NotDelivered:
                places.release()
                raise
            if messages := taken.get("Messages"):
                batches.create_task(work_off(messages))
            else:
                places.release()


async def take_from_stream(pipe: Pipe, calls: Calls, deliver: Deliver) -> None:
    """Kinesis and DynamoDB: each shard in order. What is given up is told to the pipe's dead-letter queue."""

    async def give_up(document: dict[str, Any]) -> None:
        logging.getLogger("opsctl").warning("pipe %s gave up %s", pipe.name, document)
        if queue := piping.dead_letter_arn(pipe):
            await calls.json(
                "sqs", "AmazonSQS.SendMessage", QueueUrl=queue_url(queue), MessageBody=json.dumps(document)
            )

    await piping.take_from_stream(pipe, deliver, give_up, PLACES)


async def start_execution(pipe: Pipe, calls: Calls, payloads: list[Any], _: list[Record]) -> None:
    """Step Functions: the whole batch is one execution's input. REQUEST_RESPONSE waits for an Express workflow."""
    wanted = pipe.target_parameters.get("StepFunctionStateMachineParameters", {}).get("InvocationType")
    action = "StartSyncExecution" if wanted == "REQUEST_RESPONSE" else "StartExecution"
    done = await calls.json(
        "states", f"AWSStepFunctions.{action}", stateMachineArn=pipe.target, input=json.dumps(payloads)
    )
    if done.get("status", "SUCCEEDED") != "SUCCEEDED":
        raise NotDelivered(f"{done.get('executionArn')} ended as {done['status']}: {done.get('error')}")


async def send_messages(pipe: Pipe, calls: Calls, payloads: list[Any], records: list[Record]) -> None:
    """SQS: one message for each record. Parameters that are paths are looked up in the record, not in what is sent."""
    wanted = pipe.target_parameters.get("SqsQueueParameters", {})
    for payload, record in zip(payloads, records, strict=True):
        settings = {name: _at(value, opened(record)) for name, value in wanted.items()}
        await calls.json(
            "sqs", "AmazonSQS.SendMessage", QueueUrl=queue_url(pipe.target), MessageBody=_text(payload), **settings
        )


async def put_records(pipe: Pipe, calls: Calls, payloads: list[Any], records: list[Record]) -> None:
    """Kinesis: the records in one call, which takes 500; one that is refused has all of them come again."""
    key = pipe.target_parameters.get("KinesisStreamParameters", {}).get("PartitionKey", "")
    entries = [
        {
            "Data": base64.b64encode(_text(payload).encode()).decode(),
            "PartitionKey": str(_at(key, opened(record))),
        }
        for payload, record in zip(payloads, records, strict=True)
    ]
    for first in range(0, len(entries), 500):
        answer = await calls.json(
            "kinesis", "Kinesis_20131202.PutRecords", StreamARN=pipe.target, Records=entries[first : first + 500]
        )
        if answer["FailedRecordCount"]:
            raise NotDelivered(f"{pipe.target}: {answer['FailedRecordCount']} records were refused")


SOURCES: dict[str, Callable[[Pipe, Calls, Deliver], Awaitable[None]]] = {
    "sqs": take_from_queue,
    "kinesis": take_from_stream,
    "dynamodb": take_from_stream,
}
TARGETS: dict[str, Callable[[Pipe, Calls, list[Any], list[Record]], Awaitable[None]]] = {
    "kinesis": put_records,
    "states": start_execution,
    "sqs": send_messages,
}
"""By the service in the ARN. A source runs until it is cancelled; a target gets what is sent, and the records that it
was made of, and raises NotDelivered."""

PLACES = piping.Places()


class Pipes(Gap):
    async def install(self) -> None:
        from ministack.services import pipes

        self._running: dict[str, asyncio.Task[None]] = {}
        describe = pipes._describe_response

        def describe_all(pipe: dict[str, Any]) -> dict[str, Any]:
            return {**describe(pipe), **{name: pipe[name] for name in KEPT if pipe.get(name)}}

        pipes._describe_response = describe_all
        pipes._ensure_poller = lambda: None

    async def uninstall(self) -> None:
        for task in self._running.values():
            task.cancel()

    def wants(self, request: Request) -> bool:
        return request.service == "pipes" and request.method != "GET" and PATH.fullmatch(request.path) is not None

    async def answer(self, request: Request, forward: Handler) -> Response:
        from ministack.core.responses import request_scope
        from ministack.services import pipes

        matched = PATH.fullmatch(request.path)
        assert matched
        answer = await forward(request)
        if answer.status >= 300:
            return answer
        account = self.cloud.account_of(request)
        with request_scope(account, request.region):
            record = pipes._pipes.get(unquote(matched[1]))
        asked = json.loads(request.body or b"{}")
        if record is None:
            await self._stop(answer.json()["Arn"])
            PLACES.forget(answer.json()["Arn"])
        else:
            record.update({name: asked[name] for name in KEPT if name in asked})
            await self._stop(record["Arn"])
            if record["CurrentState"] == "RUNNING":
                self._start(pipe_of(record, account, request.region))
        return answer

    async def _stop(self, arn: str) -> None:
        if task := self._running.pop(arn, None):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _start(self, pipe: Pipe) -> None:
        self._running[pipe.arn] = asyncio.create_task(run(pipe, Calls(self.cloud.handle, pipe.account, pipe.region)))


def pipe_of(record: Mapping[str, Any], account: str, region: str) -> Pipe:
    return Pipe(
        record["Name"], record["Arn"], account, region, record["Source"], record["Target"],
        record.get("SourceParameters") or {}, record.get("TargetParameters") or {},
    )  # fmt: skip


async def run(pipe: Pipe, calls: Calls) -> None:
    """Move records until cancelled. A source that fails is asked again."""
    source, target = SOURCES.get(_service(pipe.source)), TARGETS.get(_service(pipe.target))
    if source is None or target is None:
        logging.getLogger("opsctl").warning("pipe %s: no way from %s to %s", pipe.name, pipe.source, pipe.target)
        return

    async def deliver(records: list[Record]) -> None:
        passed = [record for record in records if passes(record, pipe)]
        if passed:
            await target(pipe, calls, [transformed(record, pipe) for record in passed], passed)

    while True:
        try:
            await source(pipe, calls, deliver)
        except* Exception as errors:  # whatever it is, the pipe goes on, as AWS's do
            logging.getLogger("opsctl").warning("pipe %s: %r", pipe.name, errors.exceptions[0])
        await asyncio.sleep(AGAIN_SECONDS)


def passes(record: Record, pipe: Pipe) -> bool:
    """Whether any of the pipe's filters lets a record through; without filters, all pass."""
    from ministack.services.eventbridge import _compiled_pattern, _matches_detail

    filters = pipe.source_parameters.get("FilterCriteria", {}).get("Filters", [])
    alternatives = [one for entry in filters for one in _compiled_pattern(entry["Pattern"]) or []]
    return not filters or any(_matches_detail(opened(record), one) for one in alternatives)


def transformed(record: Record, pipe: Pipe) -> Any:
    """What the target gets of a record: the record itself, or the input template filled in (JSON where it is JSON)."""
    template = pipe.target_parameters.get("InputTemplate")
    if not template:
        return record
    text = fill(template, opened(record), pipe)
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return text


def opened(record: Record) -> Record:
    """A record with its body (SQS) or data (Kinesis) read as JSON, as filters and templates see it."""
    seen = dict(record)
    for name, decode in (("body", str), ("data", lambda data: base64.b64decode(data).decode(errors="replace"))):
        if isinstance(record.get(name), str):
            text = decode(record[name])
            try:
                seen[name] = json.loads(text)
            except ValueError:
                seen[name] = text
    return seen


def fill(template: str, record: Record, pipe: Pipe) -> str:
    """An input template with its <$.paths> and <aws.pipes.…> filled in. Within quotes a value is bare text."""
    about = {"event.json": record, "pipe-arn": pipe.arn, "pipe-name": pipe.name, "source-arn": pipe.source}
    out, within, end = [], False, 0
    for found in re.finditer(r'<(\$[^>]*|aws\.pipes\.[^>]*)>|\\.|"', template):
        out.append(template[end : found.start()])
        end = found.end()
        if found[1] is None:
            within ^= found[0] == '"'
            out.append(found[0])
            continue
        key = found[1].removeprefix("aws.pipes.")
        value = _at(key, record) if key.startswith("$") else about.get(key)
        bare = value if isinstance(value, str) else json.dumps(value)
        out.append(json.dumps(bare)[1:-1] if within else json.dumps(value))
    return "".join([*out, template[end:]])


def _at(value: Any, record: Any) -> Any:
    """A parameter's value: where it is a path ($.a.b), what lies there in the record."""
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    from ministack.services.stepfunctions import _resolve_path

    return _resolve_path(value, record)


def _queue_record(message: Mapping[str, Any], pipe: Pipe) -> Record:
    """A message as event source mappings and pipes show it."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: {key[0].lower() + key[1:]: content for key, content in value.items()}
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": pipe.source,
        "awsRegion": pipe.region,
    }


def _service(arn: str) -> str:
    return [*arn.split(":"), "", "", ""][2]


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload)
