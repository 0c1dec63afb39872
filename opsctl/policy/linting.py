"""`opsctl policy lint`: what a path holds → a configuration → every rule → a report.

Cost: every rule asks for the types that it is about, so a run grows with resources, not with resources times rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.errors import UsageError
from opsctl.findings import Finding, Place, Report, Rule, Severity
from opsctl.findings.not_analysed import NOT_ANALYSED, holes
from opsctl.hcl import Configuration
from opsctl.hcl.paths import read_path
from opsctl.policy.loading import Broken, Failure, RuleFile, built_in, chosen, sentence_of
from opsctl.policy.rule import Stack

if TYPE_CHECKING:
    from opsctl.policy.own_rules import OwnRules

RULE_FAILED = Rule(
    "policy/rule-failed",
    "A rule crashed, never ended or could not be loaded",
    Severity.HIGH,
    "What this rule would have found is missing from the report; every other rule ran.",
    "Mend the rule (opsctl policy test --rules DIR runs its fixtures), or leave it out with --skip.",
)
OWN_RULES = (NOT_ANALYSED, RULE_FAILED)


@dataclass(frozen=True)
class Linted:
    """A report, and what it is made of, for those who show or explain it.

    Attributes:
        rules: every rule that is known, by id.
        ran: ids of those that were asked for.
        files: the files that resources or problems lie in.
        moved: root module → address → what it was called before.
    """

    report: Report
    rules: Mapping[str, Rule]
    ran: frozenset[str]
    files: frozenset[str]
    moved: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def lint(
    paths: Sequence[Path],
    *,
    source: Path | None = None,
    var_files: Sequence[Path] = (),
    variables: Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
    skip: Sequence[str] = (),
    files: Sequence[RuleFile | Broken] | None = None,
    own: OwnRules | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Linted:
    """Every rule over every path.

    Args:
        paths: Terraform folders (or files: their folders) and plans as JSON; a folder without .tf files stands for
            the root modules below it.
        source: the folder of the Terraform that a plan was made from.
        var_files, variables: values of the root modules' variables, as Terraform's -var-file and -var.
        select, skip: see `chosen`.
        files: built-in rules; None: those in `policies/`.
        own: rules that the user brings along.
        settings: what rules may ask for: "environment", "required_tags", …

    Raises:
        UsageError: a path that can't be read at all, no folder `source`, or a rule that nobody knows.
    """
    if source and not source.is_dir():
        raise UsageError("There is no such folder of sources.", where=str(source), next="opsctl policy lint --help")
    loaded = tuple(built_in() if files is None else files)
    rules = {rule.id: rule for rule in (*OWN_RULES, *known_rules(loaded), *(own.rules if own else ()))}
    # What could not be read or run is said whatever is selected; only --skip silences it.
    wanted = chosen(rules.values(), (*select, *(rule.id for rule in OWN_RULES)) if select else (), skip)
    found: list[Finding] = []
    read = []
    for path in expanded(paths):
        for configuration in read_path(path, source=source, var_files=var_files, variables=variables):
            read.append(configuration)
            said = list(findings_of(configuration, loaded, wanted, settings or {}))
            if own:
                said += _own_findings(own, configuration, wanted, settings or {}, path if path.is_file() else None)
            found += (each.read_at(path, configuration.root) for each in said)
    places = {each.place.file for configuration in read for each in configuration.resources}
    places |= {each.place.file for configuration in read for each in configuration.problems}
    left_out = frozenset(rules) - wanted
    report = Report(ordered(each for each in found if each.rule not in left_out), analysed(read, wanted))
    moved: dict[str, dict[str, str]] = {}
    for configuration in read:
        moved.setdefault(configuration.root, {}).update(configuration.moved)
    return Linted(report, rules, wanted, frozenset(places - {""}), moved)


def _own_findings(
    own: OwnRules, configuration: Configuration, wanted: frozenset[str], settings: Mapping[str, Any], plan: Path | None
) -> Iterator[Finding]:
    for each in own.findings(configuration, wanted, settings=settings, plan=plan):
        yield failed(each.file, each.message, each.line) if isinstance(each, Failure) else each


def known_rules(files: Iterable[RuleFile | Broken]) -> Iterator[Rule]:
    for file in files:
        if isinstance(file, RuleFile):
            yield from file.rules


def findings_of(
    configuration: Configuration,
    files: Iterable[RuleFile | Broken],
    wanted: frozenset[str],
    settings: Mapping[str, Any],
) -> Iterator[Finding]:
    """What could not be read, and what each rule says; a rule that crashes is a finding."""
    yield from holes(configuration.problems)
    stack = Stack(configuration, settings)
    for file in files:
        if isinstance(file, Broken):
            yield failed(file.file, f"{file.file.name} can't be loaded: {file.why}")
        elif any(rule.id in wanted for rule in file.rules):
            yield from run(file, stack)


def run(file: RuleFile, stack: Stack) -> Iterator[Finding]:
    """A rule's findings; those it had before it crashed stand."""
    try:
        yield from file.find(stack)
    except Exception as error:
        yield failed(file.file, f"{' and '.join(rule.id for rule in file.rules)} crashed: {sentence_of(error)}")


def failed(file: Path, message: str, line: int = 0) -> Finding:
    return Finding(
        RULE_FAILED.id, RULE_FAILED.severity, message, resource=file.name, place=Place(str(file), line),
        fix=RULE_FAILED.mend,
    )  # fmt: skip


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By file and line, the worst first on a line, none twice."""
    return tuple(
        sorted(dict.fromkeys(findings), key=lambda each: (each.place, -each.severity, each.rule, each.message))
    )


def analysed(configurations: Sequence[Configuration], wanted: frozenset[str]) -> dict[str, Any]:
    """What was read, in counts."""
    return {
        "resources": sum(len(each.resources) for each in configurations),
        "modules": sum(len(each.modules) for each in configurations),
        "rules": len(wanted - {rule.id for rule in OWN_RULES}),
        "not_analysed": sum(len(each.problems) for each in configurations),
    }


def expanded(paths: Sequence[Path]) -> list[Path]:
    """Paths as they are read: a .tf file stands for its folder; none twice.

    Raises:
        UsageError: nothing is there, or nothing that can be linted.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.name.endswith((".tf", ".tf.json")) and path.is_file():
            found[path.parent] = None
        elif path.is_dir() or (path.is_file() and path.suffix == ".json"):
            found[path] = None
        else:
            raise UsageError(
                "There is nothing to lint." if not path.exists() else "This is neither Terraform nor a plan as JSON.",
                where=str(path),
                next="Name a folder of Terraform files, or what `terraform show -json PLAN` prints.",
            )
    return list(found)
