from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="compute/provisioned-iops",
    title="Provisioned IOPS are paid for where it isn't production",
    severity=Severity.LOW,
    why=(
        "An io1 or io2 volume costs several times a gp3, which gives up to 16,000 IOPS; outside production that is "
        "seldom used."
    ),
    mend="Use gp3 with the IOPS that are needed.",
    links=("https://docs.aws.amazon.com/ebs/latest/userguide/provisioned-iops.html",),
    tags=("cost",),
)


DEAR = frozenset({"io1", "io2"})
FAST_ENOUGH = 16_000


def find(stack: Stack) -> Iterator[Finding]:
    for volume, attribute in (
        *((each, "type") for each in stack.of_type("aws_ebs_volume")),
        *((each, "storage_type") for each in stack.of_type("aws_db_instance")),
    ):
        iops = number(look(volume, "iops", 0))
        small = iops is not None and iops <= FAST_ENOUGH
        named = stack.environment != "" and not stack.is_production
        if look(volume, attribute) in DEAR and small and (named or volume.type == "aws_ebs_volume"):
            yield stack.finding(RULE, volume, f"{volume.address} pays for provisioned IOPS.", at=attribute)
