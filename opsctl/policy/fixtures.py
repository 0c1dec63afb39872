"""`opsctl policy test`: each rule finds nothing in its passing fixture, and in its failing one what the file says.

    policies/s3/tls_only.passing.tf     nothing of the file's rules is found there
    policies/s3/tls_only.failing.tf     `# finds: ID` on each line where a rule finds, and nowhere else

A fixture is one file, or a folder of that name without the ".tf"; there may be more of them
(tls_only.failing.inherited.tf).
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError
from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.linting import lint
from opsctl.policy.loading import Broken, RuleFile, built_in, chosen

if TYPE_CHECKING:
    from opsctl.policy.own_rules import OwnRules

EXPECTED = re.compile(r"(?:#|//)\s*finds:\s*(?P<ids>[\w./-]+(?:\s*,\s*[\w./-]+)*)")

NOT_RUN = ("policy/rule-failed", "not-analysed")

Lint = Callable[[Path], Sequence[Finding]]
"""A folder → everything that the rules under test find in it, their failures included."""


@dataclass(frozen=True)
class Result:
    """What became of one fixture.

    Attributes:
        rules: ids that the fixture is for.
        problems: sentences; none: it is as it should be.
    """

    fixture: Path
    rules: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems


def examine_rules(own: OwnRules | None, select: Sequence[str] = ()) -> list[Result]:
    """What becomes of the fixtures of the built-in rules, or of `own`.

    Raises:
        UsageError: a selected rule that nobody knows.
    """
    built = () if own else built_in()
    files: list[tuple[Path, tuple[Rule, ...]]] = [
        (each.file, each.rules) for each in built if isinstance(each, RuleFile)
    ]
    broken = [Result(each.file, (), (f"it can't be loaded: {each.why}",)) for each in built if isinstance(each, Broken)]
    if own:
        files += [(each.file, each.rules) for each in own.python]
        files += [(each.file, tuple(entry.rule for entry in each.entries)) for each in own.modules if each.entries]
        broken += [Result(each.file, (), (each.message,)) for each in own.failures]
    wanted = chosen((rule for _, rules in files for rule in rules), select)
    results = broken
    for file, rules in files:
        if ids := [rule.id for rule in rules if rule.id in wanted]:
            results += examine(file, rules, partial(_lint, ids=ids, built=built, own=own))
    return results


def _lint(
    folder: Path, *, ids: Sequence[str], built: Sequence[RuleFile | Broken], own: OwnRules | None
) -> list[Finding]:
    return list(lint([folder], select=[*ids, *NOT_RUN], files=built, own=own).report.findings)


def examine(file: Path, rules: Sequence[Rule], lint: Lint) -> Iterator[Result]:
    """Every fixture of one rule file. One that is missing is a problem too."""
    ids = tuple(rule.id for rule in rules)
    for kind in ("passing", "failing"):
        fixtures = fixtures_of(file, kind)
        if not fixtures:
            name = file.with_name(f"{file.stem}.{kind}.tf")
            yield Result(name, ids, (f"there is no {kind} fixture",))
        for fixture in fixtures:
            yield Result(fixture, ids, tuple(_problems(fixture, ids, kind, lint)))
    expected = {rule for fixture in fixtures_of(file, "failing") for _, _, rule in expectations(fixture)}
    if fixtures_of(file, "failing") and (never := [rule for rule in ids if rule not in expected]):
        sentence = f"no failing fixture says that {' and '.join(never)} finds anything"
        yield Result(file.with_name(f"{file.stem}.failing.tf"), tuple(never), (sentence,))


def fixtures_of(file: Path, kind: str) -> list[Path]:
    """Fixtures beside a rule file, of a kind ("passing" or "failing")."""
    return sorted(
        each for each in file.parent.glob(f"{file.stem}.{kind}*")
        if (each.is_dir() or each.suffix == ".tf") and each.name.split(".")[1] == kind
    )  # fmt: skip


def expectations(fixture: Path) -> Iterator[tuple[str, int, str]]:
    """(file's name in the fixture, line from 1, rule id) of each `# finds: ID`."""
    files = sorted(fixture.rglob("*.tf")) if fixture.is_dir() else [fixture]
    for file in files:
        name = file.relative_to(fixture).as_posix() if fixture.is_dir() else "main.tf"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if match := EXPECTED.search(line):
                for rule in match["ids"].split(","):
                    yield name, number, rule.strip()


def _problems(fixture: Path, ids: Sequence[str], kind: str, lint: Lint) -> Iterator[str]:
    with TemporaryDirectory(prefix="opsctl-fixture-") as temporary:
        folder = Path(temporary) / "fixture"
        if fixture.is_dir():
            shutil.copytree(fixture, folder)
        else:
            folder.mkdir()
            shutil.copyfile(fixture, folder / "main.tf")
        try:
            findings = lint(folder)
        except OpsctlError as error:
            yield f"it can't be read: {error.what}"
            return
        found = Counter(
            (_relative(finding.place.file, folder), finding.place.line, finding.rule)
            for finding in findings if finding.rule in ids
        )  # fmt: skip
        failures = [each.message for each in findings if each.rule in NOT_RUN and each.severity >= Severity.HIGH]
    yield from failures
    wanted = Counter(each for each in expectations(fixture) if each[2] in ids) if kind == "failing" else Counter()
    if kind == "failing" and not wanted:
        yield "no line says `# finds: ID` with a rule of this file"
    yield from (f"{_at(where)}: {where[2]} finds nothing there" for where in _sorted(set(wanted) - set(found)))
    yield from (f"{_at(where)}: {where[2]} finds something there" for where in _sorted(set(found) - set(wanted)))


def _sorted(places: set[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    return sorted(places)


def _at(where: tuple[str, int, str]) -> str:
    file, line, _ = where
    return f"line {line}" if file == "main.tf" else f"{file}:{line}"


def _relative(file: str, folder: Path) -> str:
    path = Path(file)
    for base in (folder, folder.resolve()):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return file
