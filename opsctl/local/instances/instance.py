"""One instance as one Java process: the artifact of its launch data, on a loopback port of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl import proc
from opsctl.errors import OpsctlError
from opsctl.files import write_atomically
from opsctl.local.child import Child
from opsctl.local.exchange import signed_request
from opsctl.local.instances.launch_data import LaunchData, launch_data
from opsctl.local.tail import Tail

if TYPE_CHECKING:
    from opsctl.local.gaps.gap import Cloud

SMALL_MACHINE = ("-Xmx128m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Java options that come after those of the launch data: several instances share this machine."""
PORTS = range(20000, 32768)
"""Where the processes listen: below the kernel's ports of outgoing connections (ip(7): 32768 upwards)."""
STOP_SECONDS = 30.0
"""TimeoutStopSec of the service's unit."""
SERVICE_PORT = "SERVICE_PORT"


class ArtifactUnusable(OpsctlError):
    """It is not there, or is not what its name says."""


class Instance:
    """The process of one EC2 instance.

    Attributes:
        ended: how it ended by itself; None while it runs, or when nothing was started.
        failed: why nothing runs; empty when something does.
    """

    def __init__(self, cloud: Cloud, record: Any) -> None:
        self._cloud, self._record = cloud, record
        self.id = str(record.id)
        self._account_id, self._region = str(record.owner_id), str(record.region_name)
        self._folder = cloud.work / "instances" / self.id
        self._log = self._folder / "console.log"
        self._log_group = ""
        self._printed = Tail(self._log)
        self._child: Child | None = None
        self.ended: int | None = None
        self.failed = ""

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def run(self) -> None:
        """Start it, and wait for its end. What keeps it from starting is in `failed` and in its log."""
        try:
            data = launch_data(self._record.user_data.decode() if self._record.user_data else "")
            if data is None:
                return
            environment = dict(data.environment)
            self._log_group = environment.get("LOG_GROUP", "")
            artifact = await self._artifact(data)
            port = _free_port()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._child = Child(
                [shutil.which("java") or "java", *data.java_options, *SMALL_MACHINE, "-jar", artifact],
                environment=self._environment(environment, port), folder=self._folder, log=self._log,
            )  # fmt: skip
        except (OpsctlError, UnicodeDecodeError) as error:
            self.failed = str(error)
            self._say(self.failed)
            return
        network = self._cloud.network
        network.adopt(self._child.pid, self._source)
        network.place(self.id, int(environment.get(SERVICE_PORT, port)), ("127.0.0.1", port))
        try:
            self.ended = await self._child.ended()
        finally:
            network.release(self._child.pid)
            network.remove(self.id)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it: SIGTERM, and SIGKILL after `seconds`."""
        if self._child is not None:
            await self._child.stop(seconds)
        self.copy_log()
        shutil.rmtree(self._folder, ignore_errors=True)

    def copy_log(self) -> None:
        """Hand the lines that were printed since the last time to CloudWatch Logs, as the agent does on AWS."""
        while text := self._printed.new_text():
            for line in filter(None, text.split("\n")):
                if self._log_group:
                    self._cloud.logs.write(self._account_id, self._region, self._log_group, self.id, line)

    def cpu_seconds(self) -> float:
        """Processor time that the process has used; 0 when there is none."""
        try:
            return proc.cpu_seconds(self.pid) if self.pid else 0.0
        except OSError:
            return 0.0

    def _source(self) -> Any:
        groups = [group.id for group in self._record.security_groups]
        return self._cloud.network.source(self._account_id, self._region, groups, str(self._record.private_ip))

    def _say(self, line: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with open(self._log, "a") as file:
            file.write(line + "\n")

    async def _artifact(self, data: LaunchData) -> Path:
        """The artifact on this machine, its digest proven. Instances of one version share the file.

        Raises:
            ArtifactUnusable: S3 does not give it out, or its digest is another.
        """
        file = self._cloud.work / "tmp" / "artifacts" / f"{data.sha256}.jar"
        if file.exists():
            return file
        answer = await self._cloud.handle(
            signed_request("s3", self._account_id, self._region, "GET", f"/{data.bucket}/{data.key}")
        )
        place = f"s3://{data.bucket}/{data.key}"
        if answer.status != 200:
            raise ArtifactUnusable(f"The artifact could not be fetched: {place} answered {answer.status}.")
        found = await asyncio.to_thread(lambda: hashlib.sha256(answer.body).hexdigest())
        if found != data.sha256:
            raise ArtifactUnusable(f"The artifact's digest does not match: {place} has SHA-256 {found}.")
        file.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(write_atomically, file, answer.body)
        return file

    def _environment(self, given: Mapping[str, str], port: int) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            **given,
            SERVICE_PORT: str(port),
            "SERVICE_ADDRESS": "127.0.0.1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._cloud.port}",
            "AWS_ACCESS_KEY_ID": self._account_id,
            "AWS_SECRET_ACCESS_KEY": "local",
            "DB_TLS_CA": str(self._cloud.authority.certificate_file),
        }


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OpsctlError("No free port was found for an instance.", where=f"{PORTS.start} to {PORTS.stop - 1}")
