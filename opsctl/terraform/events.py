"""What Terraform reports while it runs: each line of its `-json` output as a value.

Source: Terraform's "Machine-Readable UI" reference (`ui` version 1.2). Values of resources and outputs never get in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Anything that is reported. `message` is Terraform's own sentence."""

    message: str


@dataclass(frozen=True)
class Log(Event):
    """A line of no known shape: a plain message, a panic, an event type newer than we know."""

    level: str = "info"


@dataclass(frozen=True)
class Note(Event):
    """Something that opsctl found or did around a run, in its own words."""


@dataclass(frozen=True)
class Version(Event):
    """First line of each command."""

    terraform: str


@dataclass(frozen=True)
class ResourceEvent(Event):
    """Something about one resource.

    Attributes:
        address: such as module.photos.aws_s3_bucket.photos.
        module: such as "photos" ("" in the root module).
        type, name: such as aws_s3_bucket, photos.
        action: create, update, delete, replace, read, no-op, move, import, remove …
    """

    address: str
    module: str
    type: str
    name: str
    action: str


@dataclass(frozen=True)
class PlannedChange(ResourceEvent):
    """`reason` says why it is replaced or deleted (tainted, cannot_update, …); "" where Terraform gives none."""

    reason: str


@dataclass(frozen=True)
class ResourceDrift(ResourceEvent):
    """A resource that was changed outside of Terraform."""


@dataclass(frozen=True)
class ApplyStart(ResourceEvent):
    """Work on a resource has begun."""


@dataclass(frozen=True)
class ApplyProgress(ResourceEvent):
    """Still at it: sent every 10 s."""

    elapsed_seconds: float


@dataclass(frozen=True)
class ApplyComplete(ResourceEvent):
    """Done. `id` is the cloud's name for the resource."""

    elapsed_seconds: float
    id: str


@dataclass(frozen=True)
class ApplyErrored(ResourceEvent):
    """It failed; a `Diagnostic` says why."""

    elapsed_seconds: float


@dataclass(frozen=True)
class RefreshStart(ResourceEvent):
    """Terraform reads what a resource is now."""


@dataclass(frozen=True)
class RefreshComplete(ResourceEvent):
    """It was read."""


@dataclass(frozen=True)
class Diagnostic(Event):
    """An error or warning.

    Attributes:
        severity: "error" or "warning".
        address: resource, or "".
        file, line: where in the configuration ("" and 0: nowhere), relative to the stack.
        snippet: the line of configuration that it is about.
    """

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0
    snippet: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @property
    def where(self) -> str:
        place = f"{self.file}:{self.line}" if self.file else ""
        return ", ".join(part for part in (self.address, place) if part)


@dataclass(frozen=True)
class ChangeSummary(Event):
    """Counts of resources. `operation` is plan, apply or destroy."""

    operation: str
    add: int
    change: int
    remove: int
    imported: int


@dataclass(frozen=True)
class Outputs(Event):
    """Names of the stack's outputs (their values are in the state)."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Interrupting(Event):
    """The run was asked to stop (`count` times). `message` says what happens now, and what one more request does."""

    count: int


@dataclass(frozen=True)
class Progress(Event):
    """A long step of our own, such as building a provider. `elapsed_seconds` since it began."""

    elapsed_seconds: float


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener of those who don't listen."""


RESOURCE_EVENTS: dict[str, type[ResourceEvent]] = {
    "resource_drift": ResourceDrift,
    "apply_start": ApplyStart,
    "refresh_start": RefreshStart,
    "refresh_complete": RefreshComplete,
}
TIMED_EVENTS: dict[str, type[ApplyProgress | ApplyErrored]] = {
    "apply_progress": ApplyProgress,
    "apply_errored": ApplyErrored,
}


def parse_event(line: str) -> Event:
    """One line of Terraform's output. Never fails: what can't be understood is a `Log` of the line as it is."""
    try:
        document = json.loads(line)
        return _event(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Log(line.rstrip("\n"))


def _event(document: dict[str, Any]) -> Event:
    message, kind = str(document["@message"]), document.get("type", "log")
    if kind == "planned_change":
        change = document["change"]
        return PlannedChange(message, *_resource(change), reason=str(change.get("reason", "")))
    if kind in RESOURCE_EVENTS:
        return RESOURCE_EVENTS[kind](message, *_resource(document.get("hook") or document["change"]))
    if kind in TIMED_EVENTS:
        hook = document["hook"]
        return TIMED_EVENTS[kind](message, *_resource(hook), elapsed_seconds=float(hook.get("elapsed_seconds", 0)))
    if kind == "apply_complete":
        hook = document["hook"]
        return ApplyComplete(
            message,
            *_resource(hook),
            elapsed_seconds=float(hook.get("elapsed_seconds", 0)),
            id=hook.get("id_value", ""),
        )
    if kind == "diagnostic":
        return diagnostic_from(document["diagnostic"])
    if kind == "change_summary":
        changes = document["changes"]
        return ChangeSummary(
            message,
            changes["operation"],
            changes["add"],
            changes["change"],
            changes["remove"],
            changes.get("import", 0),
        )
    if kind == "outputs":
        return Outputs(message, tuple(sorted(document["outputs"])))
    if kind == "version":
        return Version(message, str(document["terraform"]))
    return Log(message, str(document.get("@level", "info")))


def _resource(hook: dict[str, Any]) -> tuple[str, str, str, str, str]:
    resource = hook["resource"]
    return (
        resource["addr"],
        module_name(resource.get("module", "")),
        resource["resource_type"],
        resource["resource_name"],
        str(hook.get("action", "read")),
    )


def module_name(address: str) -> str:
    """`module.photos.module.queue["a"]` → `photos.queue["a"]`; "" stays ""."""
    return ".".join(part for part in address.split(".") if part != "module") if address else ""


def diagnostic_from(document: dict[str, Any]) -> Diagnostic:
    """A diagnostic as Terraform writes it in JSON (`validate -json` and `-json` events share the shape)."""
    place, snippet = document.get("range") or {}, document.get("snippet") or {}
    return Diagnostic(
        message=f"{document['severity'].capitalize()}: {document['summary']}",
        severity=document["severity"],
        summary=document["summary"],
        detail=document.get("detail", ""),
        address=document.get("address", ""),
        file=place.get("filename", ""),
        line=(place.get("start") or {}).get("line", 0),
        snippet=(snippet.get("code") or "").strip(),
    )
