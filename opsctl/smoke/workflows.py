"""The list pipeline and the approvals as a smoke test sees them: by their effects, everything taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opsctl.aws import NotFound
from opsctl.smoke.check import Trial, expect
from opsctl.smoke.images import remove_objects
from opsctl.smoke.photos import Announcements, DeadLetters

TOPIC = "workflows.topics.workflows.arn"
FAILURES = "workflows.failure_queues.list-failures.url"
SAMPLE = (
    {"sku": "print-20x30", "title": " Print  20 x 30 ", "price_cents": 1250},
    {"sku": "frame-oak", "title": "Frame, oak", "price_cents": 3905},
)
SETTLE_SECONDS = 2


def list_path(trial: Trial) -> Mapping[str, Any]:
    """A right list and a wrong one, put at the same time."""
    announced = Announcements.listen(trial, TOPIC, "key")
    letters = DeadLetters.search(trial, FAILURES, "correlation_id")
    wrong = [*SAMPLE, {**SAMPLE[0], "sku": "another", "price_cents": "free"}]
    good, bad = put_list(trial, f"smoke-{trial.id}", SAMPLE), put_list(trial, f"smoke-{trial.id}-wrong", wrong)
    put_at = trial.seconds
    result = trial.until(f"the result of {good}", lambda: result_of(trial, good))
    seconds = trial.seconds - put_at
    expect([entry["sku"] for entry in result["entries"]] == ["frame-oak", "print-20x30"], f"the result is {result}")
    expect(result["summary"]["total_cents"] == 5155, f"the summary is {result['summary']}")
    letter = trial.until(f"{bad} among the failures", lambda: letters.take(bad))
    expect("entry 2: price_cents" in letter.get("reason", ""), f"the reason is {letter.get('reason')!r}")
    trial.until("both announcements", lambda: announced.poll() and announced.of(good) and announced.of(bad))
    announced.settle(trial, SETTLE_SECONDS)
    told = {key: [message["event"] for message in announced.of(key)] for key in (good, bad)}
    expect(told == {good: ["list.ready"], bad: ["list.rejected"]}, f"what was told: {told}")
    expect(result_of(trial, bad) is None, f"the wrong list {bad} has a result")
    return {"seconds_to_result": round(seconds, 3), "reason": letter["reason"]}


def approval_path(trial: Trial) -> Mapping[str, Any]:
    """A request that is approved through the edge, once."""
    announced = Announcements.listen(trial, TOPIC, "approval_id")
    execution = ask(trial, f"smoke-{trial.id}", ["one", "two", "three"])
    approval_id = execution.rpartition(":")[2]
    trial.until(f"approval {approval_id} as waiting", lambda: (approval(trial, approval_id) or {}).get("status"))
    answer = decide(trial, approval_id, "approve")
    expect(answer.status == 200, str(answer))
    done = trial.until(f"the end of {approval_id}", lambda: ended(trial, execution))
    expect(done["status"] == "SUCCEEDED", f"{approval_id} ended as {done['status']}: {done.get('cause')}")
    output = json.loads(done["output"])
    expect(output["outcome"] == "approved", f"the outcome is {output}")
    again = decide(trial, approval_id, "reject")
    expect(again.status == 409, f"a second answer: {again}")

    def released() -> list[str]:
        announced.poll()
        told = announced.of(approval_id)
        return sorted(message["photo_id"] for message in told if message["event"] == "entry.released")

    trial.until("three released entries", lambda: len(released()) == 3)
    expect(released() == ["one", "three", "two"], f"released: {released()}")
    return {"by": output["answer"]["by"], "second_answer": again.status}


def put_list(trial: Trial, list_id: str, entries: Sequence[Any] | bytes) -> str:
    """Put a list among the incoming ones; gives its key. List and result are removed when the trial ends."""
    key, bucket = f"lists/incoming/{list_id}.json", trial.target.output("workflows.buckets.lists.id")
    results = trial.target.output("workflows.buckets.results.id")
    trial.afterwards(f"list {key}", lambda: remove_objects(trial.target, bucket, key))
    trial.afterwards(f"result of {key}", lambda: remove_objects(trial.target, results, result_key(key)))
    body = entries if isinstance(entries, bytes) else json.dumps(list(entries)).encode()
    trial.aws.call("s3", "put_object", Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    return key


def result_key(key: str) -> str:
    """Where the result of a list lies, in the bucket of results."""
    return key.replace("/incoming/", "/results/")


def result_of(trial: Trial, key: str) -> dict[str, Any] | None:
    """The result of a list; None while there is none."""
    bucket = trial.target.output("workflows.buckets.results.id")
    try:
        body = trial.aws.call("s3", "get_object", Bucket=bucket, Key=result_key(key))["Body"].read()
    except NotFound:
        return None
    found: dict[str, Any] = json.loads(body)
    return found


def ask(trial: Trial, approval_id: str, photo_ids: Sequence[str], *, timeout_seconds: int = 120, **more: Any) -> str:
    """Start a release that waits for an approval; gives the execution's ARN. It is stopped when the trial ends."""
    entries = [{"photo_id": photo_id, "caption": "a smoke test"} for photo_id in photo_ids]
    request = {"title": approval_id, "requested_by": "opsctl smoke", "correlation_id": approval_id, "entries": entries,
               "timeout_seconds": timeout_seconds, **more}  # fmt: skip
    execution: str = trial.aws.call(
        "stepfunctions", "start_execution", name=approval_id, input=json.dumps(request),
        stateMachineArn=trial.target.output("workflows.state_machines.release.arn"),
    )["executionArn"]  # fmt: skip
    trial.afterwards(f"approval {approval_id}", lambda: _forget(trial, approval_id))
    trial.afterwards(f"execution {execution}", lambda: _stop(trial, execution))
    return execution


def approval(trial: Trial, approval_id: str) -> dict[str, str] | None:
    """The approval's record, without its token; None while there is none."""
    item = trial.aws.call(
        "dynamodb", "get_item", TableName=trial.target.output("workflows.tables.approvals.name"),
        Key={"approval_id": {"S": approval_id}}, ConsistentRead=True,
    ).get("Item")  # fmt: skip
    return {name: str(*value.values()) for name, value in item.items() if name != "task_token"} if item else None


def decide(trial: Trial, approval_id: str, decision: str, comment: str = "") -> Any:
    """Answer an approval through the edge."""
    body = json.dumps({"decision": decision, "comment": comment}).encode()
    return trial.request("POST", f"/v1/approvals/{approval_id}", body=body, content_type="application/json")


def ended(trial: Trial, execution: str) -> dict[str, Any] | None:
    """The execution, once it has ended."""
    found: dict[str, Any] = trial.aws.call("stepfunctions", "describe_execution", executionArn=execution)
    return found if found["status"] != "RUNNING" else None


def _forget(trial: Trial, approval_id: str) -> None:
    table = trial.target.output("workflows.tables.approvals.name")
    trial.aws.call("dynamodb", "delete_item", TableName=table, Key={"approval_id": {"S": approval_id}})


def _stop(trial: Trial, execution: str) -> None:
    if ended(trial, execution) is None:
        trial.aws.call(
            "stepfunctions", "stop_execution", executionArn=execution, error="SmokeTest", cause="It is over."
        )
