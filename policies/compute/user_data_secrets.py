from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look
from opsctl.policy.secrets import secret_in

RULE = Rule(
    id="compute/user-data-secrets",
    title="An instance's user data carries a secret",
    severity=Severity.CRITICAL,
    why=(
        "User data is readable by every process on the instance, by everybody with ec2:DescribeInstanceAttribute, "
        "and stands in Terraform's state."
    ),
    mend="Let the instance read it from Secrets Manager by its role.",
    links=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",),
    tags=("secrets",),
)


ASSIGNMENT = re.compile(r"(?m)^\s*(?:export\s+)?([A-Za-z_]\w*)=[\"']?([^\s\"'#;]+)")


def find(stack: Stack) -> Iterator[Finding]:
    for host in stack.of_type("aws_instance", "aws_launch_template", "aws_launch_configuration"):
        for attribute in ("user_data", "user_data_base64"):
            text = _decoded(look(host, attribute))
            named = [("", text), *ASSIGNMENT.findall(text)]
            found = next((what for name, value in named if (what := secret_in(name, value))), "")
            if found:
                yield stack.finding(RULE, host, f"{host.address} has {found} in its user data.", at=attribute)


def _decoded(value: Any) -> str:
    """User data as text: launch templates hold it as base64."""
    if not isinstance(value, str) or " " in value or "\n" in value:
        return value if isinstance(value, str) else ""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return value
