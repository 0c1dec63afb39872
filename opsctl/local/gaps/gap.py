"""What a gap is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from opsctl.local.authority import Authority
from opsctl.local.emulators import Moto
from opsctl.local.exchange import ASGIApp, Handler, Request, Response
from opsctl.local.firewall import Firewall
from opsctl.local.logs import Logs
from opsctl.local.metrics import Metrics
from opsctl.local.network import Network


@dataclass(frozen=True)
class Cloud:
    """What a gap may use of the daemon.

    Attributes:
        account_id: the account of requests that carry no account of their own.
        edge_port: where viewers connect by TLS; 0 without such a listener.
        work: folder for what must survive a restart.
        handle: answers a request as a client would be answered, through all gaps.
        ministack, moto: the emulators alone, behind the gaps.
        metrics, logs: what AWS services publish and write by themselves.
        authority: signs the certificates of the edge and the databases.
        network: who connects, and what security groups say of it.
        firewall: rates, samples and logging settings of the web ACLs, and the attack detector.
    """

    account_id: str
    region: str
    port: int
    work: Path
    handle: Handler
    ministack: ASGIApp
    moto: Moto
    authority: Authority
    metrics: Metrics = field(default_factory=Metrics)
    logs: Logs = field(default_factory=Logs)
    network: Network = field(default_factory=Network)
    firewall: Firewall = field(default_factory=Firewall)
    edge_port: int = 0

    def account_of(self, request: Request) -> str:
        """The account of a request: its access key is the account's id, or a session that STS gave out here."""
        key = request.access_key
        if len(key) == 12 and key.isdigit():
            return key
        if key:
            from ministack.core import responses

            return responses._account_from_sts_session(key) or self.account_id
        return self.account_id


class Gap:
    """One thing that AWS does and the emulators don't.

    `install` runs once, before the first request, and may change the emulators' own code; `wants` is asked for each
    request (cheap: no body yet), and `answer` gets the whole request and `forward`, which asks the next one.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    @classmethod
    def name(cls) -> str:
        """What it is called: its module."""
        return cls.__module__.rpartition(".")[2]

    async def install(self) -> None:
        """Prepare: load what was kept, hook into an emulator, start what runs beside it."""

    async def uninstall(self) -> None:
        """End what `install` started, when the cloud stops: child processes, listeners."""

    def serves(self, host: str) -> bool:
        """Whether viewers find this host name at the edge's TLS port."""
        return False

    def wants(self, request: Request) -> bool:
        return False

    async def answer(self, request: Request, forward: Handler) -> Response:
        return await forward(request)
