"""Deploys of a function that is called all the time: healthy versions, bad ones, and processes that are killed.

    python -m benchmarks.deploys [--healthy 50] [--killed]

A healthy version must never be taken back. Of a bad one: the seconds from the first answer that it spoilt until its
last request was sent (traffic is back), and the requests that it spoilt beside its share of the traffic meanwhile.
Durations of the strategies are 60 times shorter here than on AWS, a look at a step is every 0.5 s. With --killed also
the test that kills a deploy of each kind at each of its steps (an `up` of the whole stack; minutes). Prints one JSON
document.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.greeting import NAME, ROOT, Callers, Greeting, greeting_project
from opsctl.deploy.deploying import POLL_SECONDS, Deployed, DeployReturned
from opsctl.deploy.events import ReturnBegun, StepBegun
from opsctl.deploy.functions import deploy_functions

HEALTHY = 50
STRATEGIES = ("canary:10%:2m", "linear:34%:1m", "all-at-once")
TROUBLES = ("errors", "some errors", "slow", "memory")
BOUND_SECONDS = POLL_SECONDS[True] + 10
BAKE_SECONDS = 120.0
CALLERS = 6
KILLED = "tests/e2e/test_deploys_survive.py"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--healthy", type=int, default=HEALTHY)
    parser.add_argument("--killed", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.healthy, with_killed=arguments.killed), indent=2))
    return 0


def measure(healthy_runs: int = HEALTHY, *, with_killed: bool = True) -> dict[str, Any]:
    with greeting_project() as project, project.callers(CALLERS) as callers:
        callers.wait_for(100)
        report = {
            "poll_seconds": POLL_SECONDS[True], "bound_seconds": BOUND_SECONDS,
            "healthy": healthy(project, callers, healthy_runs),
            "bad": [bad(project, callers, trouble, strategy) for strategy in STRATEGIES for trouble in TROUBLES],
        }  # fmt: skip
    return report | ({"killed": killed()} if with_killed else {})


@dataclass
class Watcher:
    """What a deploy told, with the monotonic second of it."""

    told: list[tuple[float, object]] = field(default_factory=list)

    def __call__(self, event: object) -> None:
        self.told.append((time.monotonic(), event))

    def first(self, kind: type) -> float:
        """When the first event of a kind was told; of steps only those that split the traffic."""
        return next(at for at, event in self.told if isinstance(event, kind) and getattr(event, "weights", True))


def deploy(project: Greeting, kind: str, strategy: str, watcher: Watcher) -> Deployed:
    project.write(kind)
    ports = replace(project.ports, on_event=watcher)
    try:
        return deploy_functions(ports, [NAME], strategy=strategy, bake_seconds=BAKE_SECONDS)
    except DeployReturned as returned:
        return returned.deployed


def healthy(project: Greeting, callers: Callers, runs: int) -> dict[str, Any]:
    """Good versions after each other, by one strategy after the other."""
    begun = len(callers.calls)
    deployed = [deploy(project, "good", STRATEGIES[run % len(STRATEGIES)], Watcher()) for run in range(runs)]
    calls = callers.calls[begun:]
    return {
        "runs": runs, "returned": [one.why for one in deployed if one.outcome != "done"],
        "requests": len(calls), "failed_requests": sum(call.failed for call in calls),
        "seconds": {
            strategy: round(statistics.median(one.seconds for one in deployed if one.strategy == strategy), 1)
            for strategy in STRATEGIES[:runs]
        },
    }  # fmt: skip


def bad(project: Greeting, callers: Callers, trouble: str, strategy: str) -> dict[str, Any]:
    """A version with this trouble, as its callers felt it."""
    begun, watcher = len(callers.calls), Watcher()
    deployed = deploy(project, trouble, strategy, watcher)
    callers.wait_for(30)
    [move] = deployed.moves
    calls = sorted(callers.calls[begun:], key=lambda call: call.at)
    new = [call for call in calls if call.version == move.after]
    spoilt = [call for call in new if call.is_bad]
    shares = [event.weights.get(move.after, 0) for _, event in watcher.told if isinstance(event, StepBegun)]
    meanwhile = [call for call in calls if watcher.first(StepBegun) <= call.at <= new[-1].at]
    back = round(new[-1].at - (spoilt[0].at + spoilt[0].seconds), 2) if spoilt else None
    return {
        "trouble": trouble, "strategy": strategy, "outcome": deployed.outcome, "why": deployed.why,
        "seconds_from_first_spoilt_request": back,
        "seconds_from_decision": round(max(0.0, new[-1].at - watcher.first(ReturnBegun)), 2),
        "share_percent": max(shares), "requests_meanwhile": len(meanwhile), "spoilt_requests": len(spoilt),
        "failed_requests_of_the_old_version": sum(call.failed for call in calls if call.version != move.after),
    }  # fmt: skip


def spoilt_percent(runs: Iterable[Mapping[str, Any]]) -> float:
    """Of all requests while a bad version had some, those that it spoilt."""
    runs = list(runs)
    sent = sum(one["requests_meanwhile"] for one in runs)
    return 100 * sum(one["spoilt_requests"] for one in runs) / max(1, sent)


def killed() -> dict[str, Any]:
    """The test that kills a deploy of each kind at each of its steps: how many cases there were, and which failed."""
    with tempfile.TemporaryDirectory(prefix="opsctl-killed-") as folder:
        file = Path(folder) / "junit.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", KILLED, f"--junitxml={file}"], cwd=ROOT, env=os.environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        cases = list(ElementTree.parse(file).iter("testcase"))
    failed = [
        case.get("name", "") for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    return {"cases": len(cases), "failed": failed}


def rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The figures as rows of the report: what, measured, goal."""
    good, spoilt = report["healthy"], report["bad"]
    times = ", ".join(f"{strategy} {seconds} s" for strategy, seconds in good["seconds"].items())
    yield (
        f"{good['runs']} deploys of a healthy function that is called all the time: taken back",
        f"{len(good['returned'])} ({good['requests']} requests, {good['failed_requests']} failed; {times})", "0",
    )  # fmt: skip
    returned = sum(one["outcome"] == "returned" for one in spoilt)
    yield (
        f"{len(spoilt)} deploys of bad versions (errors, slow, memory; each strategy): taken back",
        str(returned),
        "all",
    )
    worst = max(one["seconds_from_first_spoilt_request"] or 0.0 for one in spoilt)
    middle = statistics.median(one["seconds_from_first_spoilt_request"] or 0.0 for one in spoilt)
    yield (
        "traffic back on the old version, from the first request that the bad one spoilt",
        f"{middle:.1f} s, {worst:.1f} s at most", f"≤ {report['bound_seconds']:g} s",
    )  # fmt: skip
    lost = "; ".join(
        f"{strategy}: {spoilt_percent([one for one in spoilt if one['strategy'] == strategy]):.1f} %"
        for strategy in STRATEGIES[:-1]
    )
    yield "requests spoilt meanwhile, of all that were sent", lost, "≤ the bad version's share"
    yield (
        "requests that failed though the old version had them",
        str(sum(one["failed_requests_of_the_old_version"] for one in spoilt)), "0",
    )  # fmt: skip
    if "killed" in report:
        kept = report["killed"]
        yield (
            "SIGKILL at every step of a deploy of a function, the service and the page: resumed or returned",
            f"{kept['cases'] - len(kept['failed'])} of {kept['cases']} tests", "all",
        )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
