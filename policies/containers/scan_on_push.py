from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="containers/scan-on-push",
    title="A repository's images are not scanned",
    severity=Severity.MEDIUM,
    why="Known holes in base images and packages go into production unseen.",
    mend="Add image_scanning_configuration { scan_on_push = true }, or an aws_ecr_registry_scanning_configuration.",
    links=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html",),
    tags=("containers",),
)


def find(stack: Stack) -> Iterator[Finding]:
    if any(stack.of_type("aws_ecr_registry_scanning_configuration")):
        return
    for repository in stack.of_type("aws_ecr_repository"):
        if truth(look(repository, "image_scanning_configuration.scan_on_push", False)) is False:
            yield stack.finding(
                RULE,
                repository,
                f"{repository.address} doesn't scan its images.",
                at="image_scanning_configuration[0].scan_on_push",
            )
