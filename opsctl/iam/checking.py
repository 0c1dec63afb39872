"""`opsctl iam check`: what a path holds → an estate → every check → a report.

A path is a Terraform folder, a plan as JSON, a policy document, or a folder of those. Nothing here needs an account, a
configuration or the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.errors import UsageError, did_you_mean
from opsctl.findings import Finding, Report, Rule, Severity
from opsctl.findings.not_analysed import NOT_ANALYSED
from opsctl.hcl.paths import read_path
from opsctl.iam.check import Check
from opsctl.iam.estate import Estate

if TYPE_CHECKING:
    from opsctl.iam.code.suggesting import Suggestion

CHECK_FAILED = Rule(
    "check-failed",
    "A check that could not finish",
    Severity.HIGH,
    "What this check would have found is missing from the report; the other checks ran.",
    "Report it as a bug of opsctl, with what it was run on.",
)


class Kind(Enum):
    """What a path holds."""

    TERRAFORM = "Terraform"
    PLAN = "plan"
    DOCUMENTS = "policy documents"


def kind_of(path: Path) -> Kind:
    """What is read at a path.

    Raises:
        UsageError: nothing is there, or nothing that we read.
    """
    if not path.exists():
        raise UsageError("There is nothing to check.", where=str(path), next="opsctl iam check --help")
    if path.is_file():
        if path.suffix == ".json" and not path.name.endswith(".tf.json"):
            return Kind.PLAN if looks_like_a_plan(path) else Kind.DOCUMENTS
        raise UsageError(
            "This is neither a Terraform folder, nor a plan (terraform show -json), nor a policy document.",
            where=str(path),
            next="Name the folder of Terraform files, or a .json file.",
        )
    if any(files_of(path, ".tf", ".tf.json")):
        return Kind.TERRAFORM
    if any(files_of(path, ".json")):
        return Kind.DOCUMENTS
    raise UsageError("The folder holds no Terraform and no JSON documents.", where=str(path))


def files_of(folder: Path, *endings: str) -> Iterator[Path]:
    """Files below a folder whose names end so, without what lies in hidden folders (.terraform, .git)."""
    for file in folder.rglob("*"):
        if file.name.endswith(endings) and not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def looks_like_a_plan(path: Path) -> bool:
    """Whether a JSON file is what `terraform show -json` prints, in whatever order its keys are."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        return text.find(b'"format_version"') >= 0 and text.find(b'"terraform_version"') >= 0


def estates_of(
    path: Path,
    *,
    source: Path | None = None,
    var_files: Sequence[Path] = (),
    variables: Mapping[str, Any] | None = None,
) -> tuple[Estate, ...]:
    """Everything that decides who may do what at one path: an estate of each root module of a folder.

    Args:
        source: the folder of the Terraform that a plan was made from.
        var_files, variables: as Terraform's -var-file and -var, for folders.

    Raises:
        UsageError: the path or what it holds can't be read at all.
    """
    if kind_of(path) is Kind.DOCUMENTS:
        from opsctl.iam.documents import read_documents

        return (read_documents(path),)
    from opsctl.iam.gathering import gather

    read = read_path(path, source=source, var_files=var_files, variables=variables)
    return tuple(replace(gather(each), root=each.root) for each in read)


def estate_of(path: Path, **how: Any) -> Estate:
    """As `estates_of`, of a path with one root module.

    Raises:
        UsageError: there are several: which one is meant can't be told.
    """
    estates = estates_of(path, **how)
    if len(estates) > 1:
        raise UsageError("The folder holds several root modules.", where=str(path), next="Name one of them.")
    return estates[0]


@cache
def checks() -> tuple[Check, ...]:
    """Every check, in the order of the documentation."""
    from opsctl.iam import action_checks, code, escalation, exposure, live

    own = (*map(Check, live.RULES), Check(NOT_ANALYSED), Check(CHECK_FAILED))
    return (*escalation.CHECKS, *exposure.CHECKS, *action_checks.CHECKS, *code.CHECKS, *own)


def suggestions_for(path: Path, *, source: Path | None = None, principal: str = "") -> tuple[Suggestion, ...]:
    """The smallest policies for the roles of a Terraform folder or plan, or for Python code alone.

    Args:
        principal: only this role (name, ARN or address).

    Raises:
        UsageError: nothing that we read is there.
    """
    from opsctl.iam.code.suggesting import suggest, suggest_code

    is_code = path.suffix == ".py" or (
        path.is_dir() and not any(files_of(path, ".tf", ".tf.json")) and any(files_of(path, ".py"))
    )
    if is_code:
        return (suggest_code(str(path)),)
    return tuple(one for each in estates_of(path, source=source) for one in suggest(each, principal=principal))


def rules() -> dict[str, Rule]:
    """Every rule by its id."""
    return {check.rule.id: check.rule for check in checks()}


def check(
    paths: Sequence[Path],
    *,
    source: Path | None = None,
    var_files: Sequence[Path] = (),
    variables: Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
    live: Callable[[Estate], Iterable[Finding]] | None = None,
) -> Report:
    """Every check over every path. A check that crashes is a finding; the others run.

    Args:
        source, var_files, variables: see `estate_of`.
        select: beginnings of rule ids ("escalation/"); empty: all.
        live: asks an account what it knows of an estate (`opsctl.iam.live.live_findings`).

    Raises:
        UsageError: a path that can't be read at all, or an unknown rule.
    """
    known = rules()
    for wanted in select:
        if not any(name.startswith(wanted) for name in known):
            raise UsageError(f"There is no rule {wanted}.{did_you_mean(wanted, known)}", next="docs/iam.md lists them.")
    estates = [
        (path, estate)
        for path in paths
        for estate in estates_of(path, source=source, var_files=var_files, variables=variables)
    ]
    found = [
        finding.read_at(path, estate.root)
        for path, estate in estates
        for finding in (*findings_of(estate), *(live(estate) if live else ()))
    ]
    chosen = [each for each in found if not select or each.rule.startswith(tuple(select))]
    ordered = sorted(dict.fromkeys(chosen), key=lambda each: (-each.severity, each.place, each.rule, each.message))
    return Report(tuple(ordered), analysed(estate for _, estate in estates))


def findings_of(estate: Estate) -> Iterator[Finding]:
    """What all checks say of one estate, and what could not be read of it."""
    for hole in estate.not_analysed:
        yield Finding(
            NOT_ANALYSED.id, NOT_ANALYSED.severity, hole.what, resource=hole.address, place=hole.place,
            fix=NOT_ANALYSED.mend,
        )  # fmt: skip
    for each in checks():
        if each.find is None:
            continue
        try:
            yield from each.find(estate)
        except Exception as error:  # whatever it is, the other checks must run and somebody must hear of it
            name = f"{type(error).__name__} in the check behind {each.rule.id}"
            yield Finding(CHECK_FAILED.id, CHECK_FAILED.severity, f"{name}; its findings are missing.")


def analysed(estates: Iterable[Estate]) -> dict[str, Any]:
    """What was read, added up, and how old the data about AWS's actions is."""
    from opsctl.iam.vocabulary import vocabulary

    total: dict[str, Any] = {"principals": 0, "not_analysed": 0}
    for estate in estates:
        total["principals"] += len(estate.principals)
        total["not_analysed"] += len(estate.not_analysed)
        for name, count in estate.analysed.items():
            if name not in ("principals", "not_analysed"):
                total[name] = total.get(name, 0) + count if isinstance(count, int | float) else count
    return total | {"iam_data": str(vocabulary().date)}
