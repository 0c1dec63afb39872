"""A module's README lists its inputs and outputs: all of them, and none that are gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MODULES = Path(__file__).parents[2] / "terraform" / "modules"
# A part inside of a module (observability/alert_topic) is explained by the module.
NAMES = sorted(
    str(file.parent.relative_to(MODULES))
    for file in MODULES.glob("**/variables.tf")
    if not (file.parents[1] / "variables.tf").exists()
)


@pytest.mark.parametrize("module", NAMES)
@pytest.mark.parametrize(("kind", "heading"), [("variable", "Inputs"), ("output", "Outputs")])
def test_the_readme_of_a_module_lists_what_it_takes_and_gives(module: str, kind: str, heading: str) -> None:
    declared = re.findall(rf'^{kind} "(\w+)"', (MODULES / module / f"{kind}s.tf").read_text(), flags=re.MULTILINE)
    section = (MODULES / module / "README.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, flags=re.MULTILINE)  # one row may name a few that belong together
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(declared)
