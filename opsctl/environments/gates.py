"""Checks that an environment may require of a plan before it is applied: name → what is wrong, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from opsctl.deploy.function_rules import judge
from opsctl.environments.guard_rules import Violation, listed
from opsctl.environments.planning import bundles
from opsctl.environments.ports import Ports
from opsctl.workflows.files import find_definitions

if TYPE_CHECKING:
    from opsctl.terraform import Plan


def judge_gates(ports: Ports, plan: Plan, gates: Sequence[str]) -> tuple[Violation, ...]:
    """Those of `gates` that a plan does not pass. The ones that speak after the apply have nothing to say here."""
    required = {name: CHECKS[name] for name in gates if name in CHECKS}
    return tuple(
        Violation(name, f"the gate {name} is closed: {listed(found)}", "Correct what it names")
        for name, check in required.items()
        if (found := list(check(ports, plan)))
    )


def functions(ports: Ports, plan: Plan) -> Iterator[str]:
    return (f"{finding.where}: {finding.what}" for finding in judge(bundles(ports, plan)) if finding.refuses)


def workflows(ports: Ports, plan: Plan) -> Iterator[str]:
    from opsctl.workflows import lint  # statelint: imported where an environment asks for it

    modules = ports.environment.stack.parent / "modules"
    for file, machine_type in find_definitions(modules):
        for problem in lint(file.read_text(), machine_type):
            yield f"{file.relative_to(modules)}: {problem.where} {problem.what}"


def mapping_templates(ports: Ports, plan: Plan) -> Iterator[str]:
    return map(str, plan.template_logic)


CHECKS: Mapping[str, Callable[[Ports, Plan], Iterator[str]]] = {
    "functions": functions,
    "workflows": workflows,
    "mapping-templates": mapping_templates,
}
