"""The smoke suite on a healthy environment, again and again: false alarms, seconds, and what it leaves behind.

    python -m benchmarks.smoke [--environment local] [--runs 50] [--mutations]

The environment must be up, and nobody else at work on it. "Beyond the slowest pipeline" is what a whole run takes
longer than its slowest check of one: what the suite adds to waiting for that. What is left behind is told by two
inventories, before the first run and after the last one, as tests/e2e/test_smoke_leaves_nothing.py makes them. With
--mutations each thing that a check claims to notice is broken on purpose (tests/e2e/mutations). Prints one JSON
document.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.environment import trial
from opsctl import smoke
from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import connect
from opsctl.smoke import SmokeTarget
from opsctl.smoke.check import open_trial
from opsctl.smoke.checks import CHECKS
from tests.e2e.mutations.mutation import prove
from tests.e2e.mutations.table import MUTATIONS
from tests.e2e.test_smoke_leaves_nothing import everything

RUNS = 50
BOUND_SECONDS = 20
SETTLING_SECONDS = 60
"""What is taken away in the background (a lifecycle of messages, the last record of a run) has this long."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environment", default="local")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--root", type=Path, default=None, help="The folder with opsctl.toml.")
    parser.add_argument("--mutations", action="store_true")
    arguments = parser.parse_args()
    report = of_environment(arguments.root, arguments.environment, arguments.runs, with_mutations=arguments.mutations)
    print(json.dumps(report, indent=2))
    return 0 if not report["false_alarms"] and not report["left_behind"] else 1


def measure() -> dict[str, Any]:
    """On an environment of its own."""
    with trial() as made:
        made.opsctl("up", "local", "--yes", "--no-smoke")
        return of_environment(made.root, "local", RUNS, with_mutations=True)


def of_environment(root: Path | None, name: str, runs: int, *, with_mutations: bool = False) -> dict[str, Any]:
    """The figures of this many runs on an environment that is up; a first one warms it up and isn't counted."""
    config = load_config(root)
    ports = connect(config, load_environment(config, name), on_event=ignore, start=False)
    target = SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)
    smoke.run(target)
    before = inventory(target)
    reports = [smoke.run(target) for _ in range(runs)]
    report = figures(reports) | {"left_behind": left_behind(target, before)}
    return report | ({"mutations": mutations(target, ports.environment.work / "broken")} if with_mutations else {})


def figures(reports: Iterable[smoke.Report]) -> dict[str, Any]:
    """What runs took, and what failed in them."""
    reports = list(reports)
    slowest = [max(pipelines(report), key=lambda result: result.seconds) for report in reports]
    beyond = [report.seconds - result.seconds for report, result in zip(reports, slowest, strict=True)]
    checks: dict[str, list[float]] = {}
    for report in reports:
        for result in report.results:
            checks.setdefault(result.name, []).append(result.seconds)
    failures = [
        {"run": number, "check": result.name, "message": result.message}
        for number, report in enumerate(reports, 1)
        for result in report.results
        if not result.passed
    ]
    return {
        "runs": len(reports), "checks": len(checks), "bound_seconds": BOUND_SECONDS,
        "false_alarms": len(failures), "failures": failures,
        "seconds": spread(report.seconds for report in reports), "beyond_the_slowest_seconds": spread(beyond),
        "slowest_pipeline": Counter(result.name for result in slowest).most_common(1)[0][0],
        "check_seconds": {name: spread(seconds) for name, seconds in checks.items()},
    }  # fmt: skip


def pipelines(report: smoke.Report) -> list[smoke.Result]:
    """Results of the checks that wait for work to be done behind the edge; of all where there is none of these."""
    waiting = {check.name for check in CHECKS if not check.tags & {"edge", "guards"}}
    return [result for result in report.results if result.name in waiting] or list(report.results)


def spread(seconds: Iterable[float]) -> dict[str, float]:
    """Median, and what 95 of 100 stay below (the largest of fewer than 20)."""
    ordered = sorted(seconds)
    at = min(len(ordered) - 1, -(-len(ordered) * 95 // 100) - 1) if len(ordered) >= 20 else len(ordered) - 1
    return {"median": round(statistics.median(ordered), 2), "p95": round(ordered[at], 2)}


def inventory(target: SmokeTarget) -> Counter[str]:
    """What somebody would have to clean up, by its place."""
    with open_trial(target, budget_seconds=60) as looking:
        return Counter(f"{place} {one}" for place, found in everything(target, looking).items() for one in found)


def left_behind(
    target: SmokeTarget, before: Counter[str], *, within_seconds: float = SETTLING_SECONDS
) -> list[str]:  # fmt: skip
    """Places of what is there and was not before, once it is no longer on its way out."""
    end = time.monotonic() + within_seconds
    while (left := inventory(target) - before) and time.monotonic() < end:
        time.sleep(2)
    return sorted(left.elements())


def mutations(target: SmokeTarget, folder: Path) -> dict[str, Any]:
    """What breaking each thing on purpose shows: how many breaks, and what was not as it should be."""
    proof = prove(target, MUTATIONS, CHECKS, folder=folder)
    return {
        "seeded": len(proof.seen), "caught": sum(seen.caught for seen in proof.seen),
        "checks": len({seen.broken.check for seen in proof.seen}), "complaints": proof.complaints,
    }  # fmt: skip


def rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The figures as rows of the report: what, measured, goal."""
    alarms, left = report["false_alarms"], len(report["left_behind"])
    yield (
        f"{report['runs']} smoke runs of a healthy environment ({report['checks']} checks): false alarms",
        str(alarms),
        "0",
    )
    yield "what they left behind", f"{left} objects", "0"
    whole, beyond = report["seconds"], report["beyond_the_slowest_seconds"]
    yield (
        f"a whole smoke run beyond its slowest pipeline ({report['slowest_pipeline']})",
        f"{beyond['median']} s, p95 {beyond['p95']} s (whole: {whole['median']} s, p95 {whole['p95']} s)",
        f"≤ {report['bound_seconds']} s",
    )
    if caught := report.get("mutations"):
        yield (
            f"seeded breaks ({caught['checks']} checks) that the check which claims them caught",
            f"{caught['caught']} of {caught['seeded']}",
            "all",
        )


if __name__ == "__main__":
    raise SystemExit(main())
