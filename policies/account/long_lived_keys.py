from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="account/long-lived-keys",
    title="A user gets access keys that never end",
    severity=Severity.MEDIUM,
    why=(
        "Keys of IAM users are what is leaked, in repositories, logs and laptops; they work until somebody deletes "
        "them, and stand in Terraform's state."
    ),
    mend="Use roles: OIDC for CI, IAM Identity Center for people, Roles Anywhere for servers elsewhere.",
    links=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    tags=(
        "account",
        "secrets",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for key in stack.of_type("aws_iam_access_key"):
        if look(key, "status", "Active") == "Active":
            yield stack.finding(RULE, key, f"{key.address} is a key that never ends.")
    for profile in stack.of_type("aws_iam_user_login_profile"):
        if truth(look(profile, "password_reset_required", False)) is False and not is_written(look(profile, "pgp_key")):
            yield stack.finding(
                RULE,
                profile,
                f"{profile.address} leaves the password in the state, and it needn't be changed.",
                severity=Severity.MEDIUM,
            )
