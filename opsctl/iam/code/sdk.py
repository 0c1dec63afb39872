"""What boto3 would offer, without boto3: operations, waiters, resources and IAM prefixes, from the compiled index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

INDEX = Path(__file__).parents[1] / "data" / "sdk.json"


@dataclass(frozen=True)
class Service:
    """One of boto3's services.

    Attributes:
        prefix: of its IAM actions ("states" of stepfunctions).
        operations: name as Python writes it, lower case without underscores → as the API has it.
        actions: operation → action name without prefix; operations whose action has another name are missing.
        waiters: likewise → the operation that it polls.
        resources: kind ("" for the service resource) → what can be done with it, as `compiling` writes it.
    """

    name: str
    prefix: str
    operations: Mapping[str, str]
    actions: Mapping[str, str]
    waiters: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)

    def operation(self, attribute: str) -> str:
        """`put_object` → PutObject; "" where there is none."""
        return self.operations.get(plain(attribute), "")

    def waiter(self, name: str) -> str:
        """`bucket_exists` or BucketExists → HeadBucket; "" where there is none."""
        return self.waiters.get(plain(name), "")


def plain(name: str) -> str:
    return name.replace("_", "").lower()


@cache
def _index() -> Mapping[str, Any]:
    services: Mapping[str, Any] = json.loads(INDEX.read_text())["services"]
    return services


@cache
def service(name: str) -> Service | None:
    """By boto3's name ("stepfunctions"); None for one that the index doesn't know. Cost: once 3 ms, then a look-up."""
    made = _index().get(name)
    if made is None:
        return None
    tokens = [token.rstrip("!").partition("=") for token in made["operations"].split()]
    lacking = {token[:-1] for token in made["operations"].split() if token.endswith("!")}
    return Service(
        name, made["prefix"], {operation.lower(): operation for operation, _, _ in tokens},
        {operation: verb or operation for operation, _, verb in tokens if operation not in lacking},
        {key.lower(): value for key, value in made.get("waiters", {}).items()}, made.get("resources", {}),
    )  # fmt: skip


def by_prefix(prefix: str) -> tuple[str, ...]:
    """Services whose actions begin so."""
    return tuple(name for name, made in _index().items() if made["prefix"] == prefix)


@cache
def _owners() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, made in _index().items():
        for token in made["operations"].split():
            found.setdefault(token.rstrip("!").partition("=")[0].lower(), []).append(name)
    return {operation: tuple(names) for operation, names in found.items()}


def services_with(attribute: str) -> tuple[str, ...]:
    """Services that have an operation of this Python name. Cost: once 10 ms, asked only where a client is unknown."""
    return _owners().get(plain(attribute), ())
