"""Record which AWS calls each command makes: `python -m benchmarks.access_calls` (about 12 minutes).

A whole environment is taken up in a folder of its own, used by every command as their people use them, and taken down.
What each command called lies in tests/data/access/calls.json: (command, program, service, operation, names). The roles
of terraform/modules/access are proved by it (tests/unit/iam/test_access_roles.py).
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from opsctl.files import write_atomically
from opsctl.local.gaps.recorded_calls import SWITCH
from tests.e2e.project import PROJECT, make_project

RECORD = PROJECT / "tests" / "data" / "access" / "calls.json"
COMMANDS: Sequence[tuple[str, Sequence[str]]] = (
    ("bootstrap", ("bootstrap", "local", "--yes")),
    ("up", ("up", "local", "--yes", "--no-smoke")),
    ("plan", ("plan", "local", "--json")),
    ("status", ("status", "local", "--json")),
    ("outputs", ("outputs", "local", "--json")),
    ("history", ("history", "local", "--json")),
    ("drift", ("drift", "local", "--json")),
    ("smoke", ("smoke", "local", "--json")),
    ("demo", ("demo", "local", "--json")),
    ("queues list", ("queues", "list", "local", "--json")),
    ("user add", ("user", "add", "local", "mara", "--scope", "orders:read")),
    ("user list", ("user", "list", "local", "--json")),
    ("user remove", ("user", "remove", "local", "mara", "--yes")),
    ("deploy function", ("deploy", "function", "local", "photos-api", "--yes")),
    ("rollback function", ("rollback", "local", "photos-api", "--yes")),
    ("deploy service", ("deploy", "service", "local", "--yes")),
    ("deploy site", ("deploy", "site", "local", "--yes")),
    ("history deploys", ("history", "local", "--deploys", "--json")),
    ("env list", ("env", "list", "--json")),
    ("up again", ("up", "local", "--yes", "--no-smoke")),
    ("down", ("down", "local", "--yes")),
)
"""In this order: what a command calls depends on what is there."""
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27,}|\d{14,}|[0-9a-f]{24,}")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="opsctl-calls-") as folder:
        project = make_project(Path(folder), PROJECT / "terraform")
        calls = Path(folder) / "calls.jsonl"
        calls.touch()
        project.variables[SWITCH] = str(calls)
        recorded: dict[str, list[list[object]]] = {}
        try:
            project.opsctl("local", "start")
            for name, words in COMMANDS:
                done = project.opsctl(*words, status=None)
                print(f"{name}: exit {done.returncode}", done.stderr[-400:] if done.returncode else "", flush=True)
                recorded[name] = taken(calls)
        finally:
            project.opsctl("local", "stop", status=None)
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(
        f' "{name}": [\n' + ",\n".join(f"  {json.dumps(call)}" for call in calls) + "\n ]"
        for name, calls in recorded.items()
    )
    write_atomically(RECORD, "{\n" + lines + "\n}\n")
    print(RECORD, sum(map(len, recorded.values())), "calls")
    return 0


def taken(file: Path) -> list[list[object]]:
    """[program, service, operation, names] of the calls so far, each once, and the file emptied. Random ids are "…"."""
    found = set()
    for line in file.read_text().splitlines():
        call = json.loads(line)
        names = tuple(RANDOM.sub("…", name) for name in call["names"][:4])
        found.add((call["by"], call["service"], call["operation"], names))
    os.truncate(file, 0)
    return [[by, service, operation, list(names)] for by, service, operation, names in sorted(found)]


if __name__ == "__main__":
    sys.exit(main())
