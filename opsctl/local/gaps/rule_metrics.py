"""EventBridge: metrics of each rule, namespace AWS/Events. MiniStack publishes none.

Source: EventBridge user guide, "Monitoring Amazon EventBridge"
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html). A rule of the default bus has the
dimension RuleName, one of another bus EventBusName and RuleName. As on AWS, what did not happen is not published as 0.
A target that is not there is a failed invocation. The account's Invocations have no dimension.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.event_targets import group_of
from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric
from opsctl.local.observing import observe

DEFAULT_BUS = "default"


class RuleMetrics(Gap):
    async def install(self) -> None:
        from ministack.core import responses
        from ministack.services import cloudwatch_logs, eventbridge, lambda_svc, sns, sqs, stepfunctions

        self._events, self._scope = eventbridge, responses
        self._found = {
            "lambda": lambda arn: lambda_svc._get_func_record_for_ref(arn)[0],
            "sqs": sqs._queue_by_arn,
            "sns": sns._topic_by_arn_any_scope,
            "states": stepfunctions._resolve_state_machine_arn,
            "logs": lambda arn: cloudwatch_logs._log_groups.get(group_of(arn)),
            "batch": lambda _: True,  # another gap's, which tells of its own failures
            "events": lambda arn: "/api-destination/" in arn or arn.rpartition("/")[2] in eventbridge._event_buses,
        }
        observe(eventbridge, "_matches_pattern_view", self._matched)
        observe(eventbridge, "_invoke_target", self._invoked)

    def _record(self, name: str, *dimensions: tuple[str, str]) -> None:
        account_id, region = self._scope.get_account_id(), self._scope.get_region()
        self.cloud.metrics.record(metric(account_id, region, "AWS/Events", name, dimensions))

    def _matched(self, matches: bool, seconds: float, pattern: str, view: Any, owner: str = "") -> None:
        """Archives have patterns, too; a rule is called "rule <bus>|<name>"."""
        kind, _, key = owner.partition(" ")
        if matches and kind == "rule" and key:
            bus, _, rule = key.partition("|")
            for name in ("MatchedEvents", "TriggeredRules"):
                self._record(name, *_dimensions(rule, bus))

    def _invoked(self, _: None, __: float, target: dict[str, Any], event: Any, rule: dict[str, Any], *___: Any) -> None:
        if "GroupName" in rule:
            return  # a schedule's: EventBridge Scheduler's own namespace
        dimensions = _dimensions(rule["Name"], rule.get("EventBusName", DEFAULT_BUS))
        if event.get("Source") == "aws.events" and event.get("DetailType") == "Scheduled Event":
            self._record("TriggeredRules", *dimensions)
        self._record("Invocations", *dimensions)
        self._record("Invocations")
        if not self._delivered(target.get("Arn", "")):
            self._record("FailedInvocations", *dimensions)
            if target.get("DeadLetterConfig"):
                self._record("InvocationsSentToDlq", *dimensions)

    def _delivered(self, arn: str) -> bool:
        service = (arn.split(":") + [""] * 3)[2]
        return service in self._found and bool(self._found[service](arn))


def _dimensions(rule: str, bus: str) -> tuple[tuple[str, str], ...]:
    named = ("RuleName", rule)
    return (named,) if bus == DEFAULT_BUS else (("EventBusName", bus), named)
