"""A key is never rotated. KMS rotates only symmetric keys of its own making; asymmetric, HMAC and imported ones
aren't judged."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="keys/rotation",
    title="A key is never rotated",
    severity=Severity.MEDIUM,
    why=(
        "One key for all data of all years: whoever gets it once reads everything. Yearly rotation is free for the "
        "first two, and nothing has to be encrypted anew."
    ),
    mend="Set enable_key_rotation = true.",
    links=("https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",),
    tags=("encryption",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for key in stack.of_type("aws_kms_key"):
        spec = look(key, "customer_master_key_spec", look(key, "key_spec", "SYMMETRIC_DEFAULT"))
        symmetric = spec == "SYMMETRIC_DEFAULT" and look(key, "key_usage", "ENCRYPT_DECRYPT") == "ENCRYPT_DECRYPT"
        if (
            symmetric
            and not is_written(look(key, "custom_key_store_id"))
            and truth(look(key, "enable_key_rotation", False)) is False
        ):
            yield stack.finding(RULE, key, f"{key.address} is never rotated.", at="enable_key_rotation")
