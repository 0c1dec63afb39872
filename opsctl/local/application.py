"""The daemon's ASGI application: status, then the gaps, then the emulator that the request is for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from opsctl.local import logs, metrics
from opsctl.local.authority import Authority
from opsctl.local.emulators import MOTO_SERVICES, Moto, load_ministack
from opsctl.local.exchange import (
    Handler,
    Message,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    call_asgi,
    json_response,
    origin_form,
    parse_request,
    read_body,
    send_response,
)  # fmt: skip
from opsctl.local.faults import fault, without_retries
from opsctl.local.gaps import GAPS, Cloud, Gap
from opsctl.local.repeating import every
from opsctl.local.repeats import Repeats

STATUS_PATH = "/_opsctl/status"


class Application:
    """One cloud for any number of accounts; `account_id` and `region` are those of requests that name none."""

    def __init__(self, *, account_id: str, region: str, port: int, work: Path, edge_port: int = 0) -> None:
        self._ministack = load_ministack()
        self._moto = Moto()
        # Served at STATUS_PATH. The incarnation is new at each start: only the state bucket outlives one.
        self._status: dict[str, Any] = {
            "incarnation": uuid.uuid4().hex,
            "account_id": account_id,
            "region": region,
            "port": port,
            "edge_port": edge_port,
            "pid": os.getpid(),
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {name: version(name) for name in ("ministack", "moto")},
        }
        self.cloud = Cloud(
            account_id, region, port, work, self.handle, self._ministack, self._moto, Authority(work / "authority"),
            edge_port=edge_port,
        )  # fmt: skip
        self._status["authority_file"] = str(self.cloud.authority.certificate_file)
        left_open = os.environ.get("OPSCTL_LOCAL_WITHOUT_GAPS", "").split(",")
        self._repeats = Repeats()
        self.gaps: Sequence[Gap] = [gap(self.cloud) for gap in GAPS if gap.name() not in left_open]
        # Many only hook into an emulator: they are not asked at each request.
        self._answering = [gap for gap in self.gaps if type(gap).wants is not Gap.wants]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._ministack(scope, receive, send)
            return
        scope = origin_form(scope)
        request = parse_request(scope)
        if request.path == STATUS_PATH and scope["scheme"] == "http":
            await send_response(json_response(200, self._status), send)
            return
        if said := self._repeats.answer(request):
            await read_body(receive)
            for message in said:
                await send(message)
            return
        send = self._repeats.remembering(request, send)
        if request.service in MOTO_SERVICES or any(gap.wants(request) for gap in self._answering):
            request = parse_request(scope, await read_body(receive))
            answer = await self._handle_or_fault(request)
            await send_response(answer, without_retries(request, send), head=request.method == "HEAD")
        else:
            # Untouched, so that streamed answers stay streams.
            await self._ministack(scope, receive, without_retries(request, send))

    def serves(self, host: str) -> bool:
        """Whether a host name is served by the edge: a distribution's, or a REST API's own."""
        return any(gap.serves(host) for gap in self.gaps)

    async def handle(self, request: Request) -> Response:
        """Answer a request through all gaps, for a client or for another part of the cloud."""
        return await self._through(0)(request)

    async def _handle_or_fault(self, request: Request) -> Response:
        try:
            return await self.handle(request)
        except Exception as error:
            logging.getLogger("opsctl").exception("%s %s (%s)", request.method, request.path, request.service)
            return fault(request.service, error)

    def _through(self, index: int) -> Handler:
        if index == len(self._answering):
            return self._emulate

        async def step(request: Request) -> Response:
            gap, forward = self._answering[index], self._through(index + 1)
            return await (gap.answer(request, forward) if gap.wants(request) else forward(request))

        return step

    async def _emulate(self, request: Request) -> Response:
        if request.service in MOTO_SERVICES:
            return await self._moto(request, self.cloud.account_of(request))
        return await call_asgi(self._ministack, request)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the emulators and the gaps; stop them at the end."""
        received: asyncio.Queue[Message] = asyncio.Queue()
        sent: asyncio.Queue[Message] = asyncio.Queue()
        lifespan = asyncio.ensure_future(self._ministack({"type": "lifespan"}, received.get, sent.put))
        await received.put({"type": "lifespan.startup"})
        await sent.get()
        for gap in self.gaps:
            await gap.install()
        flushing = [
            asyncio.create_task(every(metrics.FLUSH_SECONDS, self.cloud.metrics.flush)),
            asyncio.create_task(every(logs.FLUSH_SECONDS, self.cloud.logs.flush)),
        ]
        try:
            yield
        finally:
            for task in flushing:
                task.cancel()
            for gap in reversed(self.gaps):
                with contextlib.suppress(Exception):
                    await gap.uninstall()
            await received.put({"type": "lifespan.shutdown"})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(lifespan, 5)
