"""Lambda: an alias with weights spreads its invocations over two versions, whoever invokes it.

MiniStack keeps the weights and always runs the alias's main version. Here each attempt draws its version where every
invocation comes by: calls of Invoke, APIs, queues, streams, topics, rules, state machines. As on AWS, the function sees
the alias in `context.invoked_function_arn`, the answer names the version in X-Amz-Executed-Version, and so do the log
stream and its START line.

Sources: Lambda developer guide, "Implement Lambda canary deployments using a weighted alias": at most two versions,
both published, with the same role and dead-letter queue (https://docs.aws.amazon.com/lambda/latest/dg/
configuring-alias-routing.html); API reference, AliasRoutingConfiguration: weights of 0.0 to 1.0.
"""

from __future__ import annotations

import contextvars
import random
from collections.abc import Callable, Mapping
from typing import Any

from opsctl.local.gaps.gap import Cloud, Gap

LATEST = "$LATEST"
ROUTED = "_opsctl_routed"
"""Marks a function's record whose version is drawn already."""


class FunctionAliases(Gap):
    def __init__(self, cloud: Cloud, draw: Callable[[], float] = random.random) -> None:
        super().__init__(cloud)
        self._draw = draw
        self._executed: contextvars.ContextVar[list[str]] = contextvars.ContextVar("executed versions")

    async def install(self) -> None:
        from ministack.services import lambda_svc

        self._functions = lambda_svc
        resolve, execute = lambda_svc._effective_func_record_for_qualifier, lambda_svc._execute_function
        invoke, create, update = lambda_svc._invoke, lambda_svc._create_alias, lambda_svc._update_alias

        def resolve_and_name(function: Any, qualifier: str | None) -> tuple[Any, Any]:
            """What an alias leads to bears the alias's ARN, by which it is known again when it runs."""
            record, config = resolve(function, qualifier)
            if record is None or qualifier not in function.get("aliases", {}):
                return record, config
            config = config | {"FunctionArn": function["aliases"][qualifier]["AliasArn"]}
            return record | {"config": config}, config

        def execute_routed(function: dict[str, Any], event: Any) -> Any:
            return execute(self._routed(function), event)

        async def invoke_and_tell(*arguments: Any, **named: Any) -> Any:
            executed: list[str] = []
            self._executed.set(executed)
            status, headers, body = await invoke(*arguments, **named)
            if executed and "X-Amz-Executed-Version" in headers:
                headers["X-Amz-Executed-Version"] = executed[0]
            return status, headers, body

        def create_if_right(function: str, data: dict[str, Any]) -> Any:
            return self._refused(function, {"FunctionVersion": LATEST} | data) or create(function, data)

        def update_if_right(function: str, alias: str, data: dict[str, Any]) -> Any:
            held = (lambda_svc._functions.get(function) or {}).get("aliases", {}).get(alias)
            current = held and lambda_svc._check_revision(held, data) is None
            return (current and self._refused(function, held | data)) or update(function, alias, data)

        lambda_svc._effective_func_record_for_qualifier = resolve_and_name
        lambda_svc._execute_function = execute_routed
        lambda_svc._invoke = invoke_and_tell
        lambda_svc._create_alias, lambda_svc._update_alias = create_if_right, update_if_right

    def _routed(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record of the version that runs this time, under the ARN that was invoked."""
        config = record.get("config") or record
        _, _, _, region, account, _, name, *qualifier = config["FunctionArn"].split(":")
        function = self._functions._functions.get_scoped(account, region, name, None) or {}
        alias = function.get("aliases", {}).get(*qualifier) if qualifier else None
        if alias is None or record.get(ROUTED):
            return record
        version = version_of(alias, self._draw())
        chosen = function if version == LATEST else function["versions"].get(version)
        if (executed := self._executed.get(None)) is not None:
            executed.append(version)
        if chosen is None:
            return record | {ROUTED: True}
        # The invoked alias's own settings (and a durable execution's) stay with the record that came.
        config = chosen["config"] | {"FunctionArn": alias["AliasArn"]}
        return record | {"code_zip": chosen.get("code_zip"), "config": config, ROUTED: True}

    def _refused(self, name: str, alias: Mapping[str, Any]) -> Any:
        """AWS's answer to an alias that can't be; None: it can be, or MiniStack itself refuses it."""
        from ministack.core.responses import error_response_json

        function = self._functions._functions.get(name)
        if function is None:
            return None
        arn = self._functions._func_arn(name)
        for version in {str(alias["FunctionVersion"]), *weights_of(alias)}:
            if version != LATEST and version not in function["versions"]:
                return error_response_json("ResourceNotFoundException", f"Function not found: {arn}:{version}", 404)
        why = objection(alias, {LATEST: function["config"]} | {
            version: record["config"] for version, record in function["versions"].items()
        })  # fmt: skip
        return error_response_json("InvalidParameterValueException", why, 400) if why else None


def weights_of(alias: Mapping[str, Any]) -> dict[str, float]:
    """Share of each additional version, 0 to 1."""
    return dict((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})


def version_of(alias: Mapping[str, Any], draw: float) -> str:
    """The version that an invocation of this alias runs.

    Args:
        draw: 0 <= draw < 1, evenly distributed.
    """
    for version, weight in weights_of(alias).items():
        if draw < weight:
            return version
        draw -= weight
    return str(alias["FunctionVersion"])


def objection(alias: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]) -> str:
    """Why AWS would refuse the weights of an alias; empty when it wouldn't.

    Args:
        configs: version → its configuration.
    """
    main, weights = str(alias["FunctionVersion"]), weights_of(alias)
    if not weights:
        return ""
    both = [configs[version] for version in (main, *weights)]

    def differ(setting: str) -> bool:
        return any(config.get(setting) != both[0].get(setting) for config in both)

    count = len(weights)
    rules = (
        (count > 1, f"Number of items in AdditionalVersionWeights cannot be greater than 1. Actual: {count}"),
        (LATEST in (main, *weights), "$LATEST is not supported for an alias pointing to more than 1 version"),
        (main in weights, "Alias can not point to the same version twice"),
        (any(not _is_share(weight) for weight in weights.values()), "Weights must be between 0.0 and 1.0"),
        (differ("Role"), "Specified versions must be associated with the same execution role"),
        (differ("DeadLetterConfig"), "Specified versions must have the same dead letter configuration"),
    )  # fmt: skip
    return next((why for broken, why in rules if broken), "")


def _is_share(weight: Any) -> bool:
    return isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight <= 1
