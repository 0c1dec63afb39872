"""Talk to the detector: one child process, one socket, any number of questions at a time.

Measured on 2 cores (benchmarks/waf.py says what it is now): a question about a text takes about 0.1 ms there and back.
A child that ends is started again by the next question, at most once a second.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsctl import processes
from opsctl.errors import OpsctlError
from opsctl.waf.detector.build import Availability, availability
from opsctl.waf.evaluation import NotAvailable
from opsctl.waf.managed import Finding
from opsctl.waf.request import WebRequest

ANSWER_SECONDS = 5.0
RESTART_SECONDS = 1.0


class AttackDetector:
    """libinjection and the core rule set, as `evaluation.Detector`. Belongs to one event loop."""

    def __init__(self, log: Path) -> None:
        """Start nothing yet. `log`: a file that gets what the child prints (it prints only when it fails)."""
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._last_id = 0
        self._started_at = -RESTART_SECONDS
        self._starting = asyncio.Lock()
        self._availability = Availability(None)

    async def is_sqli(self, *texts: bytes) -> bool:
        return bool((await self._ask({"SQLi": [*map(_encoded, texts)]}))["match"])

    async def is_xss(self, *texts: bytes) -> bool:
        return bool((await self._ask({"XSS": [*map(_encoded, texts)]}))["match"])

    async def core_rules(self, request: WebRequest) -> tuple[Finding, ...]:
        """The critical rules of paranoia level 1 that match a request."""
        question = {
            "Method": request.method,
            "URI": f"{request.path}?{request.query}" if request.query else request.path,
            "Version": request.http_version,
            "Address": request.client_ip,
            "Headers": request.headers,
            "Body": _encoded(request.body),
        }
        found = (await self._ask({"Request": question}))["findings"] or ()
        return tuple(Finding(finding["rule"], frozenset(finding["variables"])) for finding in found)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def close(self) -> None:
        """End the child. It ends by itself when we end without this."""
        if self._reading:
            self._reading.cancel()
        if self._writer:
            self._writer.close()
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = self._writer = self._reading = None

    async def _ask(self, question: dict[str, Any]) -> Mapping[str, Any]:
        if self._writer is None:
            await self._start()
        assert self._writer is not None
        self._last_id += 1
        identity = self._last_id
        future = asyncio.get_running_loop().create_future()
        self._waiting[identity] = future
        text = json.dumps({"ID": identity, **question}, separators=(",", ":")).encode()
        self._writer.write(struct.pack(">I", len(text)) + text)
        try:
            answer: Mapping[str, Any] = await asyncio.wait_for(future, ANSWER_SECONDS)
        except TimeoutError:
            raise NotAvailable(f"the attack detector did not answer in {ANSWER_SECONDS:g} s") from None
        finally:
            self._waiting.pop(identity, None)
        if answer.get("error"):
            raise NotAvailable(f"the attack detector failed ({answer['error']})")
        return answer

    async def _start(self) -> None:
        async with self._starting:
            if self._writer is not None:
                return
            if time.monotonic() < self._started_at + RESTART_SECONDS:
                raise NotAvailable(self._availability.reason or "the attack detector has ended and starts again")
            self._started_at = time.monotonic()
            self._availability = availability()
            if self._availability.program is None:
                raise NotAvailable(self._availability.reason)
            ours, theirs = socket.socketpair()
            try:
                self._process = processes.start(
                    [self._availability.program, str(theirs.fileno())],
                    env={name: os.environ[name] for name in os.environ if name.startswith("OPSCTL_")},
                    cwd=self._log.parent, output=self._log, descriptors=[theirs.fileno()],
                )  # fmt: skip
            except OpsctlError as error:
                ours.close()
                raise NotAvailable(f"the attack detector does not start ({error.what})") from error
            finally:
                theirs.close()
            reader, self._writer = await asyncio.open_unix_connection(sock=ours)
            self._reading = asyncio.create_task(self._read(reader, self._process))

    async def _read(self, reader: asyncio.StreamReader, process: subprocess.Popen[bytes]) -> None:
        try:
            while True:
                (length,) = struct.unpack(">I", await reader.readexactly(4))
                answer = json.loads(await reader.readexactly(length))
                future = self._waiting.get(answer["id"])
                if future is not None and not future.done():
                    future.set_result(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        if self._writer:
            self._writer.close()
        self._writer = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(NotAvailable("the attack detector ended"))


class NoDetector:
    """Stands where none is wanted: everything that would need one is reported."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def is_sqli(self, *texts: bytes) -> bool:
        raise NotAvailable(self._reason)

    async def is_xss(self, *texts: bytes) -> bool:
        raise NotAvailable(self._reason)

    async def core_rules(self, request: WebRequest) -> tuple[Finding, ...]:
        raise NotAvailable(self._reason)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
