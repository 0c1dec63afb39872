from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack

RULE = Rule(
    id="containers/lifecycle",
    title="A repository keeps every image",
    severity=Severity.LOW,
    why="Each build adds hundreds of megabytes that nobody pulls again, and that are paid for.",
    mend="Add an aws_ecr_lifecycle_policy.",
    links=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html",),
    tags=(
        "cost",
        "containers",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for repository in stack.of_type("aws_ecr_repository"):
        if stack.lacks(repository, "aws_ecr_lifecycle_policy", "repository"):
            yield stack.finding(RULE, repository, f"{repository.address} keeps every image.")
