"""Credentials are written in the configuration. Keys and tokens in formats of their makers, in any attribute of
any resource or provider; what another rule is about (functions, user data, secrets, archives) is left to that."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.builds.archives import secrets_in
from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import symbols_in
from opsctl.policy.rule import Stack, written_in

RULE = Rule(
    id="secrets/hard-coded-credentials",
    title="Credentials are written in the configuration",
    severity=Severity.CRITICAL,
    why=(
        "Whoever reads the repository, its history, a plan or the state can use them; bots find keys on GitHub "
        "within minutes."
    ),
    mend="Take them out, revoke them now, and read them from Secrets Manager, or use roles.",
    links=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    tags=("secrets",),
)


# Rules of their own judge these attributes.
ELSEWHERE = {
    "aws_lambda_function": ("environment",),
    "aws_instance": ("user_data",),
    "aws_launch_template": ("user_data",),
    "aws_secretsmanager_secret_version": ("secret_string",),
    "archive_file": ("source", "source_content"),
    "aws_ecs_task_definition": ("container_definitions",),
    "aws_ssm_parameter": ("value",),
}
CREDENTIALS = ("access_key", "secret_key", "token")


def find(stack: Stack) -> Iterator[Finding]:
    for resource in stack.configuration.resources:
        if resource.action == "delete":
            continue
        for path, text in written_in(resource.values):
            if path.split("[")[0].split(".")[0] in ELSEWHERE.get(resource.type, ()):
                continue
            secret = next(secrets_in("", text.encode(errors="replace")), None) if len(text) >= SHORTEST else None
            if secret:
                yield stack.finding(
                    RULE, resource, f"{resource.address}: {path} holds a credential ({secret.kind}).", at=path
                )
    for name, values in stack.configuration.providers.items():
        for attribute in CREDENTIALS:
            value = values.get(attribute)
            if (
                name.split(".")[0] == "aws"
                and isinstance(value, str)
                and value
                and not symbols_in(value)
                and not _is_local(value)
            ):
                yield Finding(
                    RULE.id,
                    RULE.severity,
                    f"The provider {name} has its {attribute} in the configuration.",
                    fix=RULE.mend,
                )


SHORTEST = 20


def _is_local(value: str) -> bool:
    """What emulators are given."""
    return value.lower() in ("test", "mock", "mock_access_key", "fake", "local", "dummy", "anything", "localstack")
