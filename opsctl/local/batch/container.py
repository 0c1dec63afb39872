"""One attempt of a job: the package that its image stands for, run as a Python process."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import shutil
import signal
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError
from opsctl.local.batch.jobs import End, exit_code
from opsctl.local.child import Child
from opsctl.local.exchange import signed_request
from opsctl.local.tail import Tail

if TYPE_CHECKING:
    from opsctl.local.gaps.gap import Cloud

PACKAGE = "JOB_PACKAGE"
"""Environment variable of a job that says where the package lies that its image was built of: s3://bucket/key."""
ENTRY_POINT = "main.py"
KILL_SECONDS = 30.0
"""From SIGTERM to SIGKILL (user guide, "Job timeouts")."""
TIMED_OUT = "Job attempt duration exceeded timeout"


class ImageUnusable(OpsctlError):
    """There is no package for the image, or it is another than the image's tag says."""


class Images:
    """Packages on this machine, by their digest, each fetched and unpacked once."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._unpacking: dict[tuple[str, str], asyncio.Task[Path]] = {}

    async def folder(self, account_id: str, region: str, image: str, package: str) -> Path:
        """The folder that holds an image's code.

        Args:
            image: its tag is the SHA-256 (hex) of the package.
            package: s3://bucket/key.

        Raises:
            ImageUnusable
        """
        known = self._unpacking.get((account_id, image))
        if known is None or (known.done() and (known.cancelled() or known.exception() or not known.result().exists())):
            known = asyncio.create_task(self._unpack(account_id, region, image, package))
            self._unpacking[account_id, image] = known
        return await asyncio.shield(known)

    async def _unpack(self, account_id: str, region: str, image: str, package: str) -> Path:
        bucket, _, key = package.removeprefix("s3://").partition("/")
        if not package.startswith("s3://") or not key:
            raise ImageUnusable(f"CannotPullContainerError: {image} can't run here: its job has no {PACKAGE}.")
        answer = await self._cloud.handle(signed_request("s3", account_id, region, "GET", f"/{bucket}/{key}"))
        if answer.status != 200:
            raise ImageUnusable(f"CannotPullContainerError: {package} answered {answer.status}.")
        return await asyncio.to_thread(self._place, image, package, answer.body)

    def _place(self, image: str, package: str, content: bytes) -> Path:
        digest = hashlib.sha256(content).hexdigest()
        if image.rpartition(":")[2] != digest:
            raise ImageUnusable(f"CannotPullContainerError: {image} is not {package}, whose SHA-256 is {digest}.")
        folder = self._cloud.work / "tmp" / "images" / digest
        if not folder.exists():
            scratch = folder.with_name(f".{digest}")
            shutil.rmtree(scratch, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(scratch)
            scratch.replace(folder)
        return folder


class Container:
    """A started attempt.

    Attributes:
        log: lines printed so far and not yet taken.
    """

    def __init__(self, code: Path, folder: Path, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            code: folder with main.py, the entry point.
            folder: where it may leave files; removed at its end.

        Raises:
            CommandNotFound, DiskFull: as `processes.start`.
        """
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._printed = folder / "console.log"
        self.log = Tail(self._printed)
        self._terminated = ""
        self._stopping: asyncio.Task[int] | None = None
        self._child = Child(
            [sys.executable, code / ENTRY_POINT, *command],
            environment={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **environment},
            folder=folder, log=self._printed,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._child.pid

    async def ended(self, seconds: float | None = None, *, kill_seconds: float = KILL_SECONDS) -> End:
        """Wait for its end; after `seconds` it is told to end, and killed `kill_seconds` later."""
        try:
            returned = await asyncio.wait_for(self._child.ended(), seconds)
        except TimeoutError:
            self.terminate(TIMED_OUT, kill_seconds=kill_seconds)
            returned = await self._child.ended()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # what it started itself ends with it, as in a container
        if self._terminated:
            return End(exit_code(returned), status_reason=self._terminated, final=True)
        return End(exit_code(returned))

    def terminate(self, reason: str, *, kill_seconds: float = KILL_SECONDS) -> None:
        """End it for a reason; it isn't tried again."""
        if not self._terminated:
            self._terminated = reason
            self._stopping = asyncio.create_task(self._child.stop(kill_seconds))

    def kill(self) -> None:
        self._child.signal(signal.SIGKILL)

    def last_words(self) -> str:
        """What was printed and not yet taken, an unfinished line too. Removes the folder."""
        with contextlib.suppress(OSError), open(self._printed, "a") as file:
            file.write("\n")
        text = "".join(iter(self.log.new_text, ""))
        shutil.rmtree(self._folder, ignore_errors=True)
        return text
