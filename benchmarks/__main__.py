"""Everything that is measured, in one run: `make bench`. Writes benchmarks/report.json and benchmarks/REPORT.md.

    python -m benchmarks [PART…]

With names of parts only these are measured anew. Ratios are always of one run.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import deploys, drift, environments, iam, layers, path, signals, signals_aws, smoke, startup, waf, whole
from opsctl.files import write_atomically

FOLDER = Path(__file__).parent
LAYER_REQUESTS = 3000
PHOTOS_BOUND = """What bounds the photos is the pipeline behind the upload (uploads end long before): at most 10 workers
(`maximum_concurrency`), which decode and encode on 2 cores. The first burst also pays for starting them."""


PARTS: dict[str, Callable[[], Any]] = {
    "startup": startup.measure,
    "waf": waf.measure,
    "layers": lambda: layers.measure(LAYER_REQUESTS),
    "whole": whole.measure,
    "drift": drift.measure,
    "environments": environments.measure,
    "signals": signals.measure,
    "signals_aws": signals_aws.measure,
    "deploys": deploys.measure,
    "smoke": smoke.measure,
    "iam": iam.measure,
}

NEWER: dict[str, Callable[[Any], Iterable[tuple[str, str, str]]]] = {
    "drift": drift.rows, "environments": environments.rows, "signals": signals.rows, "signals_aws": signals_aws.rows,
    "deploys": deploys.rows, "smoke": smoke.rows, "iam": iam.rows,
}  # fmt: skip
"""Parts that an older report has not."""


def main(names: Sequence[str]) -> None:
    """Measure these parts (none: all) and keep what was measured of the others before."""
    file = FOLDER / "report.json"
    report = json.loads(file.read_text()) if names and file.exists() else {}
    for name in names or PARTS:
        report[name] = PARTS[name]()
        report["date"] = datetime.now(UTC).date().isoformat()
        report["machine"] = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
        write_atomically(file, json.dumps(report, indent=2) + "\n")
    write_atomically(FOLDER / "REPORT.md", "# Benchmarks\n\nMade by `make bench`.\n\n" + table(report))
    print(table(report))


def table(report: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    start, run = report["startup"], report["whole"]
    raw = run["raw_seconds"]
    slowest = max(start["ratios"].items(), key=lambda item: item[1])
    rows = [
        ("`--help` of every command, and completion, beside a Typer app with two commands",
         f"{slowest[1]} × at most ({slowest[0]}; the app: {start['base_seconds']} s)", f"≤ {start['bound']} ×"),
        ("`opsctl up local` beside raw `terraform plan` + `apply`",
         f"{run['ratio']} × ({run['up_seconds']} s; raw {raw['plan']} + {raw['apply']} s)",
         f"≤ {run['bound']} ×"),
        ("of that, outside Terraform's init, plan and apply", f"{run['outside_terraform_seconds']} s", "≤ 5 s"),
        *chain_rows(run.get("longest_chain")),
        ("a second `up` (no changes)", f"{run['second_up_seconds']} s", ""),
        ("`opsctl down local`", f"{run['down_seconds']} s", ""),
        ("emulators with the whole stack, without Lambda workers",
         f"{run['emulators_mb']} MB ({run['emulators_mb_after_photos']} MB after the photos)", "≤ 500 MB"),
        *((f"{burst['photos']} photos through the edge, {burst['concurrency']} at once",
           f"{burst['photos'] / burst['seconds']:.1f} a second", "") for burst in run["photos"]["bursts"]),
        *path.rows(run["path"]),
        *layers.rows(report["layers"]),
        *waf.rows(report["waf"]),
        *(row for name, rows in NEWER.items() if name in report for row in rows(report[name])),
    ]  # fmt: skip
    lines = ["| what | measured | goal |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    where = f"{report['date']}, {report['machine']}, provider 5.100.0, Terraform 1.11.4."
    return "\n".join([*lines, "", where, "", PHOTOS_BOUND, ""])


def chain_rows(chain: dict[str, Any] | None) -> list[tuple[str, str, str]]:
    """What an `up` waited for; nothing in a report that is older than the question."""
    if chain is None:
        return []
    steps = " → ".join(f"{address} {seconds:.0f} s" for address, seconds in chain["steps"] if seconds >= 1)
    modules = ", ".join(
        f"{name} {share['added_seconds']} s ({share['own_seconds']:.0f} s)" for name, share in chain["modules"].items()
    )
    return [
        ("the longest chain of an `up`", steps, ""),
        ("what each module adds to it (and its own longest chain)", modules, ""),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
