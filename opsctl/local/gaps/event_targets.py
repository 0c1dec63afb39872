"""EventBridge: a log group is a target, and what a target can't be given goes to the target's dead-letter queue.

MiniStack delivers to functions, queues, topics, state machines and buses; an event for anything that is gone it drops.
Sources: EventBridge user guide, "CloudWatch Logs groups as targets" and "Using dead-letter queues to process
undelivered events" (an error that trying again can't mend, such as a target that is gone, goes there at once).
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

from opsctl.local.destinations import dead_letter
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import Background


class EventTargets(Gap):
    async def install(self) -> None:
        from ministack.core import responses
        from ministack.services import cloudwatch_logs, eventbridge, lambda_svc, sns, sqs

        loop, self._background = asyncio.get_running_loop(), Background()
        invoke = eventbridge._invoke_target
        is_there: dict[str, Callable[[str], object]] = {
            "lambda": lambda arn: lambda_svc._get_func_record_for_ref(arn)[0],
            "sqs": sqs._queue_by_arn,
            "sns": sns._topics.get,
            "logs": lambda arn: cloudwatch_logs._log_groups.get(group_of(arn)),
        }

        def invoke_target(
            target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None
        ) -> None:
            arn = target.get("Arn", "")
            service = (arn.split(":") + [""] * 3)[2]
            if service in is_there and not is_there[service](arn):
                view = view or eventbridge._pattern_event_view(event)
                self._set_aside(target, rule, json.dumps(view.event_with_detail()))
            elif service == "logs":
                view = view or eventbridge._pattern_event_view(event)
                account, region = responses.get_account_id(), responses.get_region()
                loop.call_soon_threadsafe(
                    self.cloud.logs.write, account, region, group_of(arn), str(uuid.uuid4()), view.event_with_detail()
                )
            else:
                invoke(target, event, rule, view)

        eventbridge._invoke_target = invoke_target

    async def uninstall(self) -> None:
        self._background.cancel()

    def _set_aside(self, target: dict[str, Any], rule: dict[str, Any], event: str) -> None:
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return
        attributes = {
            "RULE_ARN": rule.get("Arn", ""),
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": "NO_RESOURCE",
            "ERROR_MESSAGE": "The target is not there.",
        }
        account, region = queue.split(":")[4], queue.split(":")[3]
        letter = dead_letter(queue, event, attributes, account=account, region=region)
        self._background.start(self.cloud.handle(letter))


def group_of(arn: str) -> str:
    """The log group's name in its ARN, which may end in :*."""
    return arn.split(":log-group:")[1].removesuffix(":*")
