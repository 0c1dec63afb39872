"""Text that others chose, put into Markdown so that it stays text."""

from __future__ import annotations

import re

LARGEST = 65_536
"""Characters in a comment or an issue. Source: GitHub's answer to a longer one ("body is too long, maximum is 65536
characters")."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&$@:^=\"'])")


def plain(text: str) -> str:
    """`text` on one line, shown as it is: nothing in it becomes a link, a mention, a tag, HTML or a table's cell."""
    return SPECIAL.sub(lambda found: f"&#{ord(found[1])};", CONTROL.sub(" ", text))


def code(text: str) -> str:
    """`text` as code: what people copy. It stays inside whatever it holds."""
    return f"<code>{plain(text)}</code>"


def marker(name: str) -> str:
    """A line that nobody sees, by which a comment or an issue is found again."""
    if not re.fullmatch(r"[\w:. /-]+", name) or "--" in name:
        raise ValueError("a marker is letters, digits, spaces and . : / - without two hyphens in a row")
    return f"<!-- {name} -->"


def fitting(lines: list[str], *, end: str, largest: int = LARGEST, more: str = "and {number} more lines") -> str:
    """As many of `lines` as there is room for, then how many are left out, then `end`."""
    room, kept = largest - len(end) - 100, []
    for index, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            kept.append(more.format(number=len(lines) - index))
            break
        kept.append(line)
    return "\n".join([*kept, end])
