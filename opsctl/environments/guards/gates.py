"""Checks that an environment may require of a plan before it is applied: name → what is wrong, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from opsctl.environments.guards.rules import Violation, listed
from opsctl.environments.ports import Ports
from opsctl.workflows.files import find_definitions

if TYPE_CHECKING:
    from opsctl.terraform import Plan


def judge_gates(ports: Ports, plan: Plan, gates: Sequence[str]) -> tuple[Violation, ...]:
    """Those of `gates` that a plan does not pass.

    Two have nothing to say here: `functions` spoke when the plan was made (`planning.check_functions`, for every
    environment), and `smoke` speaks after the apply.
    """
    required = {name: CHECKS[name] for name in gates if name in CHECKS}
    return tuple(
        Violation(name, f"the gate {name} is closed: {listed(found)}", "Correct what it names")
        for name, check in required.items()
        if (found := list(check(ports, plan)))
    )


def workflows(ports: Ports, plan: Plan) -> Iterator[str]:
    from opsctl.workflows import lint  # statelint: imported where an environment asks for it

    modules = ports.environment.stack.parent / "modules"
    for file, machine_type in find_definitions(modules):
        for problem in lint(file.read_text(), machine_type):
            yield f"{file.relative_to(modules)}: {problem.where} {problem.what}"


def mapping_templates(ports: Ports, plan: Plan) -> Iterator[str]:
    return map(str, plan.template_logic)


CHECKS: Mapping[str, Callable[[Ports, Plan], Iterator[str]]] = {
    "workflows": workflows,
    "mapping-templates": mapping_templates,
}
