"""Write a case's plan.json and applied.json: see README.md beside this."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

POLICY = re.compile(r"(?:^|[._])(?:policy|policy_document|content|access_policies|resource_policy)$")
KEPT = ("format_version", "terraform_version", "variables", "prior_state", "configuration")


def trimmed(plan: dict[str, Any]) -> dict[str, Any]:
    changes = [
        {
            **{
                key: change[key]
                for key in ("address", "module_address", "mode", "type", "name", "index")
                if key in change
            },
            "change": {key: change["change"][key] for key in ("actions", "before", "after", "after_unknown")},
        }
        for change in plan["resource_changes"]
    ]
    return {**{key: plan[key] for key in KEPT if key in plan}, "resource_changes": changes}


def unknown_policies(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(address, attribute) of each policy that the plan doesn't know at all and that somebody wrote."""
    for change in plan["resource_changes"]:
        after = change["change"].get("after_unknown") or {}
        if change["mode"] == "managed" and isinstance(after, dict):
            for name, unknown in after.items():
                if unknown is True and POLICY.search(name) and written(plan, change["address"], name):
                    yield change["address"], name
                if name == "inline_policy" and isinstance(unknown, list):
                    yield from (
                        (change["address"], f"inline_policy[{number}].policy")
                        for number, block in enumerate(unknown)
                        if block.get("policy") is True
                    )


def written(plan: dict[str, Any], address: str, name: str) -> bool:
    module = plan["configuration"]["root_module"]
    *calls, kind, own = re.sub(r"\[[^\]]*\]", "", address).split(".")
    for call in calls[1::2]:
        module = module["module_calls"][call]["module"]
    found = [each for each in module["resources"] if each["address"] == f"{kind}.{own}"]
    return name in found[0]["expressions"]


def applied(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    pending = [state.get("values", {}).get("root_module", {})]
    while pending:
        module = pending.pop()
        pending += module.get("child_modules", [])
        found |= {each["address"]: each["values"] for each in module.get("resources", [])}
    return found


def value(values: dict[str, Any], attribute: str) -> Any:
    here: Any = values
    for part in re.findall(r"\w+", attribute):
        here = here[int(part)] if part.isdecimal() else here.get(part)
    return here


def main(folder: Path, plan_file: Path, state_file: Path) -> None:
    plan, state = json.loads(plan_file.read_text()), applied(json.loads(state_file.read_text()))
    truth = {
        f"{address}.{attribute}": value(state[address], attribute)
        for address, attribute in unknown_policies(plan)
        if address in state
    }
    (folder / "plan.json").write_text(json.dumps(trimmed(plan), separators=(",", ":"), ensure_ascii=False) + "\n")
    (folder / "applied.json").write_text(json.dumps(truth, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
