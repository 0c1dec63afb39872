"""What the checks on single documents go over: each document once, with who holds it and where its parts stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opsctl.findings import NOWHERE, Finding, Place, Rule, Severity
from opsctl.iam.estate import Estate, Policy, Principal
from opsctl.iam.policy import Document, Statement

CODE = re.compile(r"[:.\"$*_]")  # a first word that is a name: it keeps its case
Kind = Literal["identity", "boundary", "trust", "resource", "loose"]


@dataclass(frozen=True)
class Subject:
    """A document as it is used.

    Attributes:
        kind: what it is attached as; "loose": a policy with principals whose resource isn't known.
        holders: the principals that it is attached to, () for resource policies.
    """

    kind: Kind
    document: Document
    policy: Policy | None = None
    holders: tuple[Principal, ...] = ()
    address: str = ""

    @property
    def is_aws_managed(self) -> bool:
        """AWS's own policy: its author is not who reads our findings."""
        return self.policy is not None and ":iam::aws:policy/" in self.policy.arn

    def place(self, statement: Statement | None = None, label: str = "") -> Place:
        """Where a part is written: label "actions.2" of a statement; else the nearest thing around it."""
        finer = f"{statement.index}.{label}" if statement and label else label
        around = (
            self.document.places.get(finer), statement.place if statement else None, self.document.place,
            self.policy.place if self.policy else None, *(holder.place for holder in self.holders[:1]),
        )  # fmt: skip
        return next((place for place in around if place and place != NOWHERE), NOWHERE)

    def finding(
        self, rule: Rule, message: str, statement: Statement | None = None, label: str = "", *,
        severity: Severity | None = None, fix: str = "",
    ) -> Finding:  # fmt: skip
        holder = self.holders[0] if self.holders else None
        return Finding(
            rule.id,
            rule.severity if severity is None else severity,
            message if CODE.search(message.split(" ", 1)[0]) else message[0].upper() + message[1:],
            principal=(holder.address or holder.arn) if holder and holder.kind != "anonymous" else "",
            resource=self.address,
            place=self.place(statement, label),
            fix=fix or rule.mend,
        )


def subjects(estate: Estate) -> Iterator[Subject]:
    """Every document once, in the estate's order."""
    found: dict[int, Subject] = {}

    def add(kind: Kind, document: Document | None, policy: Policy | None, address: str, *holders: Principal) -> None:
        if document is None:
            return
        known = found.get(id(document))
        if known is None:
            found[id(document)] = Subject(kind, document, policy, holders, address)
        elif holders and known.kind == kind:
            found[id(document)] = replace(known, holders=(*known.holders, *holders))

    for principal in estate.principals:
        for policy in principal.policies:
            add("identity", policy.document, policy, policy.address or principal.address, principal)
        if principal.boundary is not None:
            boundary = principal.boundary
            add("boundary", boundary.document, boundary, boundary.address or principal.address, principal)
        add("trust", principal.trust, None, principal.address, principal)
    for guarded in estate.guarded:
        if guarded.policy is not None:
            add("resource", guarded.policy.document, guarded.policy, guarded.policy.address or guarded.address)
    for policy in estate.loose:
        add("loose", policy.document, policy, policy.address)
    yield from found.values()


def own(estate: Estate) -> Iterator[Subject]:
    """Those that somebody here wrote: without AWS's managed policies."""
    return (subject for subject in subjects(estate) if not subject.is_aws_managed)


GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide"
REFERENCE = (
    "https://docs.aws.amazon.com/service-authorization/latest/reference/"
    "reference_policies_actions-resources-contextkeys.html"
)


def listed(names: Sequence[str], most: int = 4) -> str:
    """ "a, b and c", "a, b, c, d and 12 more"."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
