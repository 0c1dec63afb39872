"""What reading code gives: calls to AWS with what is known of their arguments, and what could not be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsctl.findings import NOWHERE, Place

Alternatives = tuple[Any, ...]
"""What an argument may be: a str (with symbols), a dict or list of such alternatives, or None: not known."""


@dataclass(frozen=True)
class Call:
    """One call of an operation.

    Attributes:
        service: boto3's name; operation: the API's ("PutObject").
        arguments: by name; what isn't written there is missing.
        open: more arguments may be given than are known (`**unknown`).
        through: the helper that makes it ("upload_file"), else "".
        optional: made only in some cases (the parts of a large upload).
    """

    service: str
    operation: str
    place: Place = NOWHERE
    arguments: Mapping[str, Alternatives] = field(default_factory=dict, hash=False)
    open: bool = False
    through: str = ""
    optional: bool = False


@dataclass(frozen=True, order=True)
class CannotTell:
    """A hole in what is known of a piece of code.

    Attributes:
        why: one sentence.
        may: patterns of actions that it could need: ("s3:*",), ("*",).
    """

    why: str
    place: Place = NOWHERE
    may: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class Reading:
    """What a function's code does to AWS.

    Attributes:
        calls: reachable from its handler; unreachable: in its files, and nothing that the handler does leads there.
        files: Python files that were read.
        expects_missing: it tells an object that isn't there from one that it may not read.
    """

    calls: tuple[Call, ...] = ()
    cannot_tell: tuple[CannotTell, ...] = ()
    unreachable: tuple[Call, ...] = ()
    files: int = 0
    expects_missing: bool = False
