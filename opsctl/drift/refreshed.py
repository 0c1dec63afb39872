"""What Terraform remembered and what it then found, out of a saved plan file, in milliseconds.

A plan file is a zip with the state before the refresh (`tfstate-prev`), the state after it (`tfstate`), and the
configuration. `terraform show -json` says the same after loading every provider's schema, which takes seconds
(measured: 5.2 s for 81 resources; this takes 0.01 s). Source: hashicorp/terraform, internal/plans/planfile.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.terraform.events import module_name

ALL = "*"
Steps = tuple[str | int, ...]
"""The way to a value inside a resource: names and list indexes."""

RESOURCE = re.compile(r'^resource\s+"(\w+)"\s+"(\w+)"\s*\{(.*?)^\}', re.MULTILINE | re.DOTALL)
IGNORED = re.compile(r"^\s*ignore_changes\s*=\s*(?:(all)\b|\[(.*?)\])", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Instance:
    """One resource instance in a state.

    Attributes:
        module: its module's address ("module.photos", "" in the root).
        sensitive: ways to values that are never shown; what is below one is not shown either.
    """

    address: str
    module: str
    type: str
    name: str
    attributes: Mapping[str, Any]
    sensitive: frozenset[Steps] = frozenset()

    def text(self, attribute: str) -> str:
        """An attribute that is a text; "" where it isn't there or is none."""
        value = self.attributes.get(attribute)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Refreshed:
    """Managed instances by address, before the refresh and after it.

    Attributes:
        ignored: (module's address without keys, type, name) → attributes that `lifecycle.ignore_changes` names.
        serial, lineage: of the state that was refreshed.
    """

    before: Mapping[str, Instance]
    after: Mapping[str, Instance]
    ignored: Mapping[tuple[str, str, str], frozenset[str]]
    serial: int = 0
    lineage: str = ""

    def ignores(self, instance: Instance) -> frozenset[str]:
        """Attributes of an instance that Terraform is told to leave to others; {"*"}: all."""
        module = re.sub(r"\[[^\]]*\]", "", instance.module)
        return self.ignored.get((module, instance.type, instance.name), frozenset())


def read_refreshed(plan_file: Path) -> Refreshed:
    """Read any plan file that refreshed its state.

    Raises:
        ValueError: it is no plan file of Terraform.
    """
    try:
        with zipfile.ZipFile(plan_file) as archive:
            after = json.loads(archive.read("tfstate"))
            before = json.loads(archive.read("tfstate-prev"))
            ignored = dict(_ignored(archive))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{plan_file.name} is not a plan file of Terraform") from error
    return Refreshed(
        _by_address(before), _by_address(after), ignored, int(after.get("serial", 0)), str(after.get("lineage", ""))
    )


def _by_address(state: Mapping[str, Any]) -> dict[str, Instance]:
    return {instance.address: instance for instance in _instances(state)}


def _instances(state: Mapping[str, Any]) -> Iterator[Instance]:
    """Of state format 4. Data sources and deposed objects are left out."""
    for resource in state.get("resources", ()):
        if resource["mode"] != "managed":
            continue
        module = resource.get("module", "")
        for instance in resource["instances"]:
            if "deposed" in instance:
                continue
            key = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
            yield Instance(
                address=f"{module}.{resource['type']}.{resource['name']}{key}".lstrip("."),
                module=module,
                type=resource["type"],
                name=resource["name"],
                attributes=instance.get("attributes") or {},
                sensitive=frozenset(map(_steps, instance.get("sensitive_attributes", ()))),
            )


def _steps(path: list[Mapping[str, Any]]) -> Steps:
    """A cty path as the state spells it, as far as it leads through names and indexes: a shorter one hides more."""
    steps: list[str | int] = []
    for step in path:
        value = step.get("value")
        if isinstance(value, Mapping):
            value = value.get("value")
        if not isinstance(value, str | int | float):
            break
        steps.append(value if isinstance(value, str) else int(value))
    return tuple(steps)


def _ignored(archive: zipfile.ZipFile) -> Iterator[tuple[tuple[str, str, str], frozenset[str]]]:
    """What each resource's `ignore_changes` names, from the configuration in the plan (tfconfig/m-<module>/*.tf)."""
    for file in archive.namelist():
        place = re.fullmatch(r"tfconfig/m-([^/]*)/[^/]+\.tf", file)
        if not place:
            continue
        module = ".".join(f"module.{part}" for part in place[1].split(".") if part)
        text = archive.read(file).decode(errors="replace")
        if "ignore_changes" not in text:
            continue
        for kind, name, body in RESOURCE.findall(text):
            if found := IGNORED.search(body):
                names = {ALL} if found[1] else set(re.findall(r"(?:^|,)\s*(\w+)", re.sub(r"#.*", "", found[2])))
                yield (module, kind, name), frozenset(names)


def module_words(instance: Instance) -> str:
    """The module as people say it: "photos.queue"; "" in the root."""
    return module_name(instance.module)
