"""An IAM policy document as data. The reader is `opsctl.iam.documents`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from opsctl.findings import NOWHERE, Place


@dataclass(frozen=True)
class Condition:
    """One operator, one key. A statement applies when all its conditions hold.

    Attributes:
        operator: as written: "StringLike", "ForAnyValue:StringEquals", "ArnLikeIfExists".
        key: as written: "aws:SourceArn"; compared without regard to case.
        values: any of them suffices (for the negated operators: none may match). May hold symbols.
    """

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Principal:
    """Who a trust or resource policy names.

    Attributes:
        kind: "*" where everybody is meant (Principal: "*"; {"AWS": "*"} is kind "AWS", value "*").
        value: an ARN, an account id, a service's name, a provider; may hold symbols.
    """

    kind: Literal["*", "AWS", "Service", "Federated", "CanonicalUser"]
    value: str

    @property
    def is_everybody(self) -> bool:
        return self.kind == "*" or (self.kind == "AWS" and self.value == "*")


@dataclass(frozen=True)
class Statement:
    """One statement. Of `actions` and `not_actions` one is given, of `resources` and `not_resources` at most one.

    Attributes:
        actions, not_actions: as written (case kept; compare without regard to it).
        resources: () in trust policies, which have none.
        principals: () in identity policies.
        place: of the statement, or of the attribute that holds the document where nothing finer is known.
        index: which of its document, from 0.
    """

    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: tuple[Principal, ...] = ()
    not_principals: tuple[Principal, ...] = ()
    conditions: tuple[Condition, ...] = ()
    sid: str = ""
    index: int = 0
    place: Place = NOWHERE

    @property
    def name(self) -> str:
        """What people call it: its Sid, or "statement 3"."""
        return self.sid or f"statement {self.index + 1}"


@dataclass(frozen=True)
class Document:
    """A policy document.

    Attributes:
        problems: sentences about what in it could not be read; its other statements stand.
        places: where finer things are written, where known: "0.actions.2" (statement, field, index) → place.
    """

    statements: tuple[Statement, ...]
    version: str = "2008-10-17"  # what AWS assumes where none is written
    place: Place = NOWHERE
    problems: tuple[str, ...] = ()
    places: dict[str, Place] = field(default_factory=dict, hash=False, compare=False)
    extra: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)
