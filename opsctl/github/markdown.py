"""Text that others chose, put into Markdown so that it stays text."""

from __future__ import annotations

import re

LARGEST = 65_536
"""Characters in a comment or an issue. Source: GitHub's answer to a longer one ("body is too long, maximum is 65536
characters")."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
CALLS = re.compile(r"[@#]|GH(?=-\d)")
"""Begins what GitHub makes a link of after it rendered a text, so that escaping alone doesn't help: a mention, an
issue. A space of no width behind it does (renovate does the same)."""
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&$@:^=\"'])")


def plain(text: str) -> str:
    """`text` on one line, shown as it is: nothing in it becomes a link, a mention, a tag, HTML or a table's cell."""
    return _escaped(CALLS.sub("\\g<0>\u200b", CONTROL.sub(" ", text)))


def code(text: str) -> str:
    """`text` as code, which people copy and where GitHub makes no links. It stays inside whatever it holds."""
    return f"<code>{_escaped(CONTROL.sub(' ', text))}</code>"


def marker(name: str) -> str:
    """A line that nobody sees, by which a comment or an issue is found again."""
    if not re.fullmatch(r"[\w:. /-]+", name) or "--" in name:
        raise ValueError("a marker is letters, digits, spaces and . : / - without two hyphens in a row")
    return f"<!-- {name} -->"


def _escaped(text: str) -> str:
    return SPECIAL.sub(lambda found: f"&#{ord(found[1])};", text)
