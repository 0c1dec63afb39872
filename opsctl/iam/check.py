"""The form of every check of `opsctl iam check`: a rule for people, and a function over the estate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opsctl.findings import Finding, Rule
from opsctl.iam.estate import Estate


@dataclass(frozen=True)
class Check:
    """What `opsctl.iam.checking` runs. One function may serve several rules: the first of them has it, others None.

    Attributes:
        find: findings, each with one of the module's rule ids; raises nothing for any estate.
    """

    rule: Rule
    find: Callable[[Estate], Iterable[Finding]] | None = None
