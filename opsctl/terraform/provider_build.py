"""Build the AWS provider from its source, through the Go module proxy that `go` is set up with.

Measured (2 cores, 24 GiB): 13 min wall, 18.5 min CPU, 7 GB of memory at the link, a program of 1.0 GB.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from opsctl import processes
from opsctl.clock import Clock, SystemClock
from opsctl.errors import Interrupted, OpsctlError
from opsctl.files import disk_errors
from opsctl.proc import available_memory
from opsctl.terraform.child import Stop, end_group, follow, requests_from_signals
from opsctl.terraform.events import Interrupting, Listener, Progress
from opsctl.terraform.lock import exclusive
from opsctl.terraform.mirrors import SOURCE, Package, platform_name
from opsctl.terraform.run_record import forget_run, read_run, write_run

MODULE = "github.com/hashicorp/terraform-provider-aws"
BUILDABLE: Mapping[str, str] = {"6.47.1": "v1.60.1-0.20260602190131-5f2286d6d836"}
"""Provider version → module version. The module's path has no /v6, so only pseudo-versions resolve."""

OLDEST_GO = (1, 21)
"""The module asks for Go 1.26.3; from 1.21 on, `go` fetches the version that a module asks for."""

MEMORY_BYTES = 7 * 2**30
DISK_BYTES = 8 * 2**30
TELL_EVERY_SECONDS = 5.0
WAIT_SECONDS = 3600.0


class BuildFailed(OpsctlError):
    """The provider could not be built. Nothing half-made was left."""


def why_not(env: Mapping[str, str], cache: Path) -> str:
    """Why the provider can't be built on this machine; "" if it can."""
    go = shutil.which("go", path=env.get("PATH", os.defpath))
    if go is None:
        return "Go is not installed"
    version = processes.run([go, "env", "GOVERSION"], env=dict(env), timeout_seconds=20).stdout.strip()
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_GO:
        return f"{version or 'this Go'} is older than 1.21"
    if env.get("GOPROXY") == "off":
        return "GOPROXY=off"
    memory = available_memory()
    if memory is not None and memory < MEMORY_BYTES:
        return f"it needs 7 GB of free memory and {memory / 2**30:.1f} GB are free"
    folder = next(path for path in (cache, *cache.parents) if path.exists())
    if (free := shutil.disk_usage(folder).free) < DISK_BYTES:
        return f"it needs 8 GB of free disk and {free / 2**30:.1f} GB are free"
    return ""


def build(
    version: str, *, mirror: Path, env: Mapping[str, str], on_event: Listener, clock: Clock | None = None
) -> Package:
    """Build `version` into `mirror` (a filesystem mirror, unpacked layout). One build at a time; others wait for it.

    Args:
        version: a key of BUILDABLE.
        mirror: on the same file system as its parent, where the work is done.

    Raises:
        BuildFailed: the compiler's last words are in it.
        Interrupted: asked to stop. Nothing half-made is left; what Go has compiled stays in its own cache.
        DiskFull.
    """
    clock = clock or SystemClock()
    folder = mirror.parent
    target = mirror / SOURCE / version / platform_name()
    on_event(Progress(f"Building the AWS provider {version} from source (about 15 min, once)", 0))
    with exclusive(folder / "build.lock", command=f"build {version}", wait_seconds=WAIT_SECONDS, clock=clock):
        if target.is_dir():
            return Package(version, target)
        if (orphan := read_run(folder)) and orphan.is_alive:
            end_group(orphan.pid)
        for stale in folder.glob("building-*"):
            shutil.rmtree(stale, ignore_errors=True)
        with disk_errors(folder), tempfile.TemporaryDirectory(dir=folder, prefix="building-") as temporary:
            program = _compile(version, Path(temporary), folder, env, on_event, clock)
            package = Path(temporary) / "package"
            package.mkdir()
            program.rename(package / f"terraform-provider-aws_v{version}")
            target.parent.mkdir(parents=True, exist_ok=True)
            package.rename(target)
    return Package(version, target)


def _compile(
    version: str, temporary: Path, folder: Path, env: Mapping[str, str], on_event: Listener, clock: Clock
) -> Path:
    argv = [
        "go", "install", "-v",
        "-ldflags", f"-s -w -X {MODULE}/version.ProviderVersion={version}",
        "-gcflags", "all=-N -l -dwarf=false",
        f"{MODULE}@{BUILDABLE[version]}",
    ]  # fmt: skip
    # Without collection up to a limit: half the time of the default, at 7 GB (measured).
    settings = {"GOBIN": str(temporary), "GOGC": "off", "GOMEMLIMIT": "6GiB", "CGO_ENABLED": "0"}
    log, stop, begun = folder / "build.log", Stop(), clock.monotonic()
    log.unlink(missing_ok=True)
    said: list[str] = []
    told = begun

    def tell() -> None:
        nonlocal told
        if clock.monotonic() - told >= TELL_EVERY_SECONDS:
            told = clock.monotonic()
            compiled = sum(not line.startswith("go: ") for line in said)
            step = f"{len(said) - compiled} modules fetched, {compiled} packages compiled"
            on_event(Progress(f"Building the AWS provider {version}: {step}", told - begun))

    with requests_from_signals(stop):
        child = processes.start(argv, env={**env, **settings}, cwd=temporary, output=log)
        try:
            write_run(folder, pid=child.pid, command="build", log=log, started_at=clock.now().isoformat())
            status = follow(
                child, log, offset=0, on_line=said.append, stop=stop, clock=clock, on_poll=tell,
                on_stop=lambda count: on_event(Interrupting("Stopping the build; nothing half-made is left.", count)),
            )  # fmt: skip
        finally:
            if child.poll() is None:
                end_group(child.pid)
                child.wait()
            forget_run(folder)
    if stop.count:
        raise Interrupted("Interrupted: the provider was not built.", next="Run it again: compiled packages are kept.")
    program = temporary / "terraform-provider-aws"
    if status != 0 or not program.is_file():
        raise BuildFailed(
            f"The AWS provider could not be built: {' '.join(said[-3:])[-400:] or f'go ended with status {status}'}",
            where=str(log),
        )
    if "plugin" not in (answer := processes.run([program], timeout_seconds=60)).stdout + answer.stderr:
        raise BuildFailed("What was built does not answer as a provider does.", where=str(log))
    return program
