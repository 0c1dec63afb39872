"""What a signal leaves behind: five shapes × four commands, through our runner and through python-terraform.

Each run has a folder of its own and real Terraform with `terraform_data` only. What is slow is Terraform's own: init
fetches a module, and plan reads a remote state, from a server that answers late; apply and destroy run a provisioner
that counts aloud. A run is killed there, looked at, and the same command is given again.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opsctl import proc
from opsctl.terraform.lock import LockHeld, exclusive
from opsctl.terraform.logs import event_of

ROOT = Path(__file__).parent.parent
DRIVERS = {
    "opsctl": ROOT / "tests" / "integration" / "terraform" / "driver.py",
    "python-terraform": Path(__file__).with_name("python_terraform_driver.py"),
}
COMMANDS = ("init", "plan", "apply", "destroy")
SHAPES = {
    "Ctrl-C": (signal.SIGINT, True),
    "SIGINT": (signal.SIGINT, False),
    "SIGTERM": (signal.SIGTERM, False),
    "SIGHUP": (signal.SIGHUP, True),
    "SIGKILL": (signal.SIGKILL, False),
}
"""Signal, and whether it goes to the whole process group: so a terminal sends it, at a key or when it closes."""

LINES = 30
SAY_SECONDS = 0.05
ANSWER_AFTER_SECONDS = 1.5
STILL_RUNNING_SECONDS = 30.0
AT_ONCE = 8
"""Runs side by side: they mostly wait."""

COUNT = f"""i=1
while [ $i -le {LINES} ]; do
  echo "$RUN line $i of {LINES}"
  echo $i >> "$SAID"
  i=$((i + 1))
  [ -n "$QUICK" ] || sleep {SAY_SECONDS}
done
"""
CHAIN = """resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  PROVISIONER
}
resource "terraform_data" "last" {
  depends_on = [terraform_data.slow]
}
"""
PROVISIONER = """provisioner "local-exec" {
    when    = WHEN
    command = "sh ./count.sh"
  }"""
SLOW_MODULE = """module "slow" {
  source = "URL/module.zip"
}
"""
SLOW_READ = """data "terraform_remote_state" "slow" {
  backend = "http"
  config  = { address = "URL/state" }
}
resource "terraform_data" "first" {
  input = data.terraform_remote_state.slow.outputs
}
"""


@dataclass(frozen=True)
class Cell:
    """One run to play. `at_once`: the next command comes while what was left may still be at work."""

    tool: str
    shape: str
    command: str
    at_once: bool = False

    def __str__(self) -> str:
        return f"{self.shape} during {self.command}"


@dataclass
class Seen:
    """What a run left. `trouble` has a line for whatever else was not as it should be."""

    stale_lock: bool = False
    invalid_state: bool = False
    lost_lines: int = 0
    still_running: bool = False
    trouble: list[str] = field(default_factory=list)


class SlowServer(ThreadingHTTPServer):
    """Answers the first GET of each address late: a module, a state."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: set[str] = set()
        module = io.BytesIO()
        with zipfile.ZipFile(module, "w") as archive:
            archive.writestr("main.tf", 'resource "terraform_data" "inner" {}\n')
        self.answers = {
            "module.zip": module.getvalue(),
            "state": json.dumps({"version": 4, "serial": 1, "lineage": "x", "terraform_version": "1.11.4",
                                 "outputs": {}, "resources": [], "check_results": None}).encode(),
        }  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is what this is for."""


class _Answer(BaseHTTPRequestHandler):
    server: SlowServer

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        address, _, _ = self.path.partition("?")
        if address not in self.server.asked:
            self.server.asked.add(address)
            time.sleep(ANSWER_AFTER_SECONDS)
        self._answer(self.server.answers[Path(address).name])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answers[Path(self.path.partition("?")[0]).name])))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nobody reads it."""


@contextmanager
def slow_server() -> Iterator[SlowServer]:
    server = SlowServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@dataclass
class Place:
    """The folder of one run, and the processes that carry its mark."""

    cell: Cell
    folder: Path
    server: SlowServer
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    patience_seconds: float = 60.0

    @property
    def stack(self) -> Path:
        return self.folder / "stack"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def url(self) -> str:
        return f"{self.server.url}/{self.mark}"

    @property
    def said(self) -> str:
        """Everything that the commands printed."""
        return "".join(file.read_text() for file in sorted(self.folder.glob("printed-*")))

    @property
    def counted(self) -> list[int]:
        """The lines that the provisioner has written so far."""
        file = self.folder / "said"
        return [int(line) for line in file.read_text().split()] if file.is_file() else []

    def make(self) -> None:
        self.stack.mkdir(parents=True)
        self.work.mkdir()
        (self.stack / "main.tf").write_text(self.code())
        (self.stack / "count.sh").write_text(COUNT)
        if self.cell.command == "destroy":
            self.apply_first()

    def code(self) -> str:
        return {
            "init": SLOW_MODULE,
            "plan": SLOW_READ,
            "apply": CHAIN.replace("PROVISIONER", PROVISIONER.replace("WHEN", "create")),
            "destroy": CHAIN.replace("PROVISIONER", PROVISIONER.replace("WHEN", "destroy")),
        }[self.cell.command].replace("URL", self.url)

    def apply_first(self) -> None:
        (self.stack / "terraform.tfstate").write_text(json.dumps(APPLIED))

    def variables(self) -> dict[str, str]:
        """The environment of its commands."""
        return {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}

    def start(self, *, quick: bool, command: str = "") -> subprocess.Popen[bytes]:
        printed = self.folder / f"printed-{int(quick)}"
        environment = self.variables() | {
            "MARK": self.mark, "SAID": str(self.folder / "said"), "QUICK": "yes" * quick,
            "RUN": "second" if quick else "first",
        }  # fmt: skip
        with open(printed, "wb") as file:
            return subprocess.Popen(
                [sys.executable, DRIVERS[self.cell.tool], self.stack, self.work, command or self.cell.command],
                stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
            )  # fmt: skip

    def is_in_the_middle(self) -> bool:
        if self.cell.command in ("init", "plan"):
            return any(address.startswith(f"/{self.mark}/") for address in self.server.asked)
        return len(self.counted) >= 4

    def still_running(self) -> list[int]:
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                pid = int(environ.parts[2])
                if self.mark.encode() in environ.read_bytes() and proc.stat_fields(pid)[proc.STATE] != "Z":
                    found.append(pid)
            except OSError:
                continue
        return found

    def ends(self) -> bool:
        """Whether everything that was started has ended within 30 s; what has not is killed."""
        if within(STILL_RUNNING_SECONDS, lambda: not self.still_running()):
            return True
        for pid in self.still_running():
            os.kill(pid, signal.SIGKILL)
        return False

    @property
    def is_locked(self) -> bool:
        try:
            with exclusive(self.work / "lock", command="look", again=False):
                return self.state_is_locked()
        except LockHeld:
            return True

    def state_is_locked(self) -> bool:
        return (self.stack / ".terraform.tfstate.lock.info").exists()

    def stored(self) -> bytes | None:
        """The state as it is stored."""
        file = self.stack / "terraform.tfstate"
        return file.read_bytes() if file.exists() else None

    def wrong_with_state(self, wanted: set[str], unwanted: set[str]) -> str:
        """What is wrong with the state, or ""."""
        stored = self.stored()
        if stored is None:
            return "there is no state" if wanted else ""
        try:
            state = json.loads(stored)
            names = {resource["name"] for resource in state["resources"] if resource["mode"] == "managed"}
        except (ValueError, KeyError, TypeError):
            return f"the state is not one ({len(stored)} bytes)"
        if state["version"] != 4 or state["serial"] < 1 or not state["lineage"]:
            return "the state is not sane"
        return f"the state has {sorted(names)}" if wanted - names or unwanted & names else ""


APPLIED = {
    "version": 4, "terraform_version": "1.11.4", "serial": 4, "lineage": "3f3c2f0e-0000-4000-8000-000000000001",
    "outputs": {}, "check_results": None,
    "resources": [
        {"mode": "managed", "type": "terraform_data", "name": name, "provider":
         'provider["terraform.io/builtin/terraform"]', "instances": [{"schema_version": 0, "attributes":
         {"id": f"id-{name}", "input": None, "output": None, "triggers_replace": None}, "sensitive_attributes": [],
         **({"dependencies": [f"terraform_data.{before}" for before in needs]} if needs else {})}]}
        for name, needs in (("first", []), ("slow", ["first"]), ("last", ["first", "slow"]))
    ],
}  # fmt: skip
"""The state of `CHAIN`, applied."""

LEFT = {"init": (set(), set()), "plan": (set(), set()), "apply": ({"first"}, {"last"}),
        "destroy": ({"first"}, {"last"})}  # fmt: skip
AT_LAST = {"init": (set(), set()), "plan": (set(), set()), "apply": ({"first", "slow", "last"}, set()),
           "destroy": (set(), {"first", "slow", "last"})}  # fmt: skip
"""Resources that must be, and must not be, in the state: after the signal, and after the next command."""

BEFORE = {"init": r"Initializing modules", "plan": r"terraform_remote_state\.slow: Re"}
"""What Terraform had said by the time of the signal."""


def play(place: Place) -> Seen:
    """Kill one command and see what it left."""
    cell, seen = place.cell, Seen()
    place.make()
    driver = place.start(quick=False)
    if (
        not within(place.patience_seconds, lambda: place.is_in_the_middle() or driver.poll() is not None)
        or driver.poll() is not None
    ):
        driver.kill()
        driver.wait()
        raise RuntimeError(f"{cell}: it did not come to its slow part: {place.said[-2000:]}")
    said_before = place.counted[:-1]  # the last may be under way
    number, to_group = SHAPES[cell.shape]
    (os.killpg if to_group else os.kill)(driver.pid, number)
    status = driver.wait()
    if cell.tool == "opsctl" and status != (-9 if number == signal.SIGKILL else 130):
        seen.trouble.append(f"it ended with status {status}")
    completes = cell.shape == "SIGKILL" and cell.tool == "opsctl"
    if not cell.at_once:
        seen.still_running = not place.ends()
        seen.stale_lock = place.is_locked
        wanted, unwanted = AT_LAST[cell.command] if completes else LEFT[cell.command]
        if wrong := place.wrong_with_state(wanted, unwanted):
            seen.invalid_state = True
            seen.trouble.append(wrong)
    again = place.start(quick=True)
    if not within(place.patience_seconds, lambda: again.poll() is not None) or again.returncode:
        seen.trouble.append(f"the next command failed: {again.poll()}")
    seen.still_running |= not place.ends()
    again.wait()
    seen.stale_lock |= place.is_locked
    if wrong := place.wrong_with_state(*AT_LAST[cell.command]):
        seen.invalid_state = True
        seen.trouble.append(f"{wrong} after the next command")
    seen.lost_lines = len(lost(place, list(range(1, LINES + 1)) if completes else said_before))
    if seen.trouble or seen.lost_lines:
        seen.trouble.append(place.said[-3000:])
    return seen


def lost(place: Place, counted: list[int]) -> list[str]:
    """Lines that Terraform had written and nobody was told."""
    said = place.said
    if place.cell.command in BEFORE:
        logs = [log.read_text() for log in (place.work / "logs").glob("*.log")]
        runs = sum(bool(re.search(BEFORE[place.cell.command], log)) for log in logs) or 2
        missing = [BEFORE[place.cell.command]] * (runs - len(re.findall(BEFORE[place.cell.command], said)))
    else:
        lines = [rf"first line {number} of {LINES}" for number in counted]
        missing = [line for line in lines if not re.search(rf"{line}\b", said)]
    written: Counter[str] = Counter()
    for log in (place.work / "logs").glob("*.log"):
        if "untaint" not in log.name:
            written.update(event_of(line, str).message for line in log.read_text().splitlines())
    return missing + [message for message, times in written.items() if said.count(message) < times]


def within(seconds: float, condition: Any) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def cells(tool: str, runs: int) -> list[Cell]:
    """`runs` of each cell, in turns. Every second SIGKILL is followed at once by the next command."""
    return [
        Cell(tool, shape, command, at_once=shape == "SIGKILL" and run % 2 == 0 and tool == "opsctl")
        for run in range(runs) for shape in SHAPES for command in COMMANDS
    ]  # fmt: skip


def play_all(chosen: list[Cell], at_once: int = AT_ONCE) -> list[tuple[Cell, Seen]]:
    with tempfile.TemporaryDirectory() as base, slow_server() as server, ThreadPoolExecutor(at_once) as pool:
        places = [Place(cell, Path(base) / str(number), server) for number, cell in enumerate(chosen)]
        return list(zip(chosen, pool.map(play, places), strict=True))


def measure(runs: int = 20) -> dict[str, Any]:
    """Counts per tool and cell."""
    begin = time.monotonic()
    played = play_all([cell for tool in DRIVERS for cell in cells(tool, runs)])
    return {"runs": runs, "cells": counted(played), "seconds": round(time.monotonic() - begin, 1)}


def counted(played: list[tuple[Cell, Seen]]) -> dict[str, Any]:
    """Tool → cell → counts."""
    report: dict[str, Any] = {tool: {} for tool in DRIVERS}
    for cell, seen in played:
        counts = report[cell.tool].setdefault(
            str(cell), {"runs": 0, "stale_locks": 0, "invalid_states": 0, "runs_with_lost_lines": 0,
                        "still_running": 0, "next_failed": 0, "trouble": []}
        )  # fmt: skip
        counts["runs"] += 1
        counts["stale_locks"] += seen.stale_lock
        counts["invalid_states"] += seen.invalid_state
        counts["runs_with_lost_lines"] += seen.lost_lines > 0
        counts["still_running"] += seen.still_running
        counts["next_failed"] += any("next command failed" in line for line in seen.trouble)
        if seen.trouble:
            counts["trouble"].append("\n".join(seen.trouble))
    return report


COUNTED = {
    "stale_locks": "stale locks",
    "invalid_states": "invalid states",
    "runs_with_lost_lines": "runs with lost lines",
    "still_running": "still running 30 s later",
    "next_failed": "next commands that failed",
}


def rows(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The matrix in one line per tool, ours with the goal."""
    made = []
    for tool, by_cell in report["cells"].items():
        total = sum(counts["runs"] for counts in by_cell.values())
        sums = {word: sum(counts[name] for counts in by_cell.values()) for name, word in COUNTED.items()}
        text = ", ".join(f"{count} {word}" for word, count in sums.items())
        made.append(
            (f"5 signals × init, plan, apply, destroy through {tool}, {report['runs']} runs of each ({total})", text,
             "0 of each" if tool == "opsctl" else "")
        )  # fmt: skip
    return made


def table(report: dict[str, Any]) -> str:
    """Every cell: stale locks / invalid states / runs with lost lines / still running / next command failed."""
    lines = []
    for tool, by_cell in report["cells"].items():
        lines.append(f"{tool} ({' / '.join(COUNTED.values())}; of {report['runs']})")
        for shape in SHAPES:
            lines.append(f"  {shape:8}" + "".join(
                f"  {command} {'/'.join(str(counts[name]) for name in COUNTED)}"
                for command in COMMANDS if (counts := by_cell.get(f"{shape} during {command}"))
            ))  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    made = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(table(made))
    for name, counts in made["cells"]["opsctl"].items():
        for trouble in counts["trouble"]:
            print(name, trouble)
    print(made["seconds"], "s")
