"""`opsctl up local` beside raw Terraform, the memory of the local cloud, photos and orders through it, and `down`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.environment import Trial, trial

PHOTOS = 200


def measure() -> dict[str, Any]:
    """Two `up`s from nothing, one by hand and one by opsctl, on clouds of their own, one after the other."""
    with trial() as made:
        made.opsctl("plan", "local")  # builds the packages and fills every cache, for both alike
        made.opsctl("local", "reset", "--yes")
        raw = made.raw_up()
    with trial() as made:
        made.opsctl("plan", "local")
        made.opsctl("local", "reset", "--yes")
        seconds, _ = made.opsctl("up", "local", "--yes", "--no-smoke")
        chain = made.longest_chain()
        again, _ = made.opsctl("up", "local", "--yes")
        memory = made.json("local", "status")
        burst = within(made, "benchmarks.photos", "--photos", str(PHOTOS))
        after_photos = made.json("local", "status")
        path = within(made, "benchmarks.path")
        down, _ = made.opsctl("down", "local", "--yes")
    raw_seconds = raw["plan"] + raw["apply"]
    return {
        "raw_seconds": {name: round(value, 1) for name, value in raw.items()},
        "up_seconds": round(seconds, 1),
        "ratio": round(seconds / raw_seconds, 3),
        "bound": 1.15,
        "outside_terraform_seconds": round(seconds - raw_seconds - raw["init"], 1),
        "longest_chain": chain,
        "second_up_seconds": round(again, 1),
        "down_seconds": round(down, 1),
        "emulators_mb": round(memory["daemon_mb"]),
        "emulators_mb_after_photos": round(after_photos["daemon_mb"]),
        "workers": after_photos["workers"],
        "workers_mb": round(after_photos["workers_mb"]),
        "photos": burst,
        "path": path,
    }


def within(made: Trial, module: str, *words: str) -> Any:
    """What another benchmark says of the environment of a trial."""
    done = subprocess.run(
        [sys.executable, "-m", module, *words], check=True, text=True, stdout=subprocess.PIPE,
        env=os.environ | made.variables | {"OPSCTL_ROOT": str(made.root)},
    )  # fmt: skip
    return json.loads(done.stdout)
