"""A plan as data: what Terraform would change, without the values it would change.

Source: Terraform's "JSON Output Format" (`terraform show -json PLAN`, format 1.x). Attribute values are compared, named
and dropped: a `Plan` can be printed, stored and sent without leaking one.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from opsctl.files import sha256_of
from opsctl.terraform.events import module_name
from opsctl.terraform.failures import PlanStale
from opsctl.terraform.mapping_templates import TemplateLogic, template_logic
from opsctl.terraform.meaning import Hashes, hashes_of_output, hashes_of_resource, meaning_of
from opsctl.terraform.planned_functions import PlannedFunction, planned_functions


class Action(Enum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    READ = "read"
    FORGET = "forget"
    NO_OP = "no-op"


STATEFUL: Mapping[str, str] = {
    "aws_db_instance": "holds a database",
    "aws_dynamodb_table": "holds records",
    "aws_kms_key": "what it encrypted can't be read without it",
    "aws_kinesis_stream": "holds records not yet read",
    "aws_rds_cluster": "holds a database",
    "aws_route53_zone": "its name servers are delegated to by the parent zone",
    "aws_s3_bucket": "holds objects",
    "aws_secretsmanager_secret": "holds a secret",
    "aws_sqs_queue": "holds messages not yet handled",
    "aws_ebs_volume": "holds a disk",
    "aws_efs_file_system": "holds files",
    "aws_ecr_repository": "holds images",
    "aws_cognito_user_pool": "holds user accounts",
    "aws_cloudwatch_log_group": "holds logs",
    "aws_codecommit_repository": "holds source code",
}
"""Resource types whose destruction or replacement loses something that Terraform can't make again, and what."""


@dataclass(frozen=True)
class Change:
    """One resource that a plan names.

    Attributes:
        address: such as module.photos.aws_s3_bucket.photos.
        module: such as "photos" ("" in the root module).
        provider: local name with its alias where it has one ("aws", "aws.us_east_1").
        changed_attributes: names of the top-level attributes that differ (or are not known before the apply).
        replace_reasons: attribute paths that force a replacement, or Terraform's own reason (tainted, …).
        importing: it is taken over rather than made.
        moved_from: its address before, where it moved.
        hashes: how each attribute changes (see `opsctl.terraform.meaning`); kept in memory only.
    """

    address: str
    module: str
    type: str
    name: str
    provider: str
    action: Action
    changed_attributes: tuple[str, ...] = ()
    replace_reasons: tuple[str, ...] = ()
    importing: bool = False
    moved_from: str = ""
    hashes: Hashes = field(default_factory=dict, repr=False)

    @property
    def is_stateful(self) -> bool:
        return self.type in STATEFUL

    @property
    def loses(self) -> str:
        """What would be lost (see `STATEFUL`), where this deletes or replaces something stateful; else ""."""
        return STATEFUL.get(self.type, "") if self.action in (Action.DELETE, Action.REPLACE) else ""


@dataclass(frozen=True)
class Changes:
    """What a plan says, whichever file it lies in."""

    terraform_version: str
    changes: tuple[Change, ...]
    drift: tuple[Change, ...]
    output_changes: tuple[str, ...]
    applyable: bool
    errored: bool
    functions: tuple[PlannedFunction, ...] = ()
    template_logic: tuple[TemplateLogic, ...] = ()
    outputs: Mapping[str, Hashes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Origin:
    """Where and by whom a plan was made.

    Attributes:
        made_by: the maker's ARN as AWS STS gives it.
        made_at: UTC, ISO 8601.
    """

    account_id: str = ""
    region: str = ""
    made_by: str = ""
    made_at: str = ""


@dataclass(frozen=True)
class Binding:
    """What a saved plan was made from, and so the only place where it may be applied.

    Attributes:
        environment: name of the work folder's environment.
        stack, work: the folders, absolute.
        configuration_sha256: of every file of the stack and its local modules, and of the variables files; the same
            wherever the checkout lies.
        state_lineage, state_serial: the state that it starts from ("" and 0 where there was none).
        file_sha256: of the plan's file, which this lies beside.
    """

    environment: str
    stack: Path
    work: Path
    configuration_sha256: str
    terraform_version: str
    provider_version: str
    state_lineage: str
    state_serial: int
    destroy: bool
    file_sha256: str = ""
    origin: Origin = Origin()

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Binding:
        """Raises ValueError, TypeError or KeyError when `text` is not a binding."""
        document = json.loads(text)
        folders = {name: Path(document[name]) for name in ("stack", "work")}
        return cls(**document | folders | {"origin": Origin(**document["origin"])})


@dataclass(frozen=True)
class Plan:
    """A saved plan: the file, what it is bound to, and what it would do."""

    file: Path
    sha256: str
    binding: Binding
    terraform_version: str
    changes: tuple[Change, ...]
    drift: tuple[Change, ...] = ()
    output_changes: tuple[str, ...] = ()
    applyable: bool = True
    errored: bool = False
    duration_seconds: float = field(default=0, compare=False)
    functions: tuple[PlannedFunction, ...] = ()
    template_logic: tuple[TemplateLogic, ...] = ()
    outputs: Mapping[str, Hashes] = field(default_factory=dict, repr=False)

    @property
    def meaning(self) -> str:
        """What it would do, as one hash: equal for plans that would do the same, whenever and wherever made."""
        return meaning_of(self.changes, self.outputs, destroy=self.binding.destroy)

    @property
    def environment(self) -> str:
        return self.binding.environment

    @property
    def has_changes(self) -> bool:
        """Whether an apply would change a resource or an output."""
        return bool(self.output_changes) or any(c.action is not Action.READ or c.importing for c in self.changes)

    @property
    def created(self) -> tuple[Change, ...]:
        return self._of(Action.CREATE)

    @property
    def updated(self) -> tuple[Change, ...]:
        return self._of(Action.UPDATE)

    @property
    def replaced(self) -> tuple[Change, ...]:
        return self._of(Action.REPLACE)

    @property
    def deleted(self) -> tuple[Change, ...]:
        return self._of(Action.DELETE)

    @property
    def lossy(self) -> tuple[Change, ...]:
        """Deletes and replacements of stateful resources."""
        return tuple(change for change in self.changes if change.loses)

    @property
    def by_module(self) -> dict[str, tuple[Change, ...]]:
        """Changes grouped by module, root first, then by name; in each the order of their addresses."""
        groups: dict[str, list[Change]] = {}
        for change in sorted(self.changes, key=lambda c: (c.module, c.address)):
            groups.setdefault(change.module, []).append(change)
        return {module: tuple(group) for module, group in groups.items()}

    def _of(self, action: Action) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action is action)


NOTHING = Changes("", (), (), (), applyable=False, errored=False)


def plan_from_json(document: Mapping[str, Any], key: bytes = b"") -> Changes:
    """What `terraform show -json PLAN` says, without no-ops and without a single value.

    Args:
        key: what values are hashed with; plans are compared in meaning only under the same key.
    """
    outputs = {
        name: hashes_of_output(name, change, key)
        for name, change in document.get("output_changes", {}).items()
        if change["actions"] != ["no-op"]
    }
    providers = _providers(document.get("configuration", {}))
    return Changes(
        terraform_version=document["terraform_version"],
        changes=tuple(_changes(document.get("resource_changes", ()), providers, key)),
        drift=tuple(_changes(document.get("resource_drift", ()), providers, key)),
        output_changes=tuple(sorted(outputs)),
        applyable=document.get("applyable", True),
        errored=document.get("errored", False),
        functions=planned_functions(document),
        template_logic=template_logic(document),
        outputs=outputs,
    )


def _changes(resources: Iterable[Mapping[str, Any]], providers: Mapping[str, str], key: bytes) -> Iterable[Change]:
    for resource in resources:
        change = resource["change"]
        action = _action(change["actions"])
        importing, moved_from = "importing" in change, resource.get("previous_address", "")
        if action is Action.NO_OP and not importing and not moved_from:
            continue
        paths = tuple(_path(path) for path in change.get("replace_paths", ()))
        reason = resource.get("action_reason", "").removeprefix("replace_because_").removeprefix("delete_because_")
        yield Change(
            address=resource["address"],
            module=module_name(resource.get("module_address", "")),
            type=resource["type"],
            name=resource["name"],
            provider=providers.get(_without_keys(resource["address"]), resource["type"].partition("_")[0]),
            action=action,
            changed_attributes=changed_attributes(change) if action is not Action.DELETE else (),
            replace_reasons=(paths or ((reason,) if reason else ())) if action is Action.REPLACE else (),
            importing=importing,
            moved_from=moved_from,
            hashes=hashes_of_resource(resource, key),
        )


def _action(actions: list[str]) -> Action:
    return Action.REPLACE if set(actions) >= {"create", "delete"} else Action(actions[0])


def changed_attributes(change: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of top-level attributes whose value differs or is known only after the apply."""
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    return tuple(
        sorted(
            name
            for name in {*before, *after, *unknown}
            if _any(unknown.get(name)) or before.get(name) != after.get(name)
        )
    )


def _any(unknown: Any) -> bool:
    """`after_unknown` is true, or nests: {} and [{}] mean that nothing below is unknown."""
    if isinstance(unknown, dict):
        return any(map(_any, unknown.values()))
    if isinstance(unknown, list):
        return any(map(_any, unknown))
    return bool(unknown)


def _path(path: list[Any]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _without_keys(address: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", address)


def _providers(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Resource address (without keys) → provider with alias, for the root module and those below it."""
    aliases = {
        key: f"{config['name']}.{config['alias']}" if "alias" in config else config["name"]
        for key, config in configuration.get("provider_config", {}).items()
    }
    found: dict[str, str] = {}

    def walk(module: Mapping[str, Any], prefix: str) -> None:
        for resource in module.get("resources", ()):
            key = resource.get("provider_config_key", "")
            found[prefix + resource["address"]] = aliases.get(key, key.rpartition(":")[2])
        for name, call in module.get("module_calls", {}).items():
            walk(call.get("module", {}), f"{prefix}module.{name}.")

    walk(configuration.get("root_module", {}), "")
    return found


def state_in(plan_file: Path) -> tuple[str, int]:
    """Lineage and serial of the state that a saved plan starts from. A plan file is a zip with the state in it."""
    with zipfile.ZipFile(plan_file) as archive:
        state = json.loads(archive.read("tfstate"))
    return state.get("lineage", ""), state.get("serial", 0)


def binding_file(plan_file: Path) -> Path:
    """Where the binding of a saved plan lies."""
    return plan_file.with_name(f"{plan_file.name}.json")


def binding_of(plan_file: Path) -> Binding:
    """What a saved plan is bound to.

    Raises:
        PlanStale: it is not there, was not made by opsctl, or is not the file that opsctl saved.
    """
    beside = binding_file(plan_file)
    if not plan_file.is_file():
        raise PlanStale(
            f"There is no plan {plan_file.name}.", where=str(plan_file), next="Save one: opsctl plan --out."
        )
    try:
        binding = Binding.from_json(beside.read_text())
    except FileNotFoundError as error:
        raise PlanStale(
            f"{plan_file.name} is not a plan that opsctl saved, or {beside.name} was not copied with it.",
            where=str(beside), next="Keep both files together, or plan again.",
        ) from error  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanStale(f"{beside.name} is not what opsctl wrote beside a plan.", where=str(beside),
                        next="Plan again.") from error  # fmt: skip
    if sha256_of(plan_file) != binding.file_sha256:
        raise PlanStale(f"{plan_file.name} is cut off, or not the plan that {beside.name} speaks of.",
                        where=str(plan_file), next="Copy both files again, or plan again.")  # fmt: skip
    return binding
