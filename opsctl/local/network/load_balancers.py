"""The data plane of Network Load Balancers: listeners that forward, targets that are checked and drained.

moto keeps the records (load balancers, listeners, target groups, registrations); `settle` makes the sockets follow.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opsctl.clock import Clock, SystemClock
from opsctl.local.emulators import in_moto
from opsctl.local.metrics import Metric
from opsctl.local.network.forwarder import Address, Forwarder, Traffic
from opsctl.local.network.health import HASTE, Check, Health, Outcome, State, after, probe, status_codes
from opsctl.local.network.rules import Source, allows

if TYPE_CHECKING:
    from opsctl.local.gaps.gap import Cloud

ENFORCED = "enforce_security_group_inbound_rules_on_private_link_traffic"
PRIVATE_LINK = "100.64.0.1"
"""What a load balancer that enforces its rules sees of a VPC link: an address of API Gateway's own, outside the VPC."""
SHUT = Outcome("Target.Timeout", "Request timed out")
"""A check that security groups drop."""
ENABLED = "true"


@dataclass
class Registered:
    """A target of a target group. `leaves` is the monotonic time at which draining is over; None while it serves."""

    id: str
    port: int
    health: Health = field(default_factory=Health)
    next_check: float = 0.0
    leaves: float | None = None
    checking: asyncio.Task[None] | None = None


@dataclass
class Group:
    """A target group with its targets by (id, port)."""

    record: Any
    targets: dict[tuple[str, int], Registered] = field(default_factory=dict)
    turn: int = 0

    def usable(self) -> list[Registered]:
        """Who gets connections: the healthy; where all fail their checks, all of those (it fails open).

        Source: Network Load Balancers user guide, "Health checks for Network Load Balancer target groups".
        """
        serving = [target for target in self.targets.values() if target.id in self.record.targets]
        return [target for target in serving if target.health.state is State.HEALTHY] or [
            target for target in serving if target.health.state is State.UNHEALTHY
        ]


@dataclass
class Listener:
    """A listener of a load balancer, its forwarder, and what of its traffic was reported already."""

    balancer: Any
    record: Any
    forwarder: Forwarder
    reported: Traffic = field(default_factory=Traffic)


class LoadBalancers:
    """All Network Load Balancers of a cloud."""

    def __init__(self, cloud: Cloud, clock: Clock | None = None) -> None:
        self._cloud, self._network = cloud, cloud.network
        self._clock = clock or SystemClock()
        self._listeners: dict[str, Listener] = {}
        self._groups: dict[str, Group] = {}

    async def settle(self) -> None:
        """Open and close listeners, take up and drain targets, begin the checks that are due."""
        await self._settle_listeners()
        self._settle_groups()
        now = self._clock.monotonic()
        for group in self._groups.values():
            balancer = self._balancer_of(group)
            for target in list(group.targets.values()):
                if target.leaves is not None:
                    self._drain(group, target, now)
                elif balancer is not None and now >= target.next_check and target.checking is None:
                    target.next_check = now + group.record.health_check_interval_seconds / HASTE
                    target.checking = asyncio.create_task(self._check(group, target, balancer))

    async def close(self) -> None:
        for group in self._groups.values():
            for target in group.targets.values():
                if target.checking:
                    target.checking.cancel()
        await asyncio.gather(*(listener.forwarder.close() for listener in self._listeners.values()))
        self._listeners.clear()

    def health(self, arn: str, target_id: str) -> tuple[str, str, str]:
        """State, reason and description of a target, as DescribeTargetHealth gives them."""
        group = self._groups.get(arn)
        found = [target for target in group.targets.values() if target.id == target_id] if group else []
        if not found:
            registered = arn in self._groups and target_id in self._groups[arn].record.targets
            if registered or group is None:
                return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
            return "unused", "Target.NotRegistered", "Target is not registered to the target group"
        group, target = self._groups[arn], found[0]
        if target_id not in group.record.targets:
            return "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
        if group.record.target_type == "instance" and _instance_record(group.record, target_id) is None:
            return "unused", "Target.InvalidState", "Target is in the stopped or terminated state"
        if self._balancer_of(group) is None:
            return "unused", "Target.NotInUse", "Target group is not used by any load balancer"
        health = target.health
        if health.state is State.INITIAL:
            return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
        return health.state.value, health.reason, health.description

    def draining(self, arn: str) -> list[str]:
        """Ids of the targets that are leaving."""
        group = self._groups.get(arn)
        if group is None:
            return []
        return [target.id for target in group.targets.values() if target.id not in group.record.targets]

    def report(self) -> None:
        """Record the metrics of the time since the last report (namespace AWS/NetworkELB).

        Source: Network Load Balancers user guide, "CloudWatch metrics for your Network Load Balancer".
        """
        for listener in self._listeners.values():
            traffic, reported = listener.forwarder.traffic, listener.reported
            counts: dict[str, tuple[float, str]] = {
                "NewFlowCount": (traffic.flows - reported.flows, "Count"),
                "NewFlowCount_TCP": (traffic.flows - reported.flows, "Count"),
                "ActiveFlowCount": (listener.forwarder.active(), "Count"),
                "ActiveFlowCount_TCP": (listener.forwarder.active(), "Count"),
                "ProcessedBytes": (traffic.bytes - reported.bytes, "Bytes"),
                "ProcessedBytes_TCP": (traffic.bytes - reported.bytes, "Bytes"),
                "TCP_Client_Reset_Count": (traffic.client_resets - reported.client_resets, "Count"),
                "TCP_Target_Reset_Count": (traffic.target_resets - reported.target_resets, "Count"),
            }
            listener.reported = Traffic(**vars(traffic))
            self._record(listener.balancer.arn, {}, counts)
        for group in self._groups.values():
            balancer = self._balancer_of(group)
            if balancer is not None:
                self._report_health(group, balancer)

    def _report_health(self, group: Group, balancer: Any) -> None:
        """Hosts by health, over all zones and in each of the load balancer's."""
        of_group = {"TargetGroup": group.record.arn.rpartition(":")[2]}
        zones = [{}, *({"AvailabilityZone": zone.zone_name} for zone in balancer.availability_zones)]
        serving = [target for target in group.targets.values() if target.leaves is None]
        for zone in zones:
            states = Counter(
                target.health.state
                for target in serving
                if not zone or _zone(group.record, target.id) == zone["AvailabilityZone"]
            )
            counts = {
                "HealthyHostCount": (float(states[State.HEALTHY]), "Count"),
                "UnHealthyHostCount": (float(states[State.UNHEALTHY]), "Count"),
            }
            self._record(balancer.arn, of_group | zone, counts)

    def _record(self, arn: str, dimensions: dict[str, str], values: dict[str, tuple[float, str]]) -> None:
        _, _, _, region, account_id, resource = arn.split(":", 5)
        of = (*dimensions.items(), ("LoadBalancer", resource.removeprefix("loadbalancer/")))
        for name, (value, unit) in values.items():
            self._cloud.metrics.record(Metric(account_id, region, "AWS/NetworkELB", name, of, unit), value)

    async def _settle_listeners(self) -> None:
        wanted = {record.arn: (balancer, record) for balancer in _balancers() for record in _tcp_listeners(balancer)}
        for arn in [arn for arn in self._listeners if arn not in wanted]:
            listener = self._listeners.pop(arn)
            self._network.listen(listener.balancer.dns_name, int(listener.record.port), None)
            await listener.forwarder.close()
        for arn, (balancer, record) in wanted.items():
            if arn not in self._listeners:
                await self._open(balancer, record)

    async def _open(self, balancer: Any, record: Any) -> None:
        async def choose() -> Address | None:
            return self._choose(balancer, record)

        forwarder = Forwarder(lambda peer, local: self._admits(balancer, int(record.port), peer, local), choose)
        port = await forwarder.start("127.0.0.1", 0)
        self._listeners[record.arn] = Listener(balancer, record, forwarder)
        self._network.listen(balancer.dns_name, int(record.port), ("127.0.0.1", port))

    def _settle_groups(self) -> None:
        records = {record.arn: record for backend in _backends() for record in list(backend.target_groups.values())}
        self._groups = {arn: group for arn, group in self._groups.items() if arn in records}
        now = self._clock.monotonic()
        for arn, record in records.items():
            group = self._groups.setdefault(arn, Group(record))
            registered = {(target["Id"], int(target["Port"])) for target in list(record.targets.values())}
            for place in registered:
                known = group.targets.get(place)
                if known is None or known.leaves is not None:
                    group.targets[place] = Registered(*place)
            for place in [place for place in group.targets if place not in registered]:
                target = group.targets[place]
                if target.leaves is None:
                    target.leaves = now + float(record.attributes["deregistration_delay.timeout_seconds"])
                    self._network.drains.set()

    def _drain(self, group: Group, target: Registered, now: float) -> None:
        """A target that is leaving is gone once nobody is connected to it, or when its time is over.

        Then connections are ended where the group says so (deregistration_delay.connection_termination.enabled).
        AWS waits for the whole delay; nobody would notice the rest of it here.
        """
        address = self._locate(group, target)
        listeners = [listener.forwarder for listener in self._listeners.values()]
        over = now >= (target.leaves or 0)
        if over and group.record.attributes.get("deregistration_delay.connection_termination.enabled") == ENABLED:
            for forwarder in listeners:
                if address is not None:
                    forwarder.disconnect(address)
        if over or address is None or not any(forwarder.active(address) for forwarder in listeners):
            group.targets.pop((target.id, target.port), None)

    async def _check(self, group: Group, target: Registered, balancer: Any) -> None:
        try:
            check = _check_of(group.record)
            port = (
                target.port
                if str(group.record.health_check_port) == "traffic-port"
                else int(group.record.health_check_port)
            )
            if self._may_connect(group, target, balancer, port):
                host, address = (
                    _private_address(group.record, target.id),
                    self._network.locate(_instance(group, target), port),
                )
                outcome = await probe(address, f"{host}:{port}", check)
            else:
                outcome = SHUT
            was = target.health.state
            target.health = after(target.health, outcome, check)
            if was is not State.UNHEALTHY and target.health.state is State.UNHEALTHY:
                self._lost(group, target)
        except Exception:
            logging.getLogger("opsctl").exception("health check of %s", target.id)
        finally:
            target.checking = None

    def _lost(self, group: Group, target: Registered) -> None:
        """Connections to a target that became unhealthy are reset, unless all are (it fails open)."""
        address = self._locate(group, target)
        if address is not None and target not in group.usable():
            for listener in self._listeners.values():
                listener.forwarder.disconnect(address)

    def _admits(self, balancer: Any, port: int, peer: Address, local: Address) -> bool:
        """Whether a client may connect: the load balancer's own groups decide, for a VPC link only if told so."""
        groups = balancer.security_groups or []
        account_id, region = _place(balancer.arn)
        target = self._network.target(account_id, region, groups, _node_address(balancer))
        if peer[1] in self._network.private_link_ports:
            return getattr(balancer, ENFORCED, None) == "off" or allows(Source(PRIVATE_LINK), target, port)
        return allows(self._network.source_of(peer, local), target, port)

    def _choose(self, balancer: Any, listener: Any) -> Address | None:
        """The next of the usable targets that runs and that the security groups let the load balancer reach.

        One whose process has just ended is passed over before a check finds out: AWS's passive health checks.
        """
        for arn in _target_group_arns(listener):
            group = self._groups.get(arn)
            if group is None:
                continue
            usable = group.usable()
            group.turn += 1
            for target in usable[group.turn % len(usable) :] + usable[: group.turn % len(usable)] if usable else ():
                address = self._locate(group, target)
                if address is not None and self._may_connect(group, target, balancer, target.port):
                    return address
        return None

    def _may_connect(self, group: Group, target: Registered, balancer: Any, port: int) -> bool:
        account_id, region = _place(balancer.arn)
        source = self._network.source(account_id, region, balancer.security_groups or [], _node_address(balancer))
        record = _instance_record(group.record, target.id)
        groups = [worn.id for worn in record.security_groups] if record is not None else []
        return allows(
            source, self._network.target(account_id, region, groups, _private_address(group.record, target.id)), port
        )

    def _locate(self, group: Group, target: Registered) -> Address | None:
        return self._network.locate(_instance(group, target), target.port)

    def _balancer_of(self, group: Group) -> Any:
        """The load balancer that forwards to a group; None while none does."""
        return next(
            (
                listener.balancer
                for listener in self._listeners.values()
                if group.record.arn in _target_group_arns(listener.record)
            ),
            None,
        )


def _backends() -> Iterator[Any]:
    from moto.backends import get_backend

    for regions in list(get_backend("elbv2").values()):
        yield from list(regions.values())


def _balancers() -> Iterator[Any]:
    for backend in _backends():
        yield from (balancer for balancer in list(backend.load_balancers.values()) if balancer.type == "network")


def _tcp_listeners(balancer: Any) -> list[Any]:
    return [listener for listener in list(balancer.listeners.values()) if listener.protocol == "TCP"]


def _target_group_arns(listener: Any) -> list[str]:
    found = []
    for action in listener.default_actions:
        found += [group["TargetGroupArn"] for group in action.data.get("ForwardConfig", {}).get("TargetGroups", [])]
        found += [action.data["TargetGroupArn"]] if "TargetGroupArn" in action.data else []
    return list(dict.fromkeys(found))


def _place(arn: str) -> tuple[str, str]:
    """Account and region of an ARN."""
    _, _, _, region, account_id, _ = arn.split(":", 5)
    return account_id, region


def _node_address(balancer: Any) -> str:
    """A load balancer's address in its first subnet: AWS takes the subnet's first free one."""
    return str(next(balancer.subnets[0].cidr.hosts()) + 3)


def _instance_record(group: Any, target_id: str) -> Any:
    """The instance that a target is, by its id or its private address; None where there is none."""
    ec2 = in_moto("ec2", group.account_id, group.region_name)
    key = "id" if group.target_type == "instance" else "private_ip"
    return next((one for one in ec2.all_instances() if one.state == "running" and getattr(one, key) == target_id), None)


def _instance(group: Group, target: Registered) -> str:
    if group.record.target_type == "instance":
        return target.id
    record = _instance_record(group.record, target.id)
    return str(record.id) if record is not None else ""


def _private_address(group: Any, target_id: str) -> str:
    record = _instance_record(group, target_id)
    return str(record.private_ip) if record is not None else "127.0.0.1"


def _zone(group: Any, target_id: str) -> str:
    record = _instance_record(group, target_id)
    return str(record.placement.zone) if record is not None else ""


def _check_of(group: Any) -> Check:
    return Check(
        protocol=str(group.health_check_protocol),
        path=str(group.health_check_path or "/"),
        codes=status_codes(str(getattr(group, "matcher", {}).get("HttpCode", "200-399"))),
        interval_seconds=float(group.health_check_interval_seconds),
        timeout_seconds=float(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
    )
