"""State machines of a configuration, judged by the rules of `opsctl workflows lint`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.hcl import Resource, Unknown, is_symbolic
from opsctl.hcl.symbols import SYMBOL
from opsctl.policy.rule import Stack, json_in, look
from opsctl.workflows.asl import RULES, states

BY_NAME = {rule.name: rule for rule in RULES}


def judged(stack: Stack, *rules: str) -> Iterator[tuple[Resource, str]]:
    """Each state machine with a sentence for each state that breaks one of the rules (`asl.Rule.name`), the first.

    Definitions that can't be read are passed over: `opsctl workflows lint` and Terraform say what is wrong there.
    """
    for machine in stack.of_type("aws_sfn_state_machine"):
        definition = json_in(_named(stack, look(machine, "definition")))
        kind = look(machine, "type", "STANDARD")
        if not isinstance(definition, Mapping) or isinstance(kind, Unknown) or is_symbolic(str(kind)):
            continue
        if "machine-timeout" in rules and kind != "EXPRESS" and "TimeoutSeconds" not in definition:
            yield machine, f"{machine.address} has no TimeoutSeconds: an execution that hangs would hang for a year."
        for state in states(definition):
            for name in rules:
                if name in BY_NAME and (sentence := BY_NAME[name].finds(state, str(kind))) is not None:
                    yield machine, f"{machine.address}: {state.name} {sentence}."
                    break


def _named(stack: Stack, definition: Any) -> Any:
    """A definition in which the ARNs of functions that there will be can be told from others."""

    def arn(symbol: re.Match[str]) -> str:
        resource = stack.at(symbol[1])
        if resource is None or not symbol[1].endswith("arn") or not resource.type.startswith("aws_lambda_"):
            return symbol[0]
        if resource.type == "aws_lambda_function":
            return f"arn:aws:lambda:::function:{look(resource, 'function_name', resource.name)}"
        alias = look(resource, "name", "alias")
        functions = [look(each, "function_name", each.name) for each in stack.functions(symbol[0])]
        return f"arn:aws:lambda:::function:{functions[0] if functions else resource.name}:{alias}"

    return SYMBOL.sub(arn, definition) if isinstance(definition, str) else definition
