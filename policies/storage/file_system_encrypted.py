from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="storage/file-system-encrypted",
    title="A file system is not encrypted",
    severity=Severity.HIGH,
    why="Its files lie on disks as they are, and it can't be changed later: the file system is made anew and copied.",
    mend="Set encrypted = true.",
    links=("https://docs.aws.amazon.com/efs/latest/ug/encryption-at-rest.html",),
    tags=("encryption",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for system in stack.of_type("aws_efs_file_system"):
        if truth(look(system, "encrypted", False)) is False:
            yield stack.finding(RULE, system, f"{system.address} isn't encrypted at rest.", at="encrypted")
