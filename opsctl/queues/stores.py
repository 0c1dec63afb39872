"""Where an environment keeps what could not be worked off: read from the stack's outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from opsctl.errors import UsageError


class Kind(Enum):
    """What lies in a store, and so how it is put back."""

    LETTERS = "dead letters"
    """Messages of a queue: sent to it again."""
    FAILURES = "failure records"
    """Events of functions that are invoked by themselves (Lambda's and EventBridge's records): the function is invoked
    with them again."""
    OBJECTS = "failure objects"
    """Batches of a stream, each an S3 object: the function is invoked with it again."""


class NoSuchQueue(UsageError):
    """The environment has no queue of this name."""

    def __init__(self, environment: str, name: str, known: list[str]) -> None:
        super().__init__(
            f"{environment} has no queue {name}.",
            where=f"there are {', '.join(known)}" if known else "there are none",
            next=f"opsctl queues list {environment}",
        )


@dataclass(frozen=True)
class Store:
    """One place of the environment where letters lie.

    Attributes:
        name: the short name in the stack's outputs.
        place: URL of the queue that holds the letters, or the bucket's name.
        place_name: how that is called in AWS.
        source: URL of the queue that letters go back to; empty where a function is invoked instead, or nothing is.
        source_name: how that is called in AWS.
        functions: ARN (of the alias) by function name, and of state machines by theirs: whom a record of this
            environment may invoke or start.
    """

    name: str
    kind: Kind
    place: str
    place_name: str
    source: str = ""
    source_name: str = ""
    functions: Mapping[str, str] | None = None

    @property
    def goes_back_to(self) -> str:
        """For people."""
        return self.source_name or "its function"


def stores_of(outputs: Mapping[str, Any]) -> list[Store]:
    """Every store of an environment, by name.

    Args:
        outputs: the stack's: `queues` ({name, url, arn, dead_letter_name, dead_letter_url} by short name),
            `failure_queues` ({name, url, arn}), `functions`, for streams `streams.failures` ({id}), and each system's
            `state_machines` ({name, arn, type}).
    """
    return sorted(_stores(outputs), key=lambda store: store.name)


def find_store(environment: str, outputs: Mapping[str, Any], name: str) -> Store:
    """The store of a queue, by its short name or by a name that it has in AWS.

    Raises:
        NoSuchQueue: it is none of this environment's.
    """
    stores = stores_of(outputs)
    for store in stores:
        if name in (store.name, store.place_name, store.source_name):
            return store
    raise NoSuchQueue(environment, name, [store.name for store in stores])


def _stores(outputs: Mapping[str, Any]) -> Iterator[Store]:
    functions = {function["function_name"]: function["arn"] for function in (outputs.get("functions") or {}).values()}
    systems = [system for system in outputs.values() if isinstance(system, Mapping)]
    machines = [machine for system in systems for machine in (system.get("state_machines") or {}).values()]
    functions |= {machine["name"]: machine["arn"] for machine in machines}
    for name, queue in (outputs.get("queues") or {}).items():
        if queue.get("dead_letter_url"):
            yield Store(
                name, Kind.LETTERS, queue["dead_letter_url"], queue["dead_letter_name"],
                queue.get("url") or "", queue.get("name") or "", functions,
            )  # fmt: skip
    for name, queue in (outputs.get("failure_queues") or {}).items():
        yield Store(name, Kind.FAILURES, queue["url"], queue["name"], functions=functions)
    failures = (outputs.get("streams") or {}).get("failures") or {}
    if failures.get("id"):
        yield Store("stream-failures", Kind.OBJECTS, failures["id"], failures["id"], functions=functions)
