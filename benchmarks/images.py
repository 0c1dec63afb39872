"""Photos through thumbnail and image processor: events a second, time to effect, memory, and where workers' CPU goes.

    python -m benchmarks.images [--photos 10 100 1000] [--width 1600]

The environment local must be up. Photos are put straight into the bucket (uploads/) and removed at the end. "Own" is
the CPU of decoding, resizing, filtering and encoding, measured here by the same rules on the same photos; the rest of
what the worker processes used (read from /proc) is starting them, and calling AWS. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

from PIL import Image

from benchmarks.environment import PROJECT
from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import connect
from opsctl.proc import cpu_seconds
from opsctl.smoke import SmokeTarget, images, photos
from opsctl.smoke.demo import sample_photo

MODULES = PROJECT / "terraform/modules"
FUNCTION = re.compile(r"ministack-lambda-[^/]*?-((?:thumbnail|image-\w+))-\w{8}/")
SAMPLES = 12


class Workers(threading.Thread):
    """CPU seconds and largest memory (MB) of the worker processes of each function, sampled four times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.cpu: dict[str, dict[int, float]] = defaultdict(dict)
        self.memory: dict[str, float] = defaultdict(float)
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.25):
            self.look()

    def stop(self) -> None:
        self._ended.set()
        self.join()
        self.look()

    def look(self) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                found = FUNCTION.search((folder / "cmdline").read_text())
                if found:
                    self.cpu[found[1]][int(folder.name)] = cpu_seconds(int(folder.name))
                    resident = re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())
                    self.memory[found[1]] = max(self.memory[found[1]], int(resident[1]) / 1024 if resident else 0)
            except OSError:
                continue

    def seconds(self) -> dict[str, float]:
        return {name: sum(processes.values()) for name, processes in self.cpu.items()}


def a_photo(width: int, number: int) -> bytes:
    """A photograph at another size, marked so that no two are alike."""
    image = Image.open(io.BytesIO(sample_photo())).convert("RGB")
    image = image.resize((width, width * 3 // 4), Image.Resampling.BICUBIC)
    grain = Image.effect_noise(image.size, 20).convert("RGB")
    image = Image.blend(image, grain, 0.08)
    image.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return file.getvalue()


@contextmanager
def rules(module: str, function: str, name: str) -> Iterator[Any]:
    """A function's rules, loaded as Lambda loads them."""
    folders = [str(MODULES / module / "functions" / function), str(MODULES / "function_layer/layers/shared")]
    sys.path[:0] = folders
    try:
        yield __import__(name)
    finally:
        del sys.path[: len(folders)]
        sys.modules.pop(name, None)


def own_seconds(samples: list[bytes]) -> dict[str, float]:
    """CPU seconds for one photo of what each function is there for."""

    def spent(work: Callable[[bytes], Any], inputs: list[bytes]) -> float:
        work(inputs[0])
        begun = time.process_time()
        for one in inputs:
            work(one)
        return (time.process_time() - begun) / len(inputs)

    with rules("photos", "thumbnail", "thumbnails") as thumbnails:
        own = {"thumbnail": spent(thumbnails.make_thumbnail, samples)}
    with rules("images", "image-resize", "resizing") as resizing:
        own["image-validate"] = spent(importlib.import_module("pictures").inspect, samples)
        own["image-resize"] = spent(resizing.resized, samples)
        unfinished = [resizing.resized(one) for one in samples]
    with rules("images", "image-filter", "filters") as filters:
        own["image-filter"] = spent(lambda one: list(filters.filtered(one)), samples)
    with rules("images", "image-optimise", "optimising") as optimising:
        own["image-optimise"] = len(images.VERSIONS) * spent(optimising.optimised, unfinished)
    return own


def measure(target: SmokeTarget, count: int, samples: list[bytes], own: dict[str, float]) -> dict[str, Any]:
    """Put `count` photos, wait for all effects, and take everything back."""
    run, bucket = f"{int(time.time()):x}", target.output("photos.bucket")
    ids = [f"bench-{run}-{number:05}" for number in range(count)]
    sent: dict[str, float] = {}

    def put(number: int) -> None:
        sent[ids[number]] = time.time()
        target.aws.call(
            "s3", "put_object", Bucket=bucket, Key=f"uploads/{ids[number]}",
            Body=samples[number % len(samples)], ContentType="image/jpeg",
        )  # fmt: skip

    def finished() -> dict[str, Any]:
        items = target.aws.pages("dynamodb", "scan", "Items", TableName=target.output("images.table"))
        begin = f"photos/bench-{run}-"
        return {
            item["image_id"]["S"].removeprefix("photos/"): item
            for item in items
            if item["image_id"]["S"].startswith(begin) and item["status"]["S"] != "processing"
        }

    workers = Workers()
    workers.look()
    before = workers.seconds()
    workers.start()
    begun = time.time()
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, range(count)))
        uploaded = time.time()
        while len(done := finished()) < count:
            time.sleep(0.5 if count < 1000 else 3)
        workers.stop()
        ready = {name: moment(done[name]["finished_at"]["S"]) - sent[name] for name in ids}
        records = [photos.record(target, name) or {} for name in ids]
        thumbnails = [moment(item["created_at"]["S"]) - sent[name] for name, item in zip(ids, records, strict=True)]
        last = {"thumbnail": max(t + sent[n] for n, t in zip(ids, thumbnails, strict=True)) - begun,
                "versions": max(sent[n] + s for n, s in ready.items()) - begun}  # fmt: skip
    finally:
        target.aws.map(partial(photos.remove, target), ids)
    used = {name: workers.seconds()[name] - before.get(name, 0) for name in sorted(own)}
    share = {name: round(own[name] * count / used[name], 2) for name in own if used[name]}
    return {
        "photos": count,
        "upload_seconds": round(uploaded - begun, 1),
        "not_ready": sum(item["status"]["S"] != "ready" for item in done.values()),
        "per_second": {name: round(count / seconds, 1) for name, seconds in last.items()},
        "seconds_to_effect": {"thumbnail": spread(thumbnails), "versions": spread(list(ready.values()))},
        "cpu_seconds": {name: round(seconds, 1) for name, seconds in used.items()},
        "own_share": share | {"all": round(sum(own.values()) * count / sum(used.values()), 2)},
        "largest_worker_mb": {name: round(value) for name, value in sorted(workers.memory.items())},
        "processes": {name: len(processes) for name, processes in sorted(workers.cpu.items())},
    }


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def spread(seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--width", type=int, default=1600)
    arguments = parser.parse_args()
    ports = connect(config := load_config(), load_environment(config, "local"), on_event=ignore, start=False)
    target = SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)
    samples = [a_photo(arguments.width, number) for number in range(SAMPLES)]
    own = own_seconds(samples)
    report: dict[str, Any] = {
        "photo": {"pixels": [arguments.width, arguments.width * 3 // 4], "bytes": len(samples[0])},
        "own_cpu_ms_per_photo": {name: round(1000 * seconds, 1) for name, seconds in own.items()},
        "runs": [measure(target, count, samples, own) for count in arguments.photos],
    }
    json.dump(report, sys.stdout, indent=2)
    print()
    return 0 if all(run["not_ready"] == 0 for run in report["runs"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
