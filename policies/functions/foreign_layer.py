"""A function runs a layer of an account that nobody approved. Accounts of AWS's own layers (Powertools, Lambda
Insights, AppConfig and Parameters extensions) are approved, one list for all regions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, listed, look

RULE = Rule(
    id="functions/foreign-layer",
    title="A function runs a layer of an account that nobody approved",
    severity=Severity.MEDIUM,
    why=(
        "A layer, and the extensions in it, run inside the function with its role and see every event and secret. "
        "Its size counts against the limit, it delays each start, and its owner can delete it."
    ),
    mend=(
        "Build the layer yourself, or put the account into the setting approved_layer_accounts after reading what "
        "it does."
    ),
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-extensions.html",
    ),
    tags=("S12",),
)


# "Powertools for AWS Lambda, Lambda layers"; "Lambda Insights, available versions"; "AWS Parameters and Secrets
# extension"; AWS Data Wrangler ("AWS SDK for pandas").
OF_AWS = frozenset({"017000801446", "094274105915", "580247275435", "133256977650", "336392948345", "177933569100"})
LAYER = re.compile(r"^arn:[\w-]+:lambda:(?P<region>[\w-]*):(?P<account>\d{12}):layer:")


def find(stack: Stack) -> Iterator[Finding]:
    approved = OF_AWS | {str(each) for each in stack.settings.get("approved_layer_accounts", ())}
    approved |= {account for role in stack.of_type("aws_lambda_function") if (account := _account(look(role, "role")))}
    for function in stack.of_type("aws_lambda_function"):
        for index, layer in enumerate(listed(look(function, "layers"))):
            found = LAYER.match(layer) if isinstance(layer, str) else None
            if found and found["account"] not in approved:
                yield stack.finding(
                    RULE,
                    function,
                    f"{function.address} runs {layer}, of account {found['account']}.",
                    at=f"layers[{index}]",
                )


def _account(arn: Any) -> str:
    """The account that the function itself is in: its role is of the same."""
    found = re.match(r"arn:[\w-]+:iam::(\d{12}):", arn) if isinstance(arn, str) else None
    return found[1] if found else ""
