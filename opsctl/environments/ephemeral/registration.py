"""What makes an ephemeral environment: whose copy it is, until when, whose, and what differs. Pure.

It is one JSON object, `ephemeral/<name>.json` in the state bucket of the environment that it was made from; no code and
no file of the project is copied.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from opsctl.errors import OpsctlError, UsageError

NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
"""An environment's name: it is part of names that AWS keeps short."""
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=30)
"""What lives longer has a name in opsctl.toml. Our choice."""
FOLDER = "ephemeral/"

SMALL: Mapping[str, Any] = {
    "alert_email": "",
    "db_backup_retention_days": 1,
    "db_final_snapshot": False,
    "db_instance_class": "db.t4g.micro",
    "db_max_connections": 60,
    "db_max_storage_gb": 100,
    "db_multi_az": False,
    "db_performance_insights": False,
    "db_storage_gb": 20,
    "deletion_protection": False,
    "key_deletion_days": 7,
    "nat_gateway_per_zone": False,
    "payment_provider": None,
    "payment_sandbox": True,
    "service_instance_type": "t3.small",
    "service_instances": {"min": 2, "max": 4, "desired": 2},
}
"""Variables of a copy: small, gone without a trace, nobody is woken up, no money is taken, whatever its parent has."""


class BadRegistration(OpsctlError):
    """The record of an ephemeral environment can't be read, or contradicts opsctl.toml."""


@dataclass(frozen=True)
class Registration:
    """One ephemeral environment.

    Attributes:
        parent: the environment of opsctl.toml that it was made from.
        created, expires: UTC.
        owner: ARN of who made it, as AWS STS gives it.
        overrides: Terraform variables that differ from the parent's, by name.
    """

    name: str
    parent: str
    created: datetime
    expires: datetime
    owner: str
    account_id: str
    region: str
    overrides: Mapping[str, Any]

    def left(self, now: datetime) -> timedelta:
        """Time left; negative once it has expired."""
        return self.expires - now

    def to_json(self) -> str:
        document = asdict(self) | {"created": self.created.isoformat(), "expires": self.expires.isoformat()}
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> Registration:
        """Read one, checked field by field.

        Raises:
            BadRegistration: `where` names the object and, if it is one, the field.
        """

        def refuse(field: str, wanted: str) -> BadRegistration:
            return BadRegistration(
                f"The registration of an ephemeral environment can't be read: {wanted}.",
                where=f"{where}{' -> ' if field else ''}{field}",
                next="Restore the object's last good version (the bucket is versioned), or remove it.",
            )

        try:
            document = json.loads(text)
        except ValueError:
            raise refuse("", "it is not JSON") from None
        if not isinstance(document, dict) or set(document) != set(cls.__dataclass_fields__):
            raise refuse("", f"it must have the fields {', '.join(cls.__dataclass_fields__)}")
        for field, pattern in _TEXTS.items():
            if not isinstance(document[field], str) or not pattern.fullmatch(document[field]):
                raise refuse(field, f"{document[field]!r} is no {field}")
        for field in ("created", "expires"):
            try:
                moment = datetime.fromisoformat(document[field])
            except (TypeError, ValueError):
                raise refuse(field, f"{document[field]!r} is no time") from None
            if moment.tzinfo is None:
                raise refuse(field, f"{document[field]!r} has no time zone")
            document[field] = moment.astimezone(UTC)
        if not isinstance(document["overrides"], dict):
            raise refuse("overrides", "they must be variables by name")
        return cls(**document)


_TEXTS = {
    "name": NAME,
    "parent": NAME,
    "owner": re.compile(r".+"),
    "account_id": re.compile(r"\d{12}"),
    "region": re.compile(r"[a-z]{2}(-[a-z]+)+-\d"),
}


def key_of(name: str) -> str:
    """Where a registration lies in the state bucket."""
    return f"{FOLDER}{name}.json"


def parse_ttl(text: str) -> timedelta:
    """A time to live: a whole number and s, m, h or d.

    Raises:
        UsageError: it is something else, nothing, or more than `LONGEST`.
    """
    match = re.fullmatch(r"([0-9]{1,7})([smhd])", text)
    ttl = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not timedelta() < ttl <= LONGEST:
        raise UsageError(
            f"{text!r} is no time to live.", where="--ttl",
            next=f"Use a whole number and a unit, such as 90m, 8h or 2d; at most {LONGEST.days}d.",
        )  # fmt: skip
    return ttl


def own_account(name: str, taken: Collection[str]) -> str:
    """An account of the local cloud for an environment of its own: of its name alone, as long as that isn't taken."""
    for attempt in count():
        digest = hashlib.sha256(f"{name}/{attempt}".encode()).digest()
        account_id = str(10**11 + int.from_bytes(digest) % (9 * 10**11))
        if account_id not in taken:
            return account_id
    raise AssertionError


def overrides_for(
    name: str, *, local: bool, owner: str, parent_domain: str, declared: Collection[str], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """The variables in which a copy differs from its parent, of those that the stack declares.

    A copy's host lies below its parent's, and on AWS is delegated from the parent's own zone, which is in the same
    account: nobody has to do anything at a registrar.

    Args:
        parent_domain: the parent's `site_domain`; "" when its variables don't say.
        chosen: what a person said; it wins.
    """
    differs = {**SMALL, "owner": tag_of(owner)}
    if parent_domain:
        differs["site_domain"] = f"{name}.{parent_domain}"
        if not local:
            differs["parent_zone_name"] = parent_domain
    if unknown := sorted(set(chosen) - set(declared)):
        raise UsageError(
            f"The stack has no variable {unknown[0]!r}.", where="--set", next="terraform/stack/variables.tf lists them."
        )
    if ours := sorted(set(chosen) & SAID_BY_OPSCTL):
        raise UsageError(f"{ours[0]} is said by opsctl and can't be set.", where="--set")
    return {variable: value for variable, value in differs.items() if variable in declared} | dict(chosen)


SAID_BY_OPSCTL = frozenset({
    "project", "environment", "account_id", "region", "local", "package_dir", "package_store", "function_runtime",
    "origin_secret",
})  # fmt: skip


def tag_of(arn: str) -> str:
    """The person in an ARN, as the tag Owner takes it (64 of the characters that AWS allows)."""
    return re.sub(r"[^A-Za-z0-9 _.:/=+@-]", "-", arn.rpartition(":")[2])[-64:] or "unknown"


def parse_setting(text: str) -> tuple[str, Any]:
    """`name=value` of --set: the value is JSON where it reads as such, else text.

    Raises:
        UsageError: there is no name.
    """
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f"{text!r} sets nothing.", where="--set", next="Use name=value, such as log_retention_days=3.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def site_domain_in(variables: str) -> str:
    """The `site_domain` that a variables file says, or ""."""
    match = re.search(r'^\s*site_domain\s*=\s*"([^"$]+)"', variables, re.MULTILINE)
    return match[1] if match else ""


def variables_in(stack_sources: Collection[str]) -> set[str]:
    """Names of the variables that Terraform files declare."""
    return {name for text in stack_sources for name in re.findall(r'^\s*variable\s+"(\w+)"', text, re.MULTILINE)}
