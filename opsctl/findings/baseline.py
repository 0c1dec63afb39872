"""A baseline: what was wrong when a project began to look, so that only what is new counts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from opsctl.errors import UsageError
from opsctl.files import write_atomically
from opsctl.findings.finding import Finding, Report
from opsctl.findings.fingerprints import fingerprint

VERSION = 1


def baseline_text(report: Report) -> str:
    """A report's findings as a file that people can read and diff: one line each, ordered by fingerprint."""
    entries: dict[str, tuple[int, Finding]] = {}
    for finding in report.findings:
        print_ = fingerprint(finding)
        count, _ = entries.get(print_, (0, finding))
        entries[print_] = (count + 1, finding)
    lines = [
        json.dumps(
            {"fingerprint": print_, "count": count, "rule": finding.rule, "resource": finding.resource,
             "message": finding.message},
            ensure_ascii=False,
        )
        for print_, (count, finding) in sorted(entries.items())
    ]  # fmt: skip
    body = ",\n  ".join(lines)
    return (
        f'{{"version": {VERSION}, "findings": [\n  {body}\n]}}\n'
        if lines
        else f'{{"version": {VERSION}, "findings": []}}\n'
    )


def write_baseline(file: Path, report: Report) -> None:
    """Raises: DiskFull."""
    write_atomically(file, baseline_text(report))


def read_baseline(file: Path) -> Counter[str]:
    """Fingerprint → how many of it were known.

    Raises:
        UsageError: no such file, or none that `--write-baseline` wrote.
    """
    again = f"Write it anew: --write-baseline {file}"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise UsageError(
                f"The baseline has version {document['version']}, not {VERSION}.", where=str(file), next=again
            )
        return Counter({str(each["fingerprint"]): int(each["count"]) for each in document["findings"]})
    except OSError as error:
        raise UsageError(f"The baseline can't be read: {error.strerror}.", where=str(file), next=again) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError("This is no baseline.", where=str(file), next=again) from error
