"""Credentials are written in the configuration. Keys and tokens in formats of their makers, in any attribute of
any resource or provider; what another rule is about (functions, user data, secrets, archives) is left to that."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.builds.archives import secrets_in
from opsctl.findings import NOWHERE, Finding, Rule, Severity
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
SHORTEST, SHORTEST_KEY = 20, 16


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
    yield from _of_providers(stack)


def _of_providers(stack: Stack) -> Iterator[Finding]:
    for name, values in stack.configuration.providers.items():
        kind = name.partition(".")[0]
        for attribute in CREDENTIALS if kind == "aws" else ():
            value = values.get(attribute)
            # Emulators are given anything ("test"); AWS's are 20 letters and more.
            if isinstance(value, str) and len(value) >= SHORTEST_KEY and not symbols_in(value):
                sentence = f"The provider {name} has its {attribute} in the configuration."
                place = stack.configuration.provider_places.get(f"{kind}.{attribute}", NOWHERE)
                yield Finding(RULE.id, RULE.severity, sentence, place=place, fix=RULE.mend)
