"""Values that are not known before an apply, kept as symbols so that everything around them still is.

A string that isn't known stands as `⟦aws_s3_bucket.photos.arn⟧` inside ordinary strings: join, replace, format and
jsonencode work on it as on any text, and a policy that names it is recovered whole. What isn't known and isn't a string
(a number, a list whose length nobody knows) is an `Unknown`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

OPEN, CLOSE = "⟦", "⟧"  # mathematical white brackets: in no ARN, name or policy
SYMBOL = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")


@dataclass(frozen=True)
class Unknown:
    """A value that only an apply, a caller or somebody else's state can say.

    Attributes:
        reference: whose value it is: "module.a.aws_sqs_queue.b.arn", "var.settings", "data.aws_ami.this.id".
        why: why it isn't known, for people ("made by the apply", "no default", "function textdecodebase64 …").
        options: where it is one of a few values, those: the branches of a conditional whose condition isn't known, the
            values of a map whose key isn't. Each is a whole value; who judges it judges all of them. () : anything.
    """

    reference: str
    why: str = ""
    options: tuple[Any, ...] = ()

    def __hash__(self) -> int:
        return hash(self.reference)

    def __str__(self) -> str:
        return symbol(self.reference)


class Some(list[Any]):
    """A list of unknown length: its one element (or few) stands for all of them."""


class SomeMap(dict[str, Any]):
    """A map whose keys aren't all known: its entries stand for all of them."""


def symbol(reference: str) -> str:
    """`aws_sqs_queue.b.arn` as it stands inside a string."""
    return f"{OPEN}{reference}{CLOSE}"


def is_symbolic(text: str) -> bool:
    return OPEN in text


def symbols_in(text: str) -> tuple[str, ...]:
    """The references inside a string, in order."""
    return tuple(SYMBOL.findall(text)) if OPEN in text else ()
