"""What `opsctl iam check` and `opsctl policy lint` share: waivers, baseline, --diff, formats, the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.context import console
from opsctl.errors import UsageError, did_you_mean
from opsctl.exit_codes import ExitCode
from opsctl.findings import Report, Rule, Severity

if TYPE_CHECKING:
    from opsctl.findings.listing import Shown

FORMATS = ("text", "json", "sarif", "junit", "github")
NEVER = "never"

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", show_default=False)]
Source = Annotated[
    Path | None, typer.Option("--source", metavar="DIR", help="The Terraform that a plan was made from.")
]
VarFiles = Annotated[
    list[Path] | None, typer.Option("--var-file", metavar="FILE", help="Variables' values, as Terraform's option.")
]
FailOn = Annotated[
    str,
    typer.Option("--fail-on", metavar="SEVERITY", help="Exit 3 from here: critical, high, medium, low, info; never."),
]
FailOnNotAnalysed = Annotated[
    bool, typer.Option("--fail-on-not-analysed", help="Exit 7 when something could not be read, and nothing is worse.")
]
Format = Annotated[str, typer.Option("--format", metavar="|".join(FORMATS), help="How to say it.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there instead.")]
Baseline = Annotated[
    Path | None, typer.Option("--baseline", metavar="FILE", help="Leave out what this file knows already.")
]
WriteBaseline = Annotated[
    Path | None, typer.Option("--write-baseline", metavar="FILE", help="Write what is found now as the baseline.")
]
Waivers = Annotated[
    list[Path] | None,
    typer.Option("--waivers", metavar="FILE", help="Waivers; default: policies.waivers.toml and opsctl.toml here."),
]
Diff = Annotated[
    str, typer.Option("--diff", metavar="BASE", help="Say only what is new since a git ref, a folder or a plan.")
]


@dataclass(frozen=True)
class Checked:
    """What a command found.

    Attributes:
        rules: every rule that it knows, by id.
        ran: ids of those that ran; None: all. A waiver for another is not called unused.
        files: what was read: waivers may be written in it, also where nothing was found.
        moved: root module → address → what it was called before (Terraform's `moved` blocks).
    """

    report: Report
    rules: Mapping[str, Rule]
    ran: frozenset[str] | None = None
    files: frozenset[str] = frozenset()
    moved: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


Check = Callable[[Sequence[Path]], Checked]


@dataclass(frozen=True)
class Wishes:
    """The options of a command that reports findings, as they were typed."""

    json: bool = False
    format: str = "text"
    output: Path | None = None
    fail_on: str = "high"
    fail_on_not_analysed: bool = False
    baseline: Path | None = None
    write_baseline: Path | None = None
    waivers: Sequence[Path] | None = None
    diff: str = ""

    @property
    def form(self) -> str:
        return "json" if self.json else self.format

    @property
    def threshold(self) -> Severity | None:
        return None if self.fail_on == NEVER else Severity.named(self.fail_on)

    def check(self) -> None:
        """Raises: UsageError for a word that is none of the known."""
        severities = (*(each.word for each in reversed(Severity)), NEVER)
        for option, word, known in (("--fail-on", self.fail_on, severities), ("--format", self.format, FORMATS)):
            if word not in known:
                raise UsageError(f"{option} {word} is not known.{did_you_mean(word, known)}", next=", ".join(known))


def finish(check: Check, paths: Sequence[Path], wishes: Wishes, *, tool: str, today: date | None = None) -> ExitCode:
    """Check, take out what is waived or known, show the rest.

    Args:
        tool: the command's name ("opsctl policy lint").
        today: for waivers; None: this day in UTC.

    Returns: the command's exit code: 3 with findings at or above --fail-on; 7 with --fail-on-not-analysed when
        something could not be read; else 0.

    Raises:
        UsageError: options, paths, waivers or baseline are wrong.
    """
    import gc

    from opsctl.findings.baseline import read_baseline, write_baseline
    from opsctl.findings.fingerprints import counted, without

    gc.disable()  # what is read and found lives until the command ends; collecting would cost a quarter of its time
    wishes.check()
    day = today or datetime.now(UTC).date()
    checked = check(paths)
    report, rules = _judged(checked, wishes, day)
    if wishes.diff:
        with ExitStack() as stack:
            paths_before = _before(paths, wishes.diff, stack)
            before = _judged(check(paths_before), wishes, day)[0].findings if paths_before else ()
        report = replace(without(report, counted(before), checked.moved), waived=report.waived)
    if wishes.write_baseline:
        write_baseline(wishes.write_baseline, report)
        console().note(f"{len(report.findings)} findings are the baseline now: {wishes.write_baseline}", style=None)
        return ExitCode.DONE
    if wishes.baseline:
        report = without(report, read_baseline(wishes.baseline), checked.moved)
    _show(report, rules, wishes, tool, paths)
    code = report.exit_code(wishes.threshold)
    holes = any(finding.rule == "not-analysed" for finding in report.findings)
    return ExitCode.PARTIAL if code == ExitCode.DONE and wishes.fail_on_not_analysed and holes else code


def _before(paths: Sequence[Path], base: str, stack: ExitStack) -> list[Path]:
    """The same paths before the change; one that wasn't there yet is left out: all of it is new."""
    from opsctl.findings.bases import base_of

    if len(paths) > 1 and Path(base).exists():
        raise UsageError("One folder can't be the base of several paths.", next="Name one path, or a git ref.")
    found = [stack.enter_context(base_of(base, path)) for path in paths]
    return [path for path in found if path.exists()]


def _judged(checked: Checked, wishes: Wishes, day: date) -> tuple[Report, Mapping[str, Rule]]:
    """What was found, less what waivers take out, with what is wrong with them."""
    from opsctl.findings.waivers import RULES, judged, written_in

    report = judged(
        checked.report,
        written=written_in(Path()) if wishes.waivers is None else wishes.waivers,
        read=checked.files,
        today=day,
        ran=frozenset(checked.rules) if checked.ran is None else checked.ran,
        known=checked.rules,
    )
    return report, {**checked.rules, **{rule.id: rule for rule in RULES}}


def _show(report: Report, rules: Mapping[str, Rule], wishes: Wishes, tool: str, paths: Sequence[Path]) -> None:
    from opsctl.files import write_atomically

    if wishes.form == "text" and not wishes.output:
        for line in _lines(report, rules):
            console().say(line, whole=True)
    elif wishes.form == "json" and not wishes.output:
        console().json(report.to_json())
    else:
        text = _document(report, rules, wishes, tool, paths)
        if wishes.output:
            write_atomically(wishes.output, text)
            console().note(f"{_counts(report)} {wishes.output}", style=None)
        else:
            console().text(text)


def _document(report: Report, rules: Mapping[str, Rule], wishes: Wishes, tool: str, paths: Sequence[Path]) -> str:
    import json

    match wishes.form:
        case "sarif":
            from opsctl.findings.sarif import to_sarif

            folder = Path.cwd()
            document: dict[str, Any] = to_sarif(
                report, rules, tool=tool, root=_top(folder), folder=folder, where=str(paths[0])
            )
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        case "junit":
            from opsctl.findings.junit import to_junit

            return to_junit(report, rules, tool=tool, fail_on=wishes.threshold).decode()
        case "github":
            from opsctl.findings.annotations import workflow_commands

            return "\n".join((*workflow_commands(report, rules), _counts(report))) + "\n"
        case "json":
            return json.dumps(report.to_json(), indent=2, default=str) + "\n"
        case _:
            from rich.text import Text

            return "\n".join(Text.from_markup(line).plain for line in _lines(report, rules)) + "\n"


def _top(folder: Path) -> Path:
    """The repository's top: addresses in SARIF are relative to it."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


COLOUR = {
    Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan",
    Severity.INFO: "dim",
}  # fmt: skip


def _lines(report: Report, rules: Mapping[str, Rule]) -> Iterator[str]:
    """The terminal's view, with rich's markup: by file, each finding with its line; a rule's why only once."""
    from opsctl.findings.listing import by_file
    from opsctl.findings.sources import Sources
    from opsctl.ui.console import literal

    explained: set[str] = set()
    for file, shown in by_file(report.findings, Sources()).items():
        yield f"[bold]{literal(file or 'in no file')}[/]"
        for each in shown:
            yield from _finding(each, None if each.finding.rule in explained else rules.get(each.finding.rule))
            explained.add(each.finding.rule)
        yield ""
    yield literal(_counts(report))


def _finding(shown: Shown, rule: Rule | None) -> Iterator[str]:
    from opsctl.findings.listing import printable
    from opsctl.ui.console import literal as escaped

    def literal(text: str) -> str:
        return escaped(printable(text))

    finding = shown.finding
    number = str(finding.place.line or "")
    colour = COLOUR[finding.severity]
    about = finding.resource or finding.principal
    yield f"{number:>5} [{colour}]{finding.severity.word}[/] [bold]{literal(finding.rule)}[/]  {literal(about)}"
    yield f"      {literal(finding.message)}"
    for step, text in enumerate(finding.path, 1):
        yield f"      [dim]{step}.[/] {literal(text)}"
    if shown.source:
        yield f"[dim]{number:>5} │[/] {literal(shown.source)}"
        yield f"[dim]      │[/] [{colour}]{shown.marker}[/]"
    if rule:
        yield f"      [dim]why:[/] {literal(rule.why)}"
    if finding.fix:
        yield f"      [dim]fix:[/] {literal(finding.fix)}"


def _counts(report: Report) -> str:
    """The last line: how many findings of which severity, in what, and what is left out."""
    of = Counter(finding.severity for finding in report.findings)
    kinds = ", ".join(f"{of[each]} {each.word}" for each in reversed(Severity) if of[each])
    count = len(report.findings)
    found = f"{count} finding{'' if count == 1 else 's'} ({kinds})" if count else "nothing found"
    read = ", ".join(
        f"{value} {name.replace('_', ' ')}"
        for name, value in report.analysed.items()
        if name != "not_analysed" and value
    )
    aside = f"; {len(report.waived)} waived or known" if report.waived else ""
    holes = report.analysed.get("not_analysed")
    return f"{found} in {read}{aside}{f'; {holes} could not be read' if holes else ''}."
