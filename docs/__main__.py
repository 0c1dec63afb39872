"""Renew what the documentation takes from the code: `make docs`. A test fails when a table or a picture is out of date.

With --picture also docs/up.svg, from a real `opsctl up local` on a project of its own (minutes).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from docs.deploy_pictures import renew
from opsctl.cli.lazy import load
from opsctl.cli.registry import COMMANDS
from opsctl.exit_codes import ExitCode
from opsctl.files import write_atomically
from opsctl.findings import Rule

ROOT = Path(__file__).parents[1]
WIDTH = 118


def usage(name: str) -> str:
    """What follows a command's name: its subcommands, or its arguments."""
    command = load(name)
    if subcommands := getattr(command, "commands", None):
        return "\\|".join(subcommands)
    return " ".join(parameter.metavar for parameter in command.params if parameter.param_type_name == "argument")


def commands() -> str:
    rows = [f"| `{f'opsctl {name} {usage(name)}'.strip()}` | {entry.summary} |" for name, entry in COMMANDS.items()]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def exit_codes() -> str:
    rows = [f"| {code.value} | {code.meaning} |" for code in ExitCode]
    return "\n".join(["| exit code | meaning |", "|---|---|", *rows])


def figures() -> str:
    from benchmarks.__main__ import table

    report = ROOT / "benchmarks" / "report.json"
    return table(json.loads(report.read_text())).strip() if report.exists() else "Not measured yet: `make bench`."


def checks() -> str:
    from opsctl.iam.checking import rules

    return catalogue(rules().values())


def policies() -> str:
    from opsctl.policy.linting import OWN_RULES, known_rules
    from opsctl.policy.loading import built_in

    return catalogue((*known_rules(built_in()), *OWN_RULES))


def catalogue(rules: Iterable[Rule]) -> str:
    """Every rule by its area: what it finds, why that is bad, how to mend it, and where that is written."""
    by_area: dict[str, list[Rule]] = {}
    for rule in rules:
        by_area.setdefault(rule.id.partition("/")[0] if "/" in rule.id else "in general", []).append(rule)
    parts = []
    for area, found in sorted(by_area.items()):
        parts.append(f"\n### {area}\n")
        for rule in sorted(found, key=lambda each: each.id):
            links = "".join(f" [{number}]({link})" for number, link in enumerate(rule.links, 1))
            tags = f", {', '.join(rule.tags)}" if rule.tags else ""
            parts.append(
                f"- **`{rule.id}`** ({rule.severity.word}{tags}): {rule.title}. {rule.why} *{rule.mend}*{links}"
            )
    return "\n".join(parts).strip() + "\n"


MADE: Mapping[str, Callable[[], str]] = {
    "commands": commands, "exit codes": exit_codes, "figures": figures, "checks": checks, "rules": policies,
}  # fmt: skip
DOCUMENTS = ("README.md", "docs/iam.md", "docs/policies.md")


def renewed(text: str) -> str:
    """A document's text with each marked part made anew."""
    for name, make in MADE.items():
        if f"<!-- {name}: " in text:
            pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->)"
            made = make()
            text = re.sub(pattern, lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text, flags=re.DOTALL)  # type: ignore[misc]
    return text


def picture() -> None:
    """docs/up.svg: the first and the last lines of a real run."""
    import io
    import os

    from rich.console import Console
    from rich.text import Text

    from benchmarks.environment import OPSCTL, trial

    with trial(FORCE_COLOR="1", COLUMNS=str(WIDTH), TERM="dumb") as made:
        done = subprocess.run(
            [OPSCTL, "up", "local", "--yes"], cwd=made.root, env=os.environ | made.variables, text=True, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    lines = done.stdout.splitlines()
    applied = next(number for number, line in enumerate(lines) if "terraform apply" in line)
    elided = "\x1b[2m  ⋮\x1b[0m"
    shown = ["$ opsctl up local --yes", *lines[:24], elided, *lines[applied - 2 : applied + 6], elided, *lines[-12:]]
    console = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", file=io.StringIO())
    for line in shown:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis")
    write_atomically(ROOT / "docs" / "up.svg", console.export_svg(title="opsctl up local"))


if __name__ == "__main__":
    for document in DOCUMENTS:
        write_atomically(ROOT / document, renewed((ROOT / document).read_text()))
    renew()
    if "--picture" in sys.argv:
        picture()
