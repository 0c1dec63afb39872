"""What makes a finding the same one after lines moved: baselines, `--diff` and SARIF's partial fingerprints."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
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


def without(report: Report, known: Counter[str]) -> Report:
    """A report less what was known before: as many of each fingerprint as were known are put aside."""
    left = Counter(known)
    kept, aside = [], []
    for finding in report.findings:
        print_ = fingerprint(finding)
        if left[print_] > 0:
            left[print_] -= 1
            aside.append(finding)
        else:
            kept.append(finding)
    return Report(tuple(kept), report.analysed, (*report.waived, *aside))
