"""What people on call rely on, as a smoke test sees it: alarms, logs, and one id that joins them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

from opsctl.smoke import checkouts
from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.logs import lines

EDGE_REGION = "us-east-1"
REACHED = frozenset({"order-intake", "order-inventory", "order-notice", "order-history", "order-audit"})
"""Functions that work on a checkout without stock: by REST, SNS, SQS, DynamoDB stream, pipe and Kinesis."""
QUERY = "log_queries.follow-one-id.name"
MARK = "CORRELATION-ID"
LOOK_BACK_SECONDS = 600


def alarms_present(trial: Trial) -> Mapping[str, Any]:
    found = alarms(trial)
    promised = trial.target.output("observability.alarm_names")
    missing = sorted(set(promised) - set(found))
    expect(not missing, f"alarms that are not there: {', '.join(missing)}")
    topics = {trial.target.output(f"observability.{name}_topic_arn") for name in ("alert", "edge_alert")}
    silent = sorted(
        name for name in promised if not (found[name]["ActionsEnabled"] and topics & set(found[name]["AlarmActions"]))
    )
    expect(not silent, f"alarms that tell nobody: {', '.join(silent)}")
    return {"alarms": len(promised)}


def alarms_quiet(trial: Trial) -> Mapping[str, Any]:
    """No alarm fires, but for those of dead letters that are gone: an alarm keeps for its period.

    Checks of this very run have letters in queues for a moment, and take them out.
    """

    def firing() -> dict[str, dict[str, Any]]:
        ringing = {name: alarm for name, alarm in alarms(trial).items() if alarm["StateValue"] == "ALARM"}
        # The environment dev-foo has alarms that begin as those of dev do.
        ours = ringing.keys() & trial.target.output("observability.alarm_names")
        return {name: ringing[name] for name in ours if not _is_over(trial, ringing[name])}

    with contextlib.suppress(CheckFailed):
        trial.until("silence", lambda: not firing(), within_seconds=trial.seconds_left / 2)
    found = firing()
    expect(
        not found,
        "; ".join(f"{name} since {alarm['StateUpdatedTimestamp']:%H:%M:%S}: {alarm.get('AlarmDescription', '')}"
                  for name, alarm in sorted(found.items())),
    )  # fmt: skip
    return {"quiet": len(alarms(trial))}


def _is_over(trial: Trial, alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm told of messages in a queue that is empty by now."""
    queue = {one["Name"]: one["Value"] for one in alarm.get("Dimensions", ())}.get("QueueName")
    if queue is None or alarm.get("MetricName") != "ApproximateNumberOfMessagesVisible":
        return False
    waiting = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = trial.aws.call("sqs", "get_queue_url", QueueName=queue)["QueueUrl"]
    counts = trial.aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=waiting)["Attributes"]
    return not any(int(counts[name]) for name in waiting)


def alarms(trial: Trial) -> dict[str, dict[str, Any]]:
    """The environment's metric alarms as CloudWatch has them, by name; those of the edge are in us-east-1."""
    return {
        alarm["AlarmName"]: alarm
        for region in {trial.aws.access.region, EDGE_REGION}
        for alarm in trial.aws.pages(
            "cloudwatch", "describe_alarms", "MetricAlarms[]", region=region, AlarmNamePrefix=f"{trial.target.prefix}-"
        )
    }


def correlation(trial: Trial) -> Mapping[str, Any]:
    """Follow one checkout by one id through the logs, by the query that people on call have saved for it."""
    correlation_id = f"smoke-{trial.id}"
    wanted = checkouts.order(checkouts.Shelf.fill(trial, 0))
    answer = checkouts.send(trial, wanted, correlation_id=correlation_id)
    expect(answer.status == 202, str(answer))
    request_id = answer.headers.get("x-amzn-requestid", "")
    expect(request_id, "the answer has no x-amzn-requestid")
    seen: dict[str, str] = {}

    def all_told() -> bool:
        lines = _follow(trial, correlation_id)
        seen.update({line["service"]: line.get("xray_trace_id", "") for line in lines})
        return seen.keys() >= REACHED

    try:
        trial.until(f"a line of each of {', '.join(sorted(REACHED))} with {correlation_id}", all_told)
    finally:
        trial.evidence["services"] = sorted(seen)
    untraced = sorted(name for name, trace in seen.items() if not trace)
    expect(not untraced, f"lines without a trace id: {', '.join(untraced)}")
    line = trial.until(f"{request_id} in the API's access log", lambda: _access_line(trial, request_id))
    expect(line.get("trace_id", "-") != "-", f"the access log's line of {request_id} has no trace id")
    return {"correlation_id": correlation_id, "request_id": request_id, "trace_id": line["trace_id"]}


def logs_kept(trial: Trial) -> Mapping[str, Any]:
    """Every function has a log group that forgets after a while, and the API notes each request."""
    functions = trial.target.output("functions")
    prefix = f"/aws/lambda/{trial.target.prefix}-"
    groups = {
        group["logGroupName"]: group.get("retentionInDays")
        for group in trial.aws.pages("logs", "describe_log_groups", "logGroups[]", logGroupNamePrefix=prefix)
    }
    missing = sorted(name for name, function in functions.items() if function["log_group"] not in groups)
    expect(not missing, f"functions without a log group: {', '.join(missing)}")
    endless = sorted(name for name, function in functions.items() if not groups[function["log_group"]])
    expect(not endless, f"functions whose log is kept for ever: {', '.join(endless)}")
    return {"functions": len(functions), "access_log": _access_log(trial)}


def _follow(trial: Trial, correlation_id: str) -> list[dict[str, Any]]:
    """The functions' lines with an id."""
    saved = next(
        iter(trial.aws.pages(
            "logs", "describe_query_definitions", "queryDefinitions[]",
            queryDefinitionNamePrefix=trial.target.output(QUERY),
        )), None,
    )  # fmt: skip
    if saved is None:
        expect(False, f"there is no saved query {trial.target.output(QUERY)}")
        return []
    now = int(time.time())
    query = trial.aws.call(
        "logs", "start_query", logGroupNames=saved["logGroupNames"], startTime=now - LOOK_BACK_SECONDS,
        endTime=now + 60, queryString=saved["queryString"].replace(MARK, correlation_id),
    )["queryId"]  # fmt: skip

    def answer() -> dict[str, Any] | None:
        found = trial.aws.call("logs", "get_query_results", queryId=query)
        return found if found["status"] in ("Complete", "Failed", "Cancelled", "Timeout") else None

    rows = trial.until("the answer of the saved query", answer)["results"]
    messages = [cell["value"] for row in rows for cell in row if cell["field"] == "@message"]
    lines = [json.loads(message) for message in messages if message.startswith("{")]
    return [line for line in lines if line.get("correlation_id") == correlation_id and "service" in line]


def _access_log(trial: Trial) -> str:
    stage = trial.aws.call(
        "apigateway", "get_stage",
        restApiId=trial.target.output("api.id"), stageName=trial.target.output("api.stage"),
    )  # fmt: skip
    destination = (stage.get("accessLogSettings") or {}).get("destinationArn", "")
    expect(destination, "the API notes no requests")
    return str(destination.split(":log-group:")[1].removesuffix(":*"))


def _access_line(trial: Trial, request_id: str) -> dict[str, Any] | None:
    return next((json.loads(line) for line in lines(trial, _access_log(trial), request_id)), None)
