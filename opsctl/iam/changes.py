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
    """What a change grants.

    Attributes:
        new: each with a counterexample.
        holes: sentences about what could not be read on either side, so that more may be new.
    """

    new: tuple[NewAccess, ...]
    holes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"new_access": [access.to_json() for access in self.new], "not_analysed": list(self.holes)}


def compare(base: str, head: str, *, path: Path) -> Compared:
    """What `head` grants that `base` does not.

    Args:
        base, head: a folder, a plan or a document; else a git ref, at which `path` is read.

    Raises:
        UsageError: neither a path nor a git ref, or what is there can't be read.
    """
    with base_of(base, path) as before, base_of(head, path) as after:
        estates = estate_of(before), estate_of(after)
    sides = zip(("base", "head"), estates, strict=True)
    holes = dict.fromkeys(f"{side}: {hole.what}" for side, estate in sides for hole in estate.not_analysed)
    return Compared(tuple(new_access(*estates)), tuple(holes))
