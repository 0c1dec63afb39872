"""The local cloud's daemon with a clock of its metrics that a test can set forward: a minute passes at once.

POST /_test/advance?seconds=60 sets it forward and flushes the metrics, so that alarms are looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from socket import socket
from types import SimpleNamespace
from typing import Any

from local_clouds import ACCOUNT, REGION, client_of


class ClockedCloud:
    def __init__(self, port: int) -> None:
        self.port, self.endpoint_url = port, f"http://127.0.0.1:{port}"

    def client(self, service: str, region: str = REGION) -> Any:
        return client_of(SimpleNamespace(endpoint_url=self.endpoint_url), service, region=region)  # type: ignore[arg-type]

    def advance(self, seconds: float = 0) -> None:
        """Let time pass for metrics and alarms, and have them published and looked at."""
        asked = urllib.request.Request(f"{self.endpoint_url}/_test/advance?seconds={seconds}", method="POST")
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status == 200


@contextmanager
def clocked_cloud(work: Path, **environment: str) -> Iterator[ClockedCloud]:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with open(work / "daemon.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, "--port", str(port), "--account", ACCOUNT, "--region", REGION, "--work", work],
            env=kept | environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_opsctl/status", timeout=1):
                break
            assert process.poll() is None, (work / "daemon.log").read_text()
            time.sleep(0.05)
        yield ClockedCloud(port)
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    from opsctl.clock import SystemClock
    from opsctl.local import application, daemon, metrics
    from opsctl.local.exchange import Handler, Request, Response, json_response
    from opsctl.local.gaps import Gap

    ahead = timedelta()

    class SetForward(SystemClock):
        def now(self) -> datetime:
            return super().now() + ahead

    class Advance(Gap):
        def wants(self, request: Request) -> bool:
            return request.path == "/_test/advance"

        async def answer(self, request: Request, forward: Handler) -> Response:
            nonlocal ahead
            self.cloud.metrics.flush()  # what happened until now belongs to its own minute
            ahead += timedelta(seconds=float(request.query["seconds"]))
            self.cloud.metrics.flush()
            return json_response(200, {})

    vars(metrics)["SystemClock"] = SetForward
    vars(application)["GAPS"] = (*vars(application)["GAPS"], Advance)
    daemon.main()


if __name__ == "__main__":
    main()
