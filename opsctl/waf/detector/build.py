"""The detector's program, built once for a user: libinjection and Coraza with the OWASP core rule set, in Go.

Where Go is absent or the build fails, nothing stands in: what needs the detector is reported as not enforced.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl import processes
from opsctl.config import cache_folder
from opsctl.errors import OpsctlError
from opsctl.files import disk_errors

SOURCES = ("go.mod", "go.sum", "main.go")
PROGRAM = "waf-detector"
# The tag: ^ and $ mean a text's ends, as the core rule set's authors expect (Coraza's README).
FLAGS = ("-trimpath", "-buildvcs=false", "-tags=coraza.rule.no_regex_multiline", "-ldflags=-s -w")
BUILD_TIMEOUT_SECONDS = 900
FAILURE = "failure.txt"


@dataclass(frozen=True)
class Availability:
    """Whether attacks can be detected here.

    Attributes:
        program: the built program, or None.
        reason: without a program, a clause that says why; it reads well behind "not enforced: ".
        next: what to do about it; `can_be_built`: `build` is worth a try.
    """

    program: Path | None
    reason: str = ""
    next: str = ""
    can_be_built: bool = False


def folder(cache: Path) -> Path:
    """Where this version's program lies, or will: its sources and this platform decide."""
    digest = hashlib.sha256(" ".join((platform.system(), platform.machine(), *FLAGS)).encode())
    for name in SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    return cache / "waf-detector" / digest.hexdigest()[:16]


def availability(cache: Path | None = None, env: Mapping[str, str] | None = None) -> Availability:
    """What there is now; builds nothing. Costs two looks at the disk.

    Args:
        cache: where builds are kept; None is the user's cache folder. env: environment variables; None is ours.
    """
    place = folder(cache or cache_folder())
    if (place / PROGRAM).exists():
        return Availability(place / PROGRAM)
    if shutil.which("go", path=(os.environ if env is None else env).get("PATH", "")) is None:
        return Availability(None, "the attack detector needs Go, which is not here", "Install Go 1.25 or newer.")
    if (place / FAILURE).exists():
        reason = f"the attack detector could not be built ({(place / FAILURE).read_text().strip()})"
        return Availability(None, reason, "opsctl doctor --fix", can_be_built=True)
    return Availability(None, "the attack detector is not built yet", "opsctl doctor --fix", can_be_built=True)


def build(cache: Path | None = None, env: Mapping[str, str] | None = None) -> Path:
    """Build the program unless it is there; two builders at once make it once. Takes half a minute of 2 cores.

    Args:
        cache, env: as of `availability`.

    Raises:
        OpsctlError: no Go, or the build failed; `availability` tells the reason from then on.
    """
    place = folder(cache or cache_folder())
    with disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / PROGRAM).exists():
            _build(place, os.environ if env is None else env)
    return place / PROGRAM


def _build(place: Path, env: Mapping[str, str]) -> None:
    # What is downloaded for the build goes where the user's Go keeps it; the toolchain is the one that is here.
    environment = dict(env) | {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        made = Path(temporary) / PROGRAM
        words = ["go", "build", *FLAGS, "-o", str(made), "."]
        try:
            done = processes.run(
                words, env=environment, cwd=Path(__file__).parent, timeout_seconds=BUILD_TIMEOUT_SECONDS
            )
        except OpsctlError as error:
            _fail(place, error.what)
        if done.status != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            _fail(place, lines[-1] if lines else f"go build ended with {done.status}")
        made.replace(place / PROGRAM)
        (place / FAILURE).unlink(missing_ok=True)


def _fail(place: Path, reason: str) -> None:
    with disk_errors(place):
        (place / FAILURE).write_text(reason + "\n")
    raise OpsctlError(f"The attack detector could not be built: {reason}", next="Install Go 1.25 or newer.")
