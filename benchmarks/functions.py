"""What a layer, a large dependency and an extension add to the start of a function, as ratios to a bare one.

    python -m benchmarks.functions [--rounds 9]

A start is what Lambda's init phase does: extensions are started and waited for until each has registered ("Lambda
execution environment lifecycle", Init phase), a process of the runtime starts with the package and the layers on
sys.path, and the handler is imported. Packages are the project's own, as they are built for Lambda. /var/task and /opt
are read-only there, so no byte code of theirs is kept; `compiled` is the same start where it was. Rounds alternate.
Prints one JSON document: median ms of processor time, and the ratio to the bare function.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.builds import build_packages, find_functions, find_layers
from opsctl.config import cache_folder

MODULES = Path(__file__).parents[1] / "terraform/modules"
POWERTOOLS = "from aws_lambda_powertools import Logger, Metrics, Tracer\nfrom correlation import correlation_id_of\n"
WORKER = "import sys\nsys.path[:0] = sys.argv[1].split(':')\nimport handler\nprint('ready', flush=True)\n"
# An agent written in Python, as small as one can be: it registers, and would then ask for the next event.
EXTENSION = "import http.client, json, os\nprint('registered', flush=True)\n"
EXTENSION_COMMAND = [sys.executable, "-c", EXTENSION]


@dataclass(frozen=True)
class Start:
    """A function as it is started.

    Attributes:
        imports: what its handler imports; packages: of which function's package it has the dependencies.
        layer: whether the shared layer is on its path; compiled: whether byte code may be kept.
    """

    name: str
    imports: str = ""
    packages: str = ""
    layer: bool = False
    extension: bool = False
    compiled: bool = False


STARTS = (
    Start("bare"),
    Start("with the layer, nothing of it imported", layer=True),
    Start("with the layer imported", POWERTOOLS, layer=True),
    Start("with the layer imported, compiled", POWERTOOLS, layer=True, compiled=True),
    Start("with boto3 imported (of the runtime)", "import boto3\nboto3.client('s3', region_name='eu-central-1')\n"),
    Start("with the layer and cryptography imported", POWERTOOLS + "import joserfc.jwt\n", "auth-token", layer=True),
    Start("with the layer and Pillow imported", POWERTOOLS + "from PIL import Image; Image.init()", "thumbnail", True),
    Start("with an extension", extension=True),
)  # fmt: skip


def measure(rounds: int = 9) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        unpacked = _unpack(place)
        commands = {start: _prepare(start, place / f"start{number}", unpacked) for number, start in enumerate(STARTS)}
        milliseconds: dict[Start, list[float]] = {start: [] for start in STARTS}
        for _ in range(rounds + 1):
            for start, command in commands.items():
                milliseconds[start].append(_start(start, command))
        medians = {start.name: statistics.median(values[1:]) for start, values in milliseconds.items()}
        del unpacked["compiled"]
        sizes = {
            name: sum(file.stat().st_size for file in tree.rglob("*") if file.is_file() and file.suffix != ".pyc")
            for name, tree in unpacked.items()
        }
    base = medians["bare"]
    return {
        "rounds": rounds,
        "unzipped_megabytes": {name: round(size / 1024**2, 1) for name, size in sizes.items()},
        "starts": {
            name: {"processor_ms": round(value), "ratio": round(value / base, 2), "added_ms": round(value - base)}
            for name, value in medians.items()
        },
    }


def _unpack(place: Path) -> dict[str, Path]:
    """The layer, and the dependencies of the functions that are started, without the functions' own modules."""
    wanted = {start.packages for start in STARTS if start.packages}
    sources = [*(one for one in find_functions(MODULES) if one.name in wanted), *find_layers(MODULES)]
    built = build_packages(sources, into=place / "packages", cache=cache_folder())
    trees = {}
    for source, package in zip(sources, built, strict=True):
        trees[package.name] = place / "unpacked" / package.name
        with zipfile.ZipFile(package.file) as content:
            content.extractall(trees[package.name])
        if source.root:
            trees["compiled"] = place / "unpacked" / "compiled"
            shutil.copytree(trees[package.name], trees["compiled"])
            subprocess.run([sys.executable, "-m", "compileall", "-q", trees["compiled"]], check=False)
        else:
            for own in source.folder.glob("*.py"):
                (trees[package.name] / own.name).unlink()
    return trees


def _prepare(start: Start, folder: Path, unpacked: dict[str, Path]) -> list[str]:
    folder.mkdir()
    (folder / "handler.py").write_text(f"{start.imports}\ndef handler(event, context): return event\n")
    path = [folder]
    if start.packages:
        path.append(unpacked[start.packages])
    if start.layer:
        path.append(unpacked["compiled" if start.compiled else "shared-layer"] / "python")
    return [sys.executable, "-c", WORKER, ":".join(map(str, path))]


def _start(start: Start, command: list[str]) -> float:
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "POWERTOOLS_TRACE_DISABLED": "1"}
    return sum(
        _processor_ms(words, variables) for words in ([EXTENSION_COMMAND] if start.extension else []) + [command]
    )


def _processor_ms(command: list[str], variables: dict[str, str]) -> float:
    """What a process takes of the processor: a busy machine stretches the wall clock, and not this."""
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return (used.ru_utime + used.ru_stime) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    print(json.dumps(measure(parser.parse_args().rounds), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
