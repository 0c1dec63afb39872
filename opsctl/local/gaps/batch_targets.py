"""EventBridge: a rule's target may be a Batch queue. MiniStack takes such a target, and delivers nothing to it.

Source: AWS Batch user guide, "AWS Batch jobs as EventBridge targets"; EventBridge API reference, BatchParameters;
EventBridge user guide, "Using dead-letter queues to process undelivered events".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opsctl.local.destinations import dead_letter
from opsctl.local.exchange import signed_request
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import Background


class BatchTargets(Gap):
    async def install(self) -> None:
        from ministack.services import eventbridge

        invoke, self._background = eventbridge._invoke_target, Background()

        def invoke_target(
            target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None
        ) -> None:
            if target.get("Arn", "").split(":")[2:3] != ["batch"]:
                invoke(target, event, rule, view)
                return
            view = view or eventbridge._pattern_event_view(event)
            body = submission(target, _input(target, rule, view))
            self._background.start(self._submit(target, rule, body, json.dumps(view.event_with_detail())))

        eventbridge._invoke_target = invoke_target

    async def uninstall(self) -> None:
        self._background.cancel()

    async def _submit(
        self, target: Mapping[str, Any], rule: Mapping[str, Any], body: Mapping[str, Any], event: str
    ) -> None:
        region, account_id = target["Arn"].split(":")[3:5]
        answer = await self.cloud.handle(
            signed_request("batch", account_id, region, "POST", "/v1/submitjob", body=json.dumps(body).encode())
        )
        letters = (target.get("DeadLetterConfig") or {}).get("Arn")
        if answer.status == 200 or not letters:
            return
        attributes = {
            "RULE_ARN": rule.get("Arn", ""),
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": answer.header("x-amzn-errortype") or "INTERNAL_ERROR",
            "ERROR_MESSAGE": str(answer.json().get("message", "")),
        }
        await self.cloud.handle(dead_letter(letters, event, attributes, account=account_id, region=region))


def submission(target: Mapping[str, Any], text: str) -> dict[str, Any]:
    """SubmitJob's body for a target and its input, which may hold Parameters and ContainerOverrides."""
    given = target.get("BatchParameters") or {}
    try:
        said = json.loads(text)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    body: dict[str, Any] = {
        "jobName": given.get("JobName"),
        "jobDefinition": given.get("JobDefinition"),
        "jobQueue": target["Arn"],
    }
    optional = {
        "arrayProperties": _as_in_batch(given.get("ArrayProperties")),
        "retryStrategy": _as_in_batch(given.get("RetryStrategy")),
        "parameters": said.get("Parameters"),
        "containerOverrides": _as_in_batch(said.get("ContainerOverrides")),
    }
    return body | {name: value for name, value in optional.items() if value}


def _as_in_batch(value: Any) -> Any:
    """EventBridge's names begin with a capital, Batch's with a small letter."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _as_in_batch(each) for name, each in value.items()}
    return [_as_in_batch(each) for each in value] if isinstance(value, list) else value


def _input(target: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> str:
    from ministack.services import eventbridge

    if transformer := target.get("InputTransformer"):
        return str(eventbridge._apply_input_transformer(transformer, rule, view))
    if "Input" in target:
        return str(target["Input"])
    found = view.event_with_detail()
    for name in filter(None, target.get("InputPath", "$").removeprefix("$").split(".")):
        found = found.get(name) if isinstance(found, dict) else None
    return json.dumps(found)
