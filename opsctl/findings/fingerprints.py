"""What makes a finding the same one after lines moved: baselines, `--diff` and SARIF's partial fingerprints."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from opsctl.findings.finding import Finding, Report

PLACE_IN_TEXT = re.compile(
    r"(?:[\w./\\-]+/)?([\w.-]+\.(?:tf|json|py|rego|toml))(?::\d+)*|\b(?:line|lines|column) \d+(?:-\d+)?"
)


def fingerprint(finding: Finding) -> str:
    """32 hexadecimal digits of rule, root module, resource, principal and identity (or message), never of a line.

    A finding about no resource and no principal counts by its file's name: a document has no other.
    """
    about = finding.resource or finding.principal or PurePosixPath(finding.place.file).name
    words = finding.identity or " ".join(PLACE_IN_TEXT.sub(r"\1", finding.message).split())
    root = (finding.root,) if finding.root else ()
    text = "\0".join((finding.rule, about, finding.principal, words, *root))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def counted(findings: Iterable[Finding]) -> Counter[str]:
    """How often each fingerprint occurs: two equal mistakes are two."""
    return Counter(map(fingerprint, findings))


def numbered(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str]]:
    """Each finding with a fingerprint that no other of them has: equal ones are told apart by their order."""
    seen = Counter[str]()
    for finding in findings:
        print_ = fingerprint(finding)
        seen[print_] += 1
        yield finding, f"{print_}:{seen[print_]}"


@dataclass(frozen=True)
class Moves:
    """What addresses were called before: an address, which stands for all below it → its name before."""

    moved: Mapping[str, str]

    @cached_property
    def _addresses(self) -> re.Pattern[str]:
        longest_first = sorted(self.moved, key=len, reverse=True)
        return re.compile(rf"(?<![\w.\]-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")

    def _before(self, text: str) -> str:
        return self._addresses.sub(lambda found: self.moved[found[0]], text)

    def of(self, finding: Finding) -> Iterator[Finding]:
        """The finding, and as it was when what it is about was called otherwise, the latest first."""
        yield finding
        for _ in self.moved:
            before = replace(
                finding, resource=self._before(finding.resource), principal=self._before(finding.principal),
                message=self._before(finding.message), identity=self._before(finding.identity),
            )  # fmt: skip
            if before == finding:
                return
            finding = before
            yield finding


NO_MOVES = Moves({})


def without(report: Report, known: Counter[str], moved: Mapping[str, Mapping[str, str]] = {}) -> Report:
    """A report less what was known before: as many of each fingerprint as were known are put aside.

    Args:
        moved: root module ("" : the folder that was named) → its `Configuration.moved`.
    """
    moves = {root: Moves(each) for root, each in moved.items()}
    left = Counter(known)
    kept, aside = [], []
    for finding in report.findings:
        names = map(fingerprint, moves.get(finding.root, NO_MOVES).of(finding))
        if print_ := next((each for each in names if left[each] > 0), ""):
            left[print_] -= 1
            aside.append(finding)
        else:
            kept.append(finding)
    return Report(tuple(kept), report.analysed, (*report.waived, *aside))
