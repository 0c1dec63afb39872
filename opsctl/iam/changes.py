"""`opsctl iam diff`: two folders, plans or git refs → two estates → what the second grants beyond the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.findings.bases import base_of
from opsctl.iam.checking import estate_of
from opsctl.iam.comparing import NewAccess, new_access


@dataclass(frozen=True)
class Compared:
    """What a change grants, each with a counterexample, and where that could not be told."""

    new: tuple[NewAccess, ...]
    untold: tuple[NewAccess, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "new_access": [access.to_json() for access in self.new],
            "not_analysed": [access.to_json() for access in self.untold],
        }


def compare(base: str, head: str, *, path: Path) -> Compared:
    """What `head` grants that `base` does not.

    Args:
        base, head: a folder, a plan or a document; else a git ref, at which `path` is read.

    Raises:
        UsageError: neither a path nor a git ref, or what is there can't be read.
    """
    with base_of(base, path) as before, base_of(head, path) as after:
        found = new_access(estate_of(before), estate_of(after))
    told = tuple(access for access in found if access.kind != "not-analysed")
    return Compared(told, tuple(access for access in found if access.kind == "not-analysed"))
