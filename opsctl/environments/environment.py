"""What an environment is: a name, a cloud account, a variables file and a state of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from opsctl.config import Config, ConfigError
from opsctl.environments.ephemeral.registration import NAME, Registration
from opsctl.environments.guards.rules import UNGUARDED, Guards
from opsctl.environments.guards.settings import parse_guards
from opsctl.errors import OpsctlError, UsageError, did_you_mean


class Target(Enum):
    """Where an environment lives."""

    LOCAL = "local"
    AWS = "aws"


class UnknownEnvironment(UsageError):
    """opsctl.toml has no such environment."""

    def __init__(self, name: str, known: list[str], *, unasked: Mapping[str, OpsctlError] | None = None) -> None:
        """`unasked`: environments whose ephemeral ones could not be looked at, and why."""
        not_asked = [f"{parent} could not be asked: {error.what}" for parent, error in (unasked or {}).items()]
        super().__init__(
            f"There is no environment {name!r}.{did_you_mean(name, known)}",
            where="\n         ".join(["opsctl.toml: environments", *not_asked]),
            next=f"Known: {', '.join(known) or 'none'}. A new one: a table there, 2 files in terraform/environments; "
            f"for hours: opsctl env new {name} --from …",
        )


@dataclass(frozen=True)
class Environment:
    """One environment, before anything is asked of its cloud.

    Attributes:
        name: lower-case letters, digits and hyphens, at most 16 (it is part of resource names).
        account_id: the only account (12 digits) that opsctl will touch for it.
        stack: the Terraform root module.
        variables_file, backend_file: its .tfvars and its S3 backend settings.
        work: folder of its own for Terraform data, plans, logs.
        guards: what its configuration forbids.
        time_scale: how much faster than on AWS a deploy's durations go by; other than 1 only locally.
        root: the folder of opsctl.toml.
        registration, parent: of an ephemeral environment: what it is, and the one that it was made from.
    """

    name: str
    target: Target
    project: str
    account_id: str
    region: str
    profile: str | None
    stack: Path
    variables_file: Path
    backend_file: Path
    work: Path
    guards: Guards = UNGUARDED
    time_scale: float = 1.0
    root: Path = Path()
    registration: Registration | None = None
    parent: Environment | None = None

    @property
    def is_local(self) -> bool:
        return self.target is Target.LOCAL

    @property
    def prefix(self) -> str:
        """First part of every resource's name."""
        return f"{self.project}-{self.name}"

    @property
    def state_bucket(self) -> str:
        """Bucket of the Terraform states and of the records of this account and region."""
        return f"{self.project}-state-{self.account_id}-{self.region}"

    @property
    def state_key(self) -> str:
        return f"{self.name}/terraform.tfstate"

    @property
    def overrides(self) -> Mapping[str, Any]:
        """Terraform variables that differ from `variables_file`."""
        return self.registration.overrides if self.registration else {}

    @property
    def package_prefix(self) -> str:
        """Where in the state bucket the functions' packages lie; not below the state, which is archived as a whole."""
        return f"packages/{self.name}"


FIELDS = {"target", "account_id", "region", "profile", "guards", "time_scale"}


def load_environment(config: Config, name: str) -> Environment:
    """The environment called `name`, checked field by field.

    Raises:
        UnknownEnvironment: no such table.
        ConfigError: a field is missing, unknown or malformed; `where` names it.
    """
    table = config.environments.get(name)
    if table is None:
        raise UnknownEnvironment(name, sorted(config.environments))
    place = f"{config.root / 'opsctl.toml'}: environments -> {name}"
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} can't be an environment's name: use 1 to 16 lower-case letters, digits and hyphens.", where=place
        )
    if unknown := sorted(set(table) - FIELDS):
        raise ConfigError(f"{unknown[0]!r} is not a field of an environment.", where=f"{place} -> {unknown[0]}",
                          next=f"Fields: {', '.join(sorted(FIELDS))}.")  # fmt: skip
    target = _one_of(table, "target", [t.value for t in Target], place)
    folder = config.terraform / "environments"
    return Environment(
        name=name,
        target=Target(target),
        project=config.project,
        account_id=_matching(table, "account_id", r"\d{12}", "12 digits, as text", place),
        region=_matching(table, "region", r"[a-z]{2}(-[a-z]+)+-\d", "a region such as eu-central-1", place),
        profile=os.environ.get("AWS_PROFILE") or table.get("profile"),
        stack=config.terraform / "stack",
        variables_file=folder / f"{name}.tfvars",
        backend_file=folder / f"{name}.s3.tfbackend",
        work=config.work / "environments" / name,
        guards=parse_guards(table.get("guards", {}), f"{place} -> guards"),
        time_scale=_time_scale(table, target, place),
        root=config.root,
    )


def _time_scale(table: Mapping[str, Any], target: str, place: str) -> float:
    value = table.get("time_scale", 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 3600:
        raise ConfigError(
            f"time_scale must be a number from 1 to 3600; it is {value!r}.", where=f"{place} -> time_scale"
        )
    if value != 1 and target != Target.LOCAL.value:
        raise ConfigError("Only a local environment has a time_scale: on AWS time is what it is.",
                          where=f"{place} -> time_scale")  # fmt: skip
    return float(value)


def _matching(table: Mapping[str, Any], key: str, pattern: str, meaning: str, place: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ConfigError(f"{key} must be {meaning}; it is {value!r}.", where=f"{place} -> {key}")
    return value


def _one_of(table: Mapping[str, Any], key: str, allowed: list[str], place: str) -> str:
    return _matching(table, key, "|".join(map(re.escape, allowed)), " or ".join(allowed), place)
