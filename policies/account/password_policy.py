from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="account/password-policy",
    title="The account's passwords are weak",
    severity=Severity.MEDIUM,
    why="Short passwords are guessed or bought; CIS asks for 14 characters and no reuse of the last 24.",
    mend="Set minimum_password_length = 14 and password_reuse_prevention = 24; better have no IAM users at all.",
    links=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html",),
    tags=("account",),
)


SHORTEST, REMEMBERED = 14, 24


def find(stack: Stack) -> Iterator[Finding]:
    for policy in stack.of_type("aws_iam_account_password_policy"):
        length = number(look(policy, "minimum_password_length", 6))
        if length is not None and length < SHORTEST:
            yield stack.finding(
                RULE,
                policy,
                f"{policy.address} allows passwords of {length:g} characters.",
                at="minimum_password_length",
            )
        remembered = number(look(policy, "password_reuse_prevention", 0))
        if remembered is not None and remembered < REMEMBERED:
            yield stack.finding(
                RULE,
                policy,
                f"{policy.address} remembers {remembered:g} passwords.",
                at="password_reuse_prevention",
                severity=Severity.LOW,
            )
