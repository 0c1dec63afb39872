from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, look

RULE = Rule(
    id="compute/gp2-volumes",
    title="A volume is a gp2",
    severity=Severity.LOW,
    why="gp3 costs 20 % less for each gigabyte and gives 3,000 IOPS whatever its size.",
    mend="Set the volume type to gp3 (storage_type of a database).",
    links=("https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html",),
    tags=("cost",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for volume in stack.of_type("aws_ebs_volume"):
        if look(volume, "type", "gp2") == "gp2":  # what EC2 takes where nothing is said
            yield stack.finding(RULE, volume, f"{volume.address} is a gp2.", at="type")
    for host in stack.of_type("aws_instance", "aws_launch_configuration"):
        for name in ("root_block_device", "ebs_block_device"):
            for index, block in enumerate(blocks(host, name)):
                if block.get("volume_type") == "gp2":
                    yield stack.finding(
                        RULE, host, f"{host.address} has a gp2 volume.", at=f"{name}[{index}].volume_type"
                    )
    for template in stack.of_type("aws_launch_template"):
        for index, ebs in enumerate(blocks(template, "block_device_mappings.ebs")):
            if ebs.get("volume_type") == "gp2":
                yield stack.finding(
                    RULE,
                    template,
                    f"{template.address} has a gp2 volume.",
                    at=f"block_device_mappings[{index}].ebs[0].volume_type",
                )
    for database in stack.of_type("aws_db_instance"):
        if look(database, "storage_type") == "gp2":
            yield stack.finding(RULE, database, f"{database.address} has gp2 storage.", at="storage_type")
