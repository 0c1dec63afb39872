"""How long `--help` and completion take, as a ratio to a Typer app with two commands in the same run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from opsctl.cli.registry import COMMANDS

TWO_COMMANDS = """
import typer
app = typer.Typer()
@app.command()
def one(name: str = "x") -> None:
    "The first command."
@app.command()
def two(name: str = "x") -> None:
    "The second command."
app()
"""
RUNS = 15
BOUND = 1.3


def measure() -> dict[str, Any]:
    """Median seconds of each, taken in turns so that a busy moment hits all alike."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.py"
        app.write_text(TWO_COMMANDS)
        opsctl = str(Path(sys.executable).with_name("opsctl"))
        completion = {"_OPSCTL_COMPLETE": "complete_bash", "COMP_WORDS": "opsctl up ", "COMP_CWORD": "2",
                      "_TYPER_COMPLETE_ARGS": "opsctl up "}  # fmt: skip
        commands: dict[str, tuple[list[str], dict[str, str]]] = {
            "two-command Typer app --help": ([sys.executable, str(app), "--help"], {}),
            "opsctl --help": ([opsctl, "--help"], {}),
            **{f"opsctl {name} --help": ([opsctl, name, "--help"], {}) for name in COMMANDS},
            "completion of `opsctl up `": ([opsctl], completion),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, (words, variables) in commands.items():
                begin = time.perf_counter()
                subprocess.run(words, env=os.environ | variables, capture_output=True, check=False)
                seconds[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    base = medians.pop("two-command Typer app --help")
    return {
        "base_seconds": round(base, 3),
        "runs": RUNS,
        "bound": BOUND,
        "ratios": {name: round(value / base, 2) for name, value in medians.items()},
    }
