from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="containers/immutable-tags",
    title="An image's tag can be moved",
    severity=Severity.MEDIUM,
    why="What was tested as 1.4.2 may not be what runs as 1.4.2; a rollback brings back something else.",
    mend='Set image_tag_mutability = "IMMUTABLE".',
    links=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",),
    tags=("containers",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for repository in stack.of_type("aws_ecr_repository"):
        if look(repository, "image_tag_mutability", "MUTABLE") == "MUTABLE":
            yield stack.finding(
                RULE, repository, f"{repository.address} lets tags be moved.", at="image_tag_mutability"
            )
