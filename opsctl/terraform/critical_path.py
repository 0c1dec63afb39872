"""What an apply waited for: the longest chain of resources, each of which had to wait for the one before.

An apply can't be faster than this chain, however many resources run at once; all else is free as long as it fits
beside it. The chain comes from what really happened: the seconds in the apply's log, the dependencies in its state.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Step:
    """A resource of a chain, all its instances as one. `seconds` are its own; `ends_at` counts from the first step."""

    address: str
    seconds: float
    ends_at: float


@dataclass(frozen=True)
class ModuleShare:
    """What a module of the stack has to do with the longest chain.

    Attributes:
        resources: its resource blocks that took time.
        own_seconds: the longest chain that ends in it, what it waits for in other modules included.
        added_seconds: by how much the whole's longest chain is longer than it were if the module took no time.
    """

    name: str
    resources: int
    own_seconds: float
    added_seconds: float


def seconds_of(log: Iterable[str]) -> dict[str, float]:
    """How long each resource took, by its address without index: that of the slowest instance.

    Args:
        log: lines of `terraform apply -json`. Those that are no events of an apply are passed over.
    """
    begun: dict[str, datetime] = {}
    taken: dict[str, float] = {}
    for line in log:
        if '"apply_' not in line:
            continue
        try:
            event = json.loads(line)
            kind, address = event["type"], event["hook"]["resource"]["addr"]
            at = datetime.fromisoformat(event["@timestamp"])
        except (ValueError, KeyError, TypeError):
            continue
        if kind == "apply_start":
            begun[address] = at
        elif kind == "apply_complete" and address in begun:
            block = without_keys(address)
            taken[block] = max(taken.get(block, 0.0), (at - begun[address]).total_seconds())
    return taken


def dependencies_of(state: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """What each resource waits for, from a Terraform state (format 4): addresses without index."""
    found: dict[str, set[str]] = {}
    for resource in state.get("resources", ()):
        parts = [resource.get("module", ""), "data" if resource["mode"] == "data" else ""]
        address = ".".join(part for part in (*parts, resource["type"], resource["name"]) if part)
        waits = found.setdefault(without_keys(address), set())
        for instance in resource.get("instances", ()):
            waits.update(without_keys(name) for name in instance.get("dependencies", ()))
    return {address: frozenset(waits - {address}) for address, waits in found.items()}


def critical_path(seconds: Mapping[str, float], dependencies: Mapping[str, frozenset[str]]) -> tuple[Step, ...]:
    """The longest chain, first step first; empty when nothing took time. Linear in resources and dependencies."""
    ends, before = _schedule(seconds, dependencies)
    if not ends:
        return ()
    chain: list[Step] = []
    at: str | None = max(ends, key=lambda address: ends[address])
    while at is not None:
        chain.append(Step(at, seconds.get(at, 0.0), ends[at]))
        at = before[at]
    return tuple(step for step in reversed(chain) if step.seconds)


def shares(seconds: Mapping[str, float], dependencies: Mapping[str, frozenset[str]]) -> tuple[ModuleShare, ...]:
    """Each module of the stack (nested ones belong to theirs), the one with the longest own chain first."""
    ends, _ = _schedule(seconds, dependencies)
    whole = max(ends.values(), default=0.0)
    blocks: dict[str, list[str]] = {}
    for address in seconds:
        blocks.setdefault(_module(address), []).append(address)
    found = []
    for name, own in blocks.items():
        others = {address: 0.0 if _module(address) == name else took for address, took in seconds.items()}
        without, _ = _schedule(others, dependencies)
        found.append(
            ModuleShare(
                name, len(own), max(ends[address] for address in own), whole - max(without.values(), default=0.0)
            )
        )
    return tuple(sorted(found, key=lambda share: -share.own_seconds))


def without_keys(address: str) -> str:
    """`module.a["x"].aws_b.c[0]` as `module.a.aws_b.c`: Terraform waits for a whole block, not for an instance."""
    return re.sub(r"\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\]", "", address)


def _module(address: str) -> str:
    found = re.match(r"module\.([^.]+)\.", address)
    return found[1] if found else ""


def _schedule(
    seconds: Mapping[str, float], dependencies: Mapping[str, frozenset[str]]
) -> tuple[dict[str, float], dict[str, str | None]]:
    """When each resource ends if nothing but its dependencies holds it up, and which of these came last."""
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for root in sorted({*seconds, *dependencies}):
        if root in ends:
            continue
        path, stack = {root}, [(root, iter(dependencies.get(root, ())))]
        while stack:
            address, waits = stack[-1]
            # A circle, which only a state put together from two could have, is cut where it closes.
            unended = next((name for name in waits if name not in ends and name not in path), None)
            if unended is not None:
                path.add(unended)
                stack.append((unended, iter(dependencies.get(unended, ()))))
                continue
            stack.pop()
            path.discard(address)
            last = max(
                (name for name in dependencies.get(address, ()) if name in ends),
                key=lambda name: ends[name],
                default=None,
            )
            before[address] = last
            ends[address] = (ends[last] if last else 0.0) + seconds.get(address, 0.0)
    return ends, before
