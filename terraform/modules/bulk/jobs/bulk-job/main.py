"""The Batch job: one version of one photo, or a slice of many photos.

    main.py version BUCKET KEY NAME VERSION       after an upload was validated; NAME is what the versions are called by
    main.py slice MANIFEST                        a child of an array job (or a job that has the whole manifest)

Exit status: 0 done, 65 the photo will never become one (Batch doesn't try that again), 143 told to end; else a fault,
after which Batch starts the job anew: it goes on where the last attempt came to.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import store
from versions import VERSIONS, Rejected, make_versions, photo_name

JOB_ID = os.environ.get("AWS_BATCH_JOB_ID", "")
FIRST_ATTEMPT = os.environ.get("AWS_BATCH_JOB_ATTEMPT", "1") == "1"
DATA_ERROR = 65  # EX_DATAERR of sysexits.h; the job definition's retry strategy knows it

Counts = dict[str, int]


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, _end)
    begun = time.process_time()
    commands: Mapping[str, Callable[..., dict[str, Any]]] = {"version": make_version, "slice": make_slice}
    result = commands[arguments[0]](*arguments[1:])
    cpu = {"cpu_seconds": round(time.process_time() - begun, 3), "image_seconds": round(_image_seconds, 3)}
    store.put_result(JOB_ID, result | cpu)
    log("done", **{name: value for name, value in (result | cpu).items() if name != "rejected"})
    return DATA_ERROR if arguments[0] == "version" and result["rejected"] else 0


def make_version(bucket: str, key: str, name: str, version: str) -> dict[str, Any]:
    """An event may come twice: what is there already is not made again."""
    counts: Counts = {"made": 0, "skipped": 0}
    if store.has_version(name, version, store.etag_of(bucket, key)):
        return counts | {"skipped": 1, "rejected": []}
    return counts | {"rejected": _make(bucket, key, name, [version], counts)}


def make_slice(manifest_key: str) -> dict[str, Any]:
    """A photo that can't be is noted with its reason, and the rest go on."""
    manifest = store.fetch_manifest(manifest_key)
    index = int(os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX", "0"))  # a manifest of one slice is no array job
    bucket, versions, keys = manifest["bucket"], manifest["versions"], manifest["slices"][index]
    counts: Counts = {"made": 0, "skipped": 0}
    rejected: list[dict[str, str]] = []
    log("begun", photos=len(keys), index=index)
    for key in keys:
        name = photo_name(key)
        if not FIRST_ATTEMPT and _all_there(bucket, key, name, versions):
            counts["skipped"] += 1
        else:
            rejected += _make(bucket, key, name, versions, counts)
    return {"photos": len(keys), **counts, "rejected": rejected}


def _all_there(bucket: str, key: str, name: str, versions: Sequence[str]) -> bool:
    etag = store.etag_of(bucket, key)
    return all(store.has_version(name, version, etag) for version in versions)


def _make(bucket: str, key: str, name: str, versions: Sequence[str], counts: Counts) -> list[dict[str, str]]:
    """Make a photo's versions; gives it back with its reason if it was rejected."""
    global _image_seconds
    try:
        original, etag = store.fetch(bucket, key)
        begun = time.process_time()
        made = make_versions(original, versions or VERSIONS)
        _image_seconds += time.process_time() - begun
    except Rejected as rejection:
        log("rejected", key=key, reason=str(rejection))
        return [{"key": key, "reason": str(rejection)}]
    for version in made:
        store.put_version(name, version, etag)
    counts["made"] += 1
    return []


def log(message: str, **fields: object) -> None:
    """One line of JSON on stdout, which goes to CloudWatch Logs; the same names as the functions' lines have."""
    line = {
        "level": "INFO",
        "message": message,
        "service": "bulk-job",
        "correlation_id": os.environ.get("CORRELATION_ID", ""),
        "job_id": JOB_ID,
        "attempt": os.environ.get("AWS_BATCH_JOB_ATTEMPT", ""),
        **fields,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _end(number: int, frame: FrameType | None) -> None:
    """Batch ends a job that takes too long, or is terminated: SIGTERM, and SIGKILL after 30 seconds."""
    log("told to end")
    sys.exit(128 + number)


_image_seconds = 0.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
