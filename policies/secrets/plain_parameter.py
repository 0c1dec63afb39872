from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import symbols_in
from opsctl.policy.rule import Stack, look
from opsctl.policy.secrets import SOUNDS_SECRET, secret_in

RULE = Rule(
    id="secrets/plain-parameter",
    title="A secret is kept as a plain parameter",
    severity=Severity.HIGH,
    why="A String is shown to everybody with ssm:GetParameter, unencrypted and without a key to revoke.",
    mend='Set type = "SecureString".',
    links=("https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-securestring.html",),
    tags=(
        "secrets",
        "encryption",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for parameter in stack.of_type("aws_ssm_parameter"):
        if look(parameter, "type") not in ("String", "StringList"):
            continue
        name, value = str(look(parameter, "name")), look(parameter, "value", look(parameter, "insecure_value"))
        last = name.rsplit("/", 1)[-1]
        unknown = isinstance(value, str) and bool(symbols_in(value)) and bool(SOUNDS_SECRET.search(last))
        if secret_in(last, value) or (unknown and not _is_a_place(stack, value)):
            yield stack.finding(RULE, parameter, f"{parameter.address} keeps a secret in plain text.", at="type")


def _is_a_place(stack: Stack, value: str) -> bool:
    """An attribute of a resource that isn't secret itself: an ARN, a name."""
    return any(stack.referenced(value))
