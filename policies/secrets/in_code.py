from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource, symbols_in
from opsctl.policy.rule import Stack, ignores_changes, json_in, look
from opsctl.policy.secrets import SOUNDS_SECRET, secret_in

RULE = Rule(
    id="secrets/in-code",
    title="A secret's value is written in the configuration",
    severity=Severity.CRITICAL,
    why="Everybody with the repository or its history has it, whatever Secrets Manager does afterwards.",
    mend=(
        "Put the value in by hand or by rotation, or pass it through a variable without a default (secret_string_wo "
        "keeps it out of the state)."
    ),
    links=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",),
    tags=("secrets",),
)


PLACEHOLDERS = frozenset(
    ("", "{}", "changeme", "dummy", "none", "placeholder", "replaceme", "tbd", "tobeset", "todo", "unset")
)
"""Lower case, without spaces, dots, "_" and "-"."""


def find(stack: Stack) -> Iterator[Finding]:
    for version in stack.of_type("aws_secretsmanager_secret_version"):
        for name in ("secret_string", "secret_binary"):
            if _is_secret(version, name):
                yield stack.finding(RULE, version, f"{version.address} has its value in the configuration.", at=name)
    for parameter in stack.of_type("aws_ssm_parameter"):
        if look(parameter, "type") == "SecureString" and _is_secret(parameter, "value"):
            yield stack.finding(RULE, parameter, f"{parameter.address} has its value in the configuration.", at="value")


def _is_secret(resource: Resource, attribute: str) -> bool:
    """Whether a secret's value is written; one whose changes are ignored is a first value that people replace."""
    value = look(resource, attribute)
    written = isinstance(value, str) and not ignores_changes(resource, attribute)
    return written and not _is_placeholder(value) and _has_literal(value)


def _has_literal(value: str) -> bool:
    """A JSON document is judged by its fields: a host or a user's name is no secret."""
    document = json_in(value)
    if isinstance(document, Mapping):
        return any(
            SOUNDS_SECRET.search(name) and secret_in(name, each) == "a literal secret"
            for name, each in document.items()
        )
    return not symbols_in(value)


def _is_placeholder(value: str) -> bool:
    return re.sub(r"[\s_.-]", "", value).lower() in PLACEHOLDERS
