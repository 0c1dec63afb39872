"""Orders from the request to their end: orders a second, time to confirmed, CPU and memory of the workers.

    python -m benchmarks.orders [--orders 10 100 1000] [--clients 4]

The environment local must be up, with the payment sandbox. Stock is the benchmark's own; it and the orders are removed
at the end. Times to the end are those in the orders' histories. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.environment import PROJECT
from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import connect
from opsctl.proc import cpu_seconds
from opsctl.smoke import SmokeTarget, checkouts
from opsctl.smoke.check import Trial, open_trial

WORKER = re.compile(r"ministack-lambda-\S*?-(order-(?:intake|inventory|payment-sandbox|payment|notice|charge|settle))-")
LONGEST_SECONDS = 1200


def measure(trial: Trial, count: int, clients: int) -> dict[str, Any]:
    """Place `count` orders over ten SKUs, and wait for the end of each."""
    shelves = [checkouts.Shelf.fill(trial, count) for _ in range(10)]
    assert trial.visitor.token
    used, begun = _cpu(), time.monotonic()
    answers: list[float] = []

    def place(number: int) -> str:
        body, asked = checkouts.order(shelves[number % 10]), time.monotonic()
        while checkouts.send(trial, body).status != 202:
            time.sleep(0.1)
        answers.append(time.monotonic() - asked)
        return str(body["transaction_id"])

    with ThreadPoolExecutor(clients) as pool:
        placed = set(pool.map(place, range(count)))
    ended: dict[str, Any] = {}
    while len(ended) < count and time.monotonic() - begun < LONGEST_SECONDS:
        for item in trial.aws.pages(
            "dynamodb", "scan", "Items[]", TableName=trial.target.output("orders.tables.orders.name")
        ):
            if (found := item["transaction_id"]["S"]) in placed and item["status"]["S"] in checkouts.ENDS:
                ended[found] = item
        time.sleep(0.2)
    seconds = time.monotonic() - begun
    return {
        "orders": count,
        "ends": dict(Counter(item["status"]["S"] for item in ended.values())),
        "orders_per_second": round(len(ended) / seconds, 1),
        "seconds_to_202": _spread(answers),
        "seconds_to_end": _spread([_lasted(item) for item in ended.values()]),
        "worker_cpu_ms_per_order": round(1000 * (_cpu() - used) / count),
        "workers": {name: {"count": len(sizes), "megabytes": max(sizes)} for name, sizes in _memory().items()},
    }


def _lasted(item: dict[str, Any]) -> float:
    first, *_, last = (datetime.fromisoformat(entry["M"]["at"]["S"]) for entry in item["history"]["L"])
    return (last - first).total_seconds()


def _spread(seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(cuts[49], 3), "p99": round(cuts[98], 3)}


def _workers() -> dict[int, str]:
    """Function by process id of its workers."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                match = WORKER.search((entry / "cmdline").read_text())
            except OSError:
                continue
            if match:
                found[int(entry.name)] = match[1]
    return found


def _cpu() -> float:
    """Of the workers that live now: one that ended meanwhile is missing, so a figure is the least that was used."""
    used = 0.0
    for pid in _workers():
        with suppress(OSError):
            used += cpu_seconds(pid)
    return used


def _memory() -> dict[str, list[int]]:
    sizes: dict[str, list[int]] = defaultdict(list)
    for pid, name in _workers().items():
        with suppress(OSError):
            status = (Path("/proc") / str(pid) / "status").read_text()
            if resident := re.search(r"VmRSS:\s+(\d+) kB", status):
                sizes[name].append(int(resident[1]) // 1024)
    return sizes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--project", type=Path, default=PROJECT, help="the folder with opsctl.toml")
    given = parser.parse_args()
    config = load_config(given.project)
    ports = connect(config, load_environment(config, "local"), on_event=ignore, start=False)
    target = SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)
    with open_trial(target, budget_seconds=3600) as trial:
        json.dump([measure(trial, count, given.clients) for count in given.orders], sys.stdout, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
