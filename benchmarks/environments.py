"""Environments that can be trusted, in figures: interleavings without and with the real Terraform, and secrets.

    python -m benchmarks.environments

Prints one JSON document. 1,000 drawn interleavings of two commands (`tests/unit/environments/interleaved.py`), 20 with
two real processes at a time, and how many forms of how many secrets the search of test_secrets_stay_secret.py knows.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.exit_codes import ExitCode

STORIES, REAL, SIDE_BY_SIDE = 1000, 20, 4
SITUATIONS = (("apply", "apply"), ("apply", "destroy"), ("apply", "plan"))
DRIVER = Path(__file__).parents[1] / "tests/integration/terraform/driver.py"
STACK = """
resource "terraform_data" "one" {
  provisioner "local-exec" {
    command = "echo begin >> ../applies; sleep 0.3; echo end >> ../applies"
  }
}
"""


def main() -> int:
    print(json.dumps(measure(), indent=2), file=sys.stdout)
    return 0


def measure() -> dict[str, Any]:
    return {"drawn": measure_drawn(STORIES), "real": measure_real(REAL), "secrets": measure_secrets()}


def rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The figures as rows of the report: what, measured, goal."""
    drawn, real, secrets = report["drawn"], report["real"], report["secrets"]
    yield (
        f"{drawn['played']} drawn interleavings of two `up`, `down`, `plan` ({drawn['killed']} with a command killed)",
        f"{drawn['applies']} applies, {drawn['refused']} commands told of the lock, {len(drawn['wrong'])} gone wrong",
        "no double apply, no lost record",
    )
    yield (
        f"{real['played']} pairs of processes with the real Terraform",
        f"{real['done']} done, {real['refused']} refused (exit 6), {len(real['wrong'])} gone wrong",
        "no double apply, valid state, no lock left",
    )
    yield (
        "secrets searched for in what opsctl says and keeps",
        f"{secrets['secrets']} secrets, {secrets['forms']} forms each; 0 leaks is what `make test` demands",
        "0 leaks",
    )


def measure_drawn(number: int, seed: int = 6) -> dict[str, Any]:
    """Play random stories; the same ones each time."""
    from tests.unit.environments.interleaved import Story, play

    draw, begin = random.Random(seed), time.monotonic()
    counts = {"applies": 0, "refused": 0}
    wrong, killed = [], 0
    for _ in range(number):
        story = Story(
            commands=tuple(draw.choices(["up", "down", "plan"], k=2)),
            hosts=draw.choice([("here", "here"), ("here", "there")]),
            was_up=draw.random() < 0.5,
            lock_wait_seconds=draw.choice([0, 3]),
            turns=tuple((draw.randint(0, 1), draw.randint(1, 30)) for _ in range(draw.randint(0, 12))),
            kills=((draw.randint(0, 1), draw.randint(1, 60)),) if draw.random() < 0.5 else (),
        )
        killed += bool(story.kills)
        wrong += [f"{story}: {what}" for what in play(story, counts=counts)]
    seconds = round(time.monotonic() - begin, 1)
    return {"played": number, "killed": killed, "seconds": seconds, "wrong": wrong, **counts}


def measure_real(number: int) -> dict[str, Any]:
    draw, begin = random.Random(6), time.monotonic()
    drawn = [(SITUATIONS[index % len(SITUATIONS)], draw.uniform(0, 2)) for index in range(number)]
    with tempfile.TemporaryDirectory(prefix="opsctl-real-") as folder, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        played = list(
            pool.map(
                lambda item: play_real(Path(folder) / str(item[0]), *item[1][0], delay_seconds=item[1][1]),
                enumerate(drawn),
            )
        )
    return {
        "played": number,
        "seconds": round(time.monotonic() - begin, 1),
        "done": sum(one.statuses.count(0) for one in played),
        "refused": sum(one.statuses.count(ExitCode.LOCKED) for one in played),
        "wrong": [wrong for one in played for wrong in one.wrong],
    }


@dataclass(frozen=True)
class Played:
    """Two processes that worked on one environment: how they ended, and what went wrong."""

    statuses: tuple[int, ...]
    wrong: tuple[str, ...]


def play_real(folder: Path, first: str, second: str, *, delay_seconds: float) -> Played:
    """Begin two commands, the second after a while, and look at what they leave.

    Each apply appends a line to a file when its resource begins and when it ends.
    """
    stack, work = folder / "stack", folder / "work"
    stack.mkdir(parents=True)
    (stack / "main.tf").write_text(STACK)
    words = [sys.executable, DRIVER, stack, work]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    processes = []
    for command in (first, second):
        processes.append(subprocess.Popen([*words, command], text=True, env=environment, **pipes))
        time.sleep(delay_seconds)
    said = [process.communicate(timeout=300)[0] for process in processes]
    statuses = tuple(process.returncode for process in processes)
    return Played(statuses, tuple(_wrong(folder, statuses, said)))


def _wrong(folder: Path, statuses: tuple[int, ...], said: list[str]) -> Iterator[str]:
    # The driver has no lock around plan and apply, as `up` has: a plan that went stale is refused (exit 5).
    for status, text in zip(statuses, said, strict=True):
        if status not in (ExitCode.DONE, ExitCode.LOCKED, ExitCode.REFUSED):
            yield f"exit {status}: {text[-500:]}"
    marks = (folder / "applies").read_text().split() if (folder / "applies").exists() else []
    if marks != ["begin", "end"] * (len(marks) // 2):
        yield f"applies mixed: {marks}"
    applied = sum(int(number) for text in said for number in re.findall(r"^Applied: (\d+) added", text, re.MULTILINE))
    if applied != len(marks) // 2:
        yield f"{applied} applies told, {len(marks) // 2} happened"
    if (folder / "stack/.terraform.tfstate.lock.info").exists():
        yield "Terraform's lock is left"
    state = folder / "stack/terraform.tfstate"
    if state.exists():
        try:
            json.loads(state.read_text())["serial"]
        except (ValueError, KeyError):
            yield "the state is not valid"
    if not any(status == 0 for status in statuses):
        yield f"nobody got anything done: {statuses}"


def measure_secrets() -> dict[str, int]:
    from tests.e2e.test_secrets_stay_secret import FORMS, SECRETS

    return {"secrets": len(SECRETS), "forms": len(FORMS)}


if __name__ == "__main__":
    sys.exit(main())
