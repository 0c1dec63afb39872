"""A function's package or layer carries a secret. Judged on the zips that are there, and on code that Terraform
itself packs (archive_file with content)."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.builds.archives import secrets_in
from opsctl.builds.function_rules import secrets
from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.bundles import bundles
from opsctl.policy.rule import Stack, blocks, look

RULE = Rule(
    id="functions/package-secrets",
    title="A function's package or layer carries a secret",
    severity=Severity.CRITICAL,
    why=(
        "Everybody who may call lambda:GetFunction downloads the package, and everybody who may use the layer "
        "unpacks it; so does who reads the build's store."
    ),
    mend="Take it out, revoke it, and read it from Secrets Manager or Parameter Store at run time.",
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html",
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/intro.html",
    ),
    tags=(
        "S12",
        "secrets",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for function, bundle in bundles(stack):
        for sentence in secrets(bundle):
            yield stack.finding(RULE, function, f"{function.address}: {sentence}", at="filename")
    for resource in stack.configuration.resources:
        if resource.type != "archive_file":
            continue
        sources = [(look(resource, "source_content_filename"), look(resource, "source_content"), "source_content")]
        sources += [
            (look(each, "filename"), look(each, "content"), f"source[{index}].content")
            for index, each in enumerate(blocks(resource, "source"))
        ]
        for name, content, path in sources:
            for secret in secrets_in(str(name), content.encode()) if isinstance(content, str) else ():
                yield stack.finding(RULE, resource, f"{resource.address} packs a secret: {secret}.", at=path)
