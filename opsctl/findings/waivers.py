"""Waivers: findings that somebody answers for, with a reason and until a day.

In a file (`policies.waivers.toml`, or `[[policy.waivers]]` in opsctl.toml):

    [[waivers]]
    rule = "s3/versioning"                # * and ? stand for any text
    resource = "module.site.*"            # address; left out: every resource
    owner = "web team"
    reason = "rebuilt by every deploy"
    expires = 2027-03-31                  # the day itself still counts

or as a comment on, or above, the line or block that it is for:

    # opsctl:waive s3/versioning owner=web until=2027-03-31 reason=rebuilt by every deploy

One that expired or is malformed takes nothing out and is itself a finding; so is one that nothing needs any more.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from opsctl.errors import UsageError, did_you_mean
from opsctl.findings.finding import NOWHERE, Finding, Place, Report, Rule, Severity
from opsctl.findings.sources import Sources

FILE_NAME = "policies.waivers.toml"

UNUSED = Rule(
    "policy/unused-waiver",
    "A waiver that nothing needs",
    Severity.LOW,
    "It hides the next mistake of its kind, which nobody has looked at.",
    "Delete it.",
)
EXPIRED = Rule(
    "policy/expired-waiver",
    "A waiver whose day is over",
    Severity.MEDIUM,
    "What it took out counts again since then: somebody promised to mend it by that day.",
    "Mend what it is for and delete it, or agree on another day.",
)
MALFORMED = Rule(
    "policy/malformed-waiver",
    "A waiver that doesn't say all that it must",
    Severity.MEDIUM,
    "It takes nothing out: without a rule, an owner, a reason and a day that exists, nobody answers for it.",
    "Say rule, owner, reason and expires (YYYY-MM-DD).",
)
RULES = (UNUSED, EXPIRED, MALFORMED)


@dataclass(frozen=True)
class Waiver:
    """Attributes:
    rule, resource: patterns; * and ? stand for any text, everything else for itself.
    expires: the last day that it counts; None: malformed.
    place: where it is written.
    lines: what it is for, first and last line of `place.file`, of a comment; (0, 0): everywhere.
    problem: what is wrong with it; "" when nothing is.
    """

    rule: str
    resource: str
    owner: str
    reason: str
    expires: date | None
    place: Place = NOWHERE
    lines: tuple[int, int] = (0, 0)
    problem: str = ""

    def covers(self, finding: Finding) -> bool:
        if self.lines != (0, 0):
            first, last = self.lines
            if finding.place.file != self.place.file or not first <= finding.place.line <= last:
                return False
        about = finding.resource or finding.principal or finding.place.file
        return matches(self.rule, finding.rule) and matches(self.resource, about)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern with * and ? is the whole text (brackets are Terraform's, so they mean themselves)."""
    if pattern == "*" or pattern == text:
        return True
    if "*" not in pattern and "?" not in pattern:
        return False
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


def written_in(folder: Path) -> list[Path]:
    """The files of a project's folder that may hold waivers, as far as they are there."""
    return [file for name in (FILE_NAME, "opsctl.toml") if (file := folder / name).is_file()]


def judged(
    report: Report,
    *,
    written: Iterable[Path],
    read: Iterable[str],
    today: date,
    ran: Iterable[str],
    known: Iterable[str] = (),
) -> Report:
    """A report with every waiver applied: those of files, and those beside what was read or found.

    Args:
        written: TOML files of waivers.
        read: Terraform files that may carry some in comments, also where nothing was found.
        today, ran, known: see `apply`.

    Raises:
        UsageError: a file of waivers can't be read.
    """
    files = {*read, *(finding.place.file for finding in report.findings)}
    waivers = [*(waiver for file in written for waiver in read_waivers(file)), *comments(Sources(), sorted(files))]
    return apply(report, waivers, today=today, ran=ran, known=known)


def apply(
    report: Report, waivers: Sequence[Waiver], *, today: date, ran: Iterable[str], known: Iterable[str] = ()
) -> Report:
    """A report less what waivers take out, and with what is wrong with the waivers.

    Args:
        today: an expiry of today still counts.
        ran: ids of the rules that ran: a waiver for others (of `iam check`, or left out by --skip) is not unused.
        known: every id of this command: a waiver for none of them, in the area of one ("s3"), is a typing error and
            so unused.
    """
    counting = [each for each in waivers if not each.problem and each.expires and each.expires >= today]
    by_rule: dict[str, list[Waiver]] = {}
    used: set[int] = set()
    kept: list[Finding] = []
    aside: list[Finding] = []
    for finding in report.findings:
        if finding.rule not in by_rule:
            by_rule[finding.rule] = [each for each in counting if matches(each.rule, finding.rule)]
        covering = [each for each in by_rule[finding.rule] if each.covers(finding)]
        used.update(map(id, covering))
        (aside if covering else kept).append(finding)
    kept += _about(waivers, used, today, frozenset(ran), frozenset(known))
    return Report(tuple(kept), report.analysed, (*report.waived, *aside))


def _about(
    waivers: Iterable[Waiver], used: set[int], today: date, ran: frozenset[str], known: frozenset[str]
) -> Iterator[Finding]:
    areas = {rule.partition("/")[0] for rule in known if "/" in rule}
    for waiver in waivers:
        name = f"the waiver of {waiver.rule or 'no rule'} for {waiver.resource}"
        if waiver.problem or waiver.expires is None:
            yield _finding(MALFORMED, waiver, f"{name} counts for nothing: {waiver.problem}")
        elif waiver.expires < today:
            who = f" ({waiver.owner}: {waiver.reason})"
            yield _finding(EXPIRED, waiver, f"{name} expired on {waiver.expires}{who}")
        elif id(waiver) not in used and (
            any(matches(waiver.rule, rule) for rule in ran)
            or (waiver.rule.partition("/")[0] in areas and not any(matches(waiver.rule, rule) for rule in known))
        ):
            yield _finding(UNUSED, waiver, f"{name} takes nothing out: {waiver.reason}")


def _finding(rule: Rule, waiver: Waiver, message: str) -> Finding:
    resource = waiver.resource if not {"*", "?"} & set(waiver.resource) else ""
    return Finding(rule.id, rule.severity, message, resource=resource, place=waiver.place, fix=rule.mend)


# --- from a file ---

BARE_DATE = re.compile(r"^(\s*expires\s*=\s*)(\d{1,4}-\d{1,2}-\d{1,2})(?=\s*(?:#.*)?$)", re.MULTILINE)
HEADER = re.compile(r"^\s*\[\[\s*(?:policy\s*\.\s*)?waivers\s*\]\]", re.MULTILINE)
FIELDS = ("rule", "resource", "owner", "reason", "expires")


def read_waivers(file: Path) -> tuple[Waiver, ...]:
    """The waivers of a TOML file: `[[waivers]]`, or `[[policy.waivers]]` in opsctl.toml.

    Raises:
        UsageError: no such file, or not TOML.
    """
    try:
        return parse_waivers(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise UsageError(f"The waivers can't be read: {error.strerror}.", where=str(file)) from error
    except UnicodeDecodeError as error:
        raise UsageError("The waivers are not UTF-8 text.", where=str(file)) from error


def parse_waivers(text: str, file: str = FILE_NAME) -> tuple[Waiver, ...]:
    """Raises: UsageError where it is no TOML, waivers is no list of tables, or its name is mistyped."""
    try:
        # A day that doesn't exist would spoil the whole file; as a string it only spoils its own waiver.
        document = tomllib.loads(BARE_DATE.sub(r'\1"\2"', text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"The waivers are not valid TOML: {error}.", where=file) from error
    policy = document.get("policy", {})
    tables = (document, policy if isinstance(policy, Mapping) else {})
    entries = [entry for table in tables for entry in _entries(table, file)]
    lines = [text.count("\n", 0, match.end()) + 1 for match in HEADER.finditer(text)]
    return tuple(
        parse_waiver(entry, Place(file, lines[index] if index < len(lines) else 0))
        for index, entry in enumerate(entries)
    )


def _entries(table: Mapping[str, Any], file: str) -> list[Mapping[str, Any]]:
    for name in table:
        if name != "waivers" and (meant := did_you_mean(name, ("waivers",))):
            raise UsageError(f"{name} means nothing here.{meant}", where=file, next="Write [[waivers]] above each.")
    entries = table.get("waivers", [])
    if not isinstance(entries, list) or not all(isinstance(each, Mapping) for each in entries):
        raise UsageError("waivers is no list of tables.", where=file, next="Write [[waivers]] above each.")
    return entries


def parse_waiver(entry: Mapping[str, Any], place: Place, lines: tuple[int, int] = (0, 0)) -> Waiver:
    """One waiver from its fields; what is wrong becomes its `problem`."""
    words = {name: str(entry.get(name, "")).strip() for name in ("rule", "resource", "owner", "reason")}
    problems = [f"it has no {name}" for name in ("rule", "owner", "reason") if not words[name]]
    problems += [f"{name} is no field of a waiver" for name in entry if name not in FIELDS]
    expires = parse_day(entry.get("expires"))
    if expires is None:
        said = entry.get("expires", "")
        problems.append(f"{said} is no day (YYYY-MM-DD)" if said else "it says no day on which it expires")
    return Waiver(
        words["rule"], words["resource"] or "*", words["owner"], words["reason"], expires, place, lines,
        "; ".join(problems),
    )  # fmt: skip


def parse_day(said: Any) -> date | None:
    """A day as TOML or text has it; None for anything else."""
    if isinstance(said, datetime):
        return said.date()
    if isinstance(said, date):
        return said
    try:
        return date.fromisoformat(said) if isinstance(said, str) and len(said) == len("2026-12-31") else None
    except ValueError:
        return None


# --- from comments ---

COMMENT = re.compile(r"(?:#|//|/\*)\s*opsctl:waive\b[ \t]*(?P<words>.*?)(?:\*/)?\s*$")
WORD = re.compile(r'(?P<name>\w+)=(?:"(?P<quoted>[^"]*)"|(?P<plain>.*?))(?=\s+\w+=|\s*$)')
FIELD_OF = {"until": "expires"}


def comments(sources: Sources, files: Iterable[str]) -> Iterator[Waiver]:
    """The waivers written beside what they are for."""
    for file in dict.fromkeys(files):
        lines = sources.lines(file)
        for index, line in enumerate(lines):
            if "opsctl:waive" in line and (match := COMMENT.search(line)):
                yield _comment(file, lines, index, match)


def _comment(file: str, lines: Sequence[str], index: int, match: re.Match[str]) -> Waiver:
    words = match["words"].strip()
    rule, _, rest = words.partition(" ")
    if "=" in rule:
        rule, rest = "", words
    entry: dict[str, str] = {"rule": rule}
    for word in WORD.finditer(rest):
        entry[FIELD_OF.get(word["name"], word["name"])] = (
            word["plain"] if word["quoted"] is None else word["quoted"]
        ).strip()
    alone = not lines[index][: match.start()].strip()
    start = _next_code(lines, index + 1) if alone else index
    return parse_waiver(entry, Place(file, index + 1), (start + 1, extent(lines, start) + 1))


def _next_code(lines: Sequence[str], index: int) -> int:
    while index < len(lines) and (not lines[index].strip() or lines[index].lstrip().startswith(("#", "//"))):
        index += 1
    return index


HEREDOC = re.compile(r"<<-?\s*(\w[\w-]*)\s*$")
NOT_CODE = re.compile(r'"(?:[^"\\]|\\.)*"|#.*|//.*')


def extent(lines: Sequence[str], start: int) -> int:
    """The index of the last line of what begins on a line: a block to its closing bracket, or the line itself."""
    depth, heredoc = 0, ""
    for index in range(start, len(lines)):
        if heredoc:
            code, heredoc = "", "" if lines[index].strip() == heredoc else heredoc
        else:
            code = NOT_CODE.sub("", lines[index])
            heredoc = found[1] if (found := HEREDOC.search(code)) else ""
        depth += sum(code.count(each) for each in "{[(") - sum(code.count(each) for each in "}])")
        if depth <= 0 and not heredoc:
            return index
    return start
