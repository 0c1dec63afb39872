from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="storage/file-system-backups",
    title="A file system has no backups",
    severity=Severity.MEDIUM,
    why="EFS keeps no versions: what is deleted or overwritten on it is gone.",
    mend='Add aws_efs_backup_policy with status "ENABLED", or select it in an AWS Backup plan.',
    links=("https://docs.aws.amazon.com/efs/latest/ug/awsbackup.html",),
    tags=("backups",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for system in stack.of_type("aws_efs_file_system"):
        policies = stack.naming(system, "aws_efs_backup_policy", "file_system_id")
        off = [each for each in policies if look(each, "backup_policy.status") == "DISABLED"]
        selected = any(stack.of_type("aws_backup_selection"))
        if off or (stack.lacks(system, "aws_efs_backup_policy", "file_system_id") and not selected):
            yield stack.finding(RULE, system, f"{system.address} has no backups.")
