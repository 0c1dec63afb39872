"""The network of one cloud: who a connection comes from, and what the security groups of moto's EC2 say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from opsctl.local.emulators import in_moto
from opsctl.local.network.forwarder import Address
from opsctl.local.network.processes import connecting_process
from opsctl.local.network.rules import ALL_PORTS, ALL_PROTOCOLS, OUTSIDE, Rule, Source, Target

if TYPE_CHECKING:
    from opsctl.local.gaps.gap import Cloud


class Network:
    """Groups and rules are read at each question: a rule that is revoked refuses the next connection.

    Processes of the cloud are known by their ids: instances are `adopt`ed, workers of Lambda functions with a VPC
    configuration are looked up in MiniStack.
    """

    def __init__(self) -> None:
        self.private_link_ports: set[int] = set()
        """Local ports of the VPC links' own connections: what tells their traffic from everybody else's."""
        self.drains = asyncio.Event()
        """Set when a target begins to leave: who keeps idle connections open lets them go, and clears it."""
        self._processes: dict[int, Callable[[], Source]] = {}
        self._instances: dict[tuple[str, int], Address] = {}
        self._listeners: dict[tuple[str, int], Address] = {}

    def adopt(self, pid: int, source: Callable[[], Source]) -> None:
        """Take the connections of a process for those of `source`, until it is `release`d."""
        self._processes[pid] = source

    def release(self, pid: int) -> None:
        self._processes.pop(pid, None)

    def place(self, instance_id: str, port: int, address: Address) -> None:
        """Note where on this machine the port of an instance answers."""
        self._instances[instance_id, port] = address

    def remove(self, instance_id: str) -> None:
        self._instances = {place: at for place, at in self._instances.items() if place[0] != instance_id}

    def locate(self, instance_id: str, port: int) -> Address | None:
        """Where on this machine the port of an instance answers; None where nothing listens."""
        return self._instances.get((instance_id, port))

    def listen(self, host: str, port: int, address: Address | None) -> None:
        """Note where on this machine a load balancer's listener answers; None: it is gone."""
        if address is None:
            self._listeners.pop((host.lower(), port), None)
        else:
            self._listeners[host.lower(), port] = address

    def listener(self, host: str, port: int) -> Address | None:
        """Where a load balancer's name and port lead to. No resolver knows the name."""
        return self._listeners.get((host.lower(), port))

    def places(self) -> dict[str, dict[str, str]]:
        """What answers where on this machine: "host:port" or "instance:port" → "127.0.0.1:port"."""
        tables = {"listeners": self._listeners, "instances": self._instances}
        return {
            name: {f"{host}:{port}": f"{at[0]}:{at[1]}" for (host, port), at in table.items()}
            for name, table in tables.items()
        }

    def source_of(self, peer: tuple[str, int], local: tuple[str, int]) -> Source:
        """Who made a connection that was accepted on this machine; OUTSIDE for everybody who is no part of the cloud.

        Args:
            peer, local: IPv4 address and port of the other end and of ours, as `admit` of a Forwarder gets them.
        """
        processes = self._processes | dict(_function_workers(self))
        pid = connecting_process(peer, local, processes)
        return processes[pid]() if pid is not None else OUTSIDE

    def source(self, account_id: str, region: str, group_ids: Iterable[str], address: str) -> Source:
        """What wears these groups, as the one that connects. A group that is gone has no rules."""
        groups = tuple(group_ids)
        return Source(address, frozenset(groups), tuple(_rules(account_id, region, groups, "egress_rules")))

    def target(self, account_id: str, region: str, group_ids: Iterable[str], address: str) -> Target:
        """What wears these groups, as the one that is connected to."""
        groups = tuple(group_ids)
        return Target(address, frozenset(groups), tuple(_rules(account_id, region, groups, "ingress_rules")))


def network_of(cloud: Cloud) -> Network:
    """The one network of a cloud."""
    return cloud.network


def _rules(account_id: str, region: str, group_ids: Iterable[str], direction: str) -> Iterator[Rule]:
    ec2 = in_moto("ec2", account_id, region)
    for group_id in group_ids:
        group = ec2.get_security_group_from_id(group_id)
        for rule in tuple(getattr(group, direction, ())):
            ports = ALL_PORTS if rule.ip_protocol == ALL_PROTOCOLS else (rule.from_port, rule.to_port)
            yield Rule(
                str(rule.ip_protocol), ports,
                group=str(rule.source_group.get("GroupId", "")).rpartition("/")[2],
                networks=tuple(_networks_of(ec2, rule)),
            )  # fmt: skip


def _networks_of(ec2: Any, rule: Any) -> Iterator[str]:
    for key in ("CidrIp", "CidrIpv6"):
        if cidr := rule.ip_range.get(key):
            yield cidr
    prefixes = ec2.managed_prefix_lists.get(rule.prefix_list_id) if rule.prefix_list_id else None
    if prefixes is not None and prefixes.entries:
        for entry in prefixes.entries[max(prefixes.entries)]:
            yield entry["Cidr"]


def _function_workers(network: Network) -> Iterator[tuple[int, Callable[[], Source]]]:
    """The workers of functions that were put into a VPC. Their address is one of the function's subnet's."""
    from ministack.core import lambda_runtime

    for workers in list(lambda_runtime._workers.values()):
        for worker in list(workers):
            groups = (worker.config.get("VpcConfig") or {}).get("SecurityGroupIds")
            process = getattr(worker, "_proc", None)
            if groups and process is not None:
                yield process.pid, partial(_source_of_function, network, worker.config)


def _source_of_function(network: Network, config: dict[str, Any]) -> Source:
    from ministack.core.lambda_runtime import _account_region_from_function_config

    account_id, region = _account_region_from_function_config(config)
    vpc = config["VpcConfig"]
    subnets = in_moto("ec2", account_id, region).describe_subnets(subnet_ids=vpc["SubnetIds"])
    return network.source(account_id, region, vpc["SecurityGroupIds"], str(next(subnets[0].cidr.hosts())))
