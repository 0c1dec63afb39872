"""Privilege escalation: from every principal to more than it was given, as a graph over the estate.

techniques (data) × what each principal may do (`holdings`, by the engine) → edges → search (`graph`) → findings.

Severity:
    critical  a way to every permission, every step of it in the estate
    high      a way to somebody who may do what the principal may not; for a document that nobody is named in: the
              permissions are all there, and what they need is taken to be there too
    medium    "conditional": the permissions are there, and the estate doesn't show what they need, or tags or an
              instance profile that it doesn't show decide; or a role that trusts the principal by name, or a permission
              in everyday use (batch:SubmitJob), which somebody meant
    low       the principal is a role as which only a service of AWS acts, with nothing in it that a caller writes
"""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding
from opsctl.iam.check import Check
from opsctl.iam.escalation.findings import find
from opsctl.iam.escalation.rules import LIFT, RULES
from opsctl.iam.estate import Estate


def _find(estate: Estate) -> Iterator[Finding]:
    return find(estate)


_first, *_others = (*RULES.values(), LIFT)
CHECKS: tuple[Check, ...] = (Check(_first, _find), *map(Check, _others))

__all__ = ["CHECKS", "find"]
