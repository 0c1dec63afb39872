"""Checks that an environment may require of a plan before it is applied: name → what is wrong, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from opsctl.environments.guards.rules import Violation, listed
from opsctl.environments.ports import Ports
from opsctl.findings import Report, Severity
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


def policy(ports: Ports, plan: Plan) -> Iterator[str]:
    from opsctl.environments.planning import given_to_stack
    from opsctl.policy.linting import lint  # a parser of HCL: imported where an environment asks for it

    environment = ports.environment
    linted = lint([environment.stack], settings={"environment": environment.name}, **given_to_stack(ports))
    yield from standing(ports, linted.report, linted.ran, linted.files)


def iam(ports: Ports, plan: Plan) -> Iterator[str]:
    from opsctl.environments.planning import given_to_stack
    from opsctl.iam.checking import check, rules

    report = check([ports.environment.stack], **given_to_stack(ports))
    yield from standing(ports, report, rules(), ())


def standing(ports: Ports, report: Report, ran: Iterable[str], files: Iterable[str]) -> Iterator[str]:
    """Findings of high severity or above that no waiver takes out, worst first."""
    from opsctl.findings.waivers import judged, written_in

    written = written_in(ports.environment.root)
    left = judged(report, written=written, read=files, today=ports.clock.now().date(), ran=ran)
    for finding in sorted(left.at_or_above(Severity.HIGH), key=lambda each: (-each.severity, each.place)):
        yield f"{finding.rule} at {finding.place or finding.resource}: {finding.message}"


CHECKS: Mapping[str, Callable[[Ports, Plan], Iterator[str]]] = {
    "workflows": workflows,
    "mapping-templates": mapping_templates,
    "policy": policy,
    "iam": iam,
}
