from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, is_written, look, truth

RULE = Rule(
    id="compute/volumes-encrypted",
    title="A volume is not encrypted",
    severity=Severity.HIGH,
    why=(
        "Its data, and every snapshot of it, lie on disks as they are; a snapshot that is shared by mistake is read "
        "by anybody."
    ),
    mend="Set encrypted = true, or aws_ebs_encryption_by_default for the whole region.",
    links=("https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",),
    tags=("encryption",),
)


BLOCKS = ("root_block_device", "ebs_block_device")


def find(stack: Stack) -> Iterator[Finding]:
    if any(truth(look(each, "enabled", True)) for each in stack.of_type("aws_ebs_encryption_by_default")):
        return
    for volume in stack.of_type("aws_ebs_volume"):
        if truth(look(volume, "encrypted", False)) is False and not is_written(look(volume, "snapshot_id")):
            yield stack.finding(RULE, volume, f"{volume.address} isn't encrypted.", at="encrypted")
    for host in stack.of_type("aws_instance", "aws_launch_configuration"):
        of_template = is_written(look(host, "launch_template"))
        if not is_written(look(host, "root_block_device")) and not of_template:
            yield stack.finding(RULE, host, f"{host.address}: its root volume isn't encrypted.")
        for name in BLOCKS:
            for index, block in enumerate(blocks(host, name)):
                if truth(look(block, "encrypted", False)) is False and not is_written(block.get("snapshot_id")):
                    yield stack.finding(
                        RULE,
                        host,
                        f"{host.address}: {name} {index + 1} isn't encrypted.",
                        at=f"{name}[{index}].encrypted",
                    )
    for template in stack.of_type("aws_launch_template"):
        for index, mapping in enumerate(blocks(template, "block_device_mappings")):
            for ebs in blocks(mapping, "ebs"):
                if truth(look(ebs, "encrypted", False)) is False and not is_written(ebs.get("snapshot_id")):
                    yield stack.finding(
                        RULE,
                        template,
                        f"{template.address}: volume {mapping.get('device_name') or index} isn't encrypted.",
                        at=f"block_device_mappings[{index}].ebs[0].encrypted",
                    )
