"""Patterns of IAM policies as sets of strings: which string is in one, which one holds another, where they differ.

Three dialects, as AWS documents them:

- "glob": `*` any text, `?` any one character. Actions (written in lower case by the caller) and StringLike.
- "resource": of a statement's Resource. A `*` that ends an ARN segment goes on past the colons; one inside a segment
  stays in it. What follows the fifth colon is one segment, colons and all. (IAM User Guide, "IAM JSON policy elements:
  Resource", "Using wildcards in resource ARNs".)
- "arn": of ArnLike and ArnEquals: each of the six parts is matched for itself. (IAM User Guide, "IAM JSON policy
  elements: Condition operators", "Amazon Resource Name (ARN) condition operators".)

A symbol (`⟦aws_sqs_queue.b.name⟧`) is one string that nobody knows yet: equal to itself, matched by a `*`, and whether
it equals anything else "depends". Inside, a symbol is one character of a private plane of Unicode, so it needs no
further care: no policy holds such a character.

Questions about sets are answered by walking the patterns' automaton. All positions of all patterns are the bits of one
integer, so that a step costs a few operations on integers however many patterns there are. Letters that no pattern
names are alike: one of them stands for all.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from opsctl.hcl.symbols import SYMBOL, symbol

Dialect: TypeAlias = Literal["glob", "resource", "arn"]
Answer: TypeAlias = Literal["yes", "no", "depends"]

LIMIT = 20_000  # states that a walk over many patterns may see
LIMIT_OF_TWO = 2_000  # and over two: ten times what any real pair of patterns needs
_PLANES = (0xF0000, 0x10FFFD)
_OPAQUE = f"{chr(_PLANES[0])}-{chr(_PLANES[1])}"
_letters: dict[str, str] = {}  # a symbol's reference → its letter
_references: dict[str, str] = {}  # and back


class TooLarge(Exception):
    """A walk met too many states: patterns made to be hard, or very many with `*` in their middle."""


def encode(text: str) -> str:
    """Each symbol in `text` as one private letter."""
    return SYMBOL.sub(lambda found: _letter(found[1]), text) if "⟦" in text else text


def decode(text: str) -> str:
    """`text` with its private letters as symbols again."""
    return text if text.isascii() else "".join(
        symbol(_references[letter]) if letter in _references else letter for letter in text
    )  # fmt: skip


def _letter(reference: str) -> str:
    if reference not in _letters:
        if _PLANES[0] + len(_letters) > _PLANES[1]:
            raise TooLarge(f"more than {len(_letters)} different unknown values")
        letter = chr(_PLANES[0] + len(_letters))
        _letters[reference], _references[letter] = letter, reference
    return _letters[reference]


def is_opaque(letter: str) -> bool:
    return letter >= chr(_PLANES[0])


# Variables ----------------------------------------------------------------------------------------------------------

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_ESCAPES = {"*": "\ue000", "?": "\ue001", "$": "$"}  # what `${*}` and `${?}` are while `*` and `?` are wildcards
_UNESCAPED = str.maketrans({"\ue000": "*", "\ue001": "?"})


def has_variables(text: str) -> bool:
    return "${" in text


def variables_in(text: str) -> tuple[str, ...]:
    """The condition keys that a text takes values from, as written: ("aws:username",)."""
    names = (found[1].partition(",")[0].strip() for found in _VARIABLE.finditer(text)) if "${" in text else ()
    return tuple(name for name in names if name not in _ESCAPES)


def fill(text: str, value_of: Callable[[str], str | None]) -> str | None:
    """`text` with its policy variables filled in, whose `*` and `?` are plain characters.

    Args:
        value_of: key → its value (which may be a symbol where it isn't known), or None where the request lacks it.

    Returns None where a variable has neither value nor default: then nothing matches. `${aws:username, 'anonymous'}`
    has one. Source: IAM User Guide, "IAM policy elements: Variables and tags".
    """
    missing = False

    def one(found: re.Match[str]) -> str:
        nonlocal missing
        name, comma, default = found[1].partition(",")
        name = name.strip()
        if name in _ESCAPES:
            return _ESCAPES[name]
        value = value_of(name)
        if value is None and comma:
            value = default.strip().strip("'")
        if value is None:
            missing = True
            return ""
        return value.replace("*", "\ue000").replace("?", "\ue001")

    filled = _VARIABLE.sub(one, text)
    return None if missing else filled


# One pattern --------------------------------------------------------------------------------------------------------


class Pattern:
    """One compiled pattern; get it from `compiled`. Immutable.

    Attributes:
        text: as written, with private letters for symbols.
        tokens: (kind, letter): "c" one letter; "?" any one, "*" any text; ":" as letter of a wildcard says that it
            stops at a colon.
    """

    __slots__ = ("_match", "bounded", "dialect", "literal", "text", "tokens")

    def __init__(self, text: str, dialect: Dialect) -> None:
        self.text, self.dialect = text, dialect
        self.tokens = tuple(_tokens(text, dialect))
        self.literal = all(kind == "c" for kind, _ in self.tokens)
        self.bounded = any(kind == "*" and stop for kind, stop in self.tokens)
        self._match: Callable[[str], object] | None = None

    def matches(self, text: str) -> bool:
        """Whether an encoded text is in it. Cost: linear in the text for each `*` at most."""
        match = self._match
        if match is None:
            match = self._match = self._matcher()
        return bool(match(text))

    @property
    def hard(self) -> bool:
        """As a regex it could go back and forth for ever: only the automaton will do."""
        return self.bounded and sum(kind == "*" for kind, _ in self.tokens) > 3

    def regex(self) -> str:
        return _regex(self.tokens, atomic=not self.bounded)

    def _matcher(self) -> Callable[[str], object]:
        if self.literal:
            plain = "".join(letter for _, letter in self.tokens)
            return plain.__eq__
        if self.hard:
            return Automaton((self,)).accepts
        return re.compile(self.regex(), re.DOTALL).fullmatch

    def __repr__(self) -> str:
        return f"Pattern({decode(self.text)!r}, {self.dialect!r})"


def _tokens(text: str, dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Tokens in normal form: a run of wildcards is its `?`s and then at most one `*`."""
    colons, index, size = 0, 0, len(text)
    while index < size:
        letter = text[index]
        if letter not in "*?":
            colons += letter == ":"
            yield "c", letter.translate(_UNESCAPED)
            index += 1
            continue
        end = index
        while end < size and text[end] in "*?":
            end += 1
        run = text[index:end]
        last_part = colons >= 5 or dialect == "glob"
        at_end = end == size or text[end] == ":"
        stop = "" if last_part else ":"
        for _ in range(run.count("?")):
            yield "?", stop
        if "*" in run:
            open_end = end == size if dialect == "arn" else at_end
            yield "*", "" if last_part or open_end else ":"
        index = end


def _regex(tokens: Sequence[tuple[str, str]], *, atomic: bool) -> str:
    """Atomic groups keep `*a*a*a*b` linear: the first fit of a chunk is as good as any, where all `*` go anywhere."""
    parts: list[str] = []
    chunk: list[str] = []
    star = ""

    def close(last: bool) -> None:
        body = "".join(chunk)
        if not star:
            parts.append(body)
        elif atomic and not last:
            parts.append(f"(?>{star}?{body})")
        else:
            parts.append(f"{star}{body}")
        chunk.clear()

    for kind, letter in tokens:
        if kind == "*":
            close(False)
            star = "[^:]*" if letter else ".*"
        else:
            chunk.append(re.escape(letter) if kind == "c" else f"[^{letter}{_OPAQUE}]")
    close(True)
    return "".join(parts)


@lru_cache(maxsize=1 << 16)
def compiled(text: str, dialect: Dialect = "glob") -> Pattern:
    """The pattern of a text that may hold symbols."""
    return Pattern(encode(text), dialect)


class Union:
    """Some patterns as one: whether a text is in any of them. As fast as one regex can be."""

    __slots__ = ("_hard", "_plain", "_regex", "symbolic", "texts")

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.texts = tuple(patterns)
        self.symbolic = tuple(pattern for pattern in self.texts if not pattern.text.isascii())
        self._plain = frozenset(
            "".join(letter for _, letter in pattern.tokens) for pattern in self.texts if pattern.literal
        )
        self._hard = tuple(pattern for pattern in self.texts if pattern.hard)
        wild = [pattern.regex() for pattern in self.texts if not pattern.literal and not pattern.hard]
        self._regex = re.compile("|".join(dict.fromkeys(wild)), re.DOTALL).fullmatch if wild else None

    def answer(self, text: str) -> Answer:
        """Whether an encoded text is in one of them."""
        if text in self._plain or (self._regex is not None and self._regex(text)):
            return "yes"
        if any(pattern.matches(text) for pattern in self._hard):
            return "yes"
        unsure = self.symbolic if text.isascii() else self.texts
        return "depends" if any(match(pattern, text) == "depends" for pattern in unsure) else "no"


def matches(pattern: str, text: str, dialect: Dialect = "resource") -> bool:
    """Whether `text` is in `pattern` for certain; `match` also knows "depends"."""
    return compiled(pattern, dialect).matches(encode(text))


def match(pattern: Pattern, text: str) -> Answer:
    """Whether an encoded text is in a pattern; "depends" where a symbol's value decides.

    Symbols of two different resources ("aws_sqs_queue.a.name", "aws_sqs_queue.b.name") are taken to be different: names
    and ids are unique. Symbols of anything else (variables, accounts) may turn out to be equal.
    """
    if pattern.matches(text):
        return "yes"
    if (text.isascii() and pattern.text.isascii()) or differ(pattern.text, text):
        return "no"
    return _may_match(pattern, text)


def differ(one: str, other: str) -> bool:
    """Whether two encoded patterns differ in a plain letter before anything wild or unknown: so do nearly all ARNs that
    differ. False says nothing."""
    for letter, another in zip(one, other, strict=False):
        if letter in "*?" or another in "*?" or letter >= "\ue000" or another >= "\ue000":
            return False
        if letter != another:
            return True
    return False


@lru_cache(maxsize=1 << 15)
def _may_match(pattern: Pattern, text: str) -> Answer:
    ours, theirs = _opaque(pattern.text), _opaque(text)
    if not ours and not theirs:
        return "no"
    if any(map(_is_resource, ours)) and any(map(_is_resource, theirs)):
        ours, theirs = ({each for each in some if not _is_resource(each)} for some in (ours, theirs))
        if not ours and not theirs:
            return "no"
    loose = (_loosened(pattern.text, frozenset(ours), pattern.dialect, True),
             _loosened(text, frozenset(theirs), "resource", False))  # fmt: skip
    try:
        return "depends" if Automaton(loose).first(0b11, 0) is not None else "no"
    except TooLarge:
        return "depends"


def _opaque(text: str) -> set[str]:
    return set() if text.isascii() else {letter for letter in text if is_opaque(letter)}


def _is_resource(letter: str) -> bool:
    reference = _references[letter]
    return reference.startswith(("aws_", "module.")) and ".aws_" in f".{reference}"


@lru_cache(maxsize=1 << 12)
def _loosened(text: str, letters: frozenset[str], dialect: Dialect, wild: bool) -> Pattern:
    """`text` with these symbols as `?*`: any text that isn't empty. `wild`: its own `*` and `?` are wildcards."""
    plain = text if wild else text.replace("*", "\ue000").replace("?", "\ue001")
    return Pattern("".join("?*" if letter in letters else letter for letter in plain), dialect)


# Many patterns ------------------------------------------------------------------------------------------------------


class Automaton:
    """All of some patterns at once: which strings are in which of them.

    Walks are breadth first, so what they find is as short as it can be.
    """

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._literal: dict[str, int] = {}  # letter → positions that want it
        self._one = self._one_bounded = self._star = self._star_bounded = self._start = 0
        self._accept: list[int] = []
        self._owns: list[int] = []  # positions of each pattern
        at = 0
        for pattern in self.patterns:
            self._start |= 1 << at
            for offset, (kind, letter) in enumerate(pattern.tokens):
                bit = 1 << (at + offset)
                if kind == "c":
                    self._literal[letter] = self._literal.get(letter, 0) | bit
                elif kind == "?":
                    self._one |= bit
                    self._one_bounded |= bit if letter else 0
                else:
                    self._star |= bit
                    self._star_bounded |= bit if letter else 0
            size = len(pattern.tokens) + 1
            self._owns.append(((1 << size) - 1) << at)
            at += size
            self._accept.append(1 << (at - 1))
        self._start = self._closed(self._start)
        self._bounded = self._one_bounded | self._star_bounded
        self.fresh = self._fresh()

    def _fresh(self) -> str:
        """A letter that no pattern names; a nice one where there is one."""
        nice = (letter for letter in "xyzabcdefghijklmnopqrstuvw0123456789" if letter not in self._literal)
        return next(nice, None) or next(
            letter for letter in map(chr, range(0x100, 0x10000)) if letter not in self._literal
        )

    def _closed(self, positions: int) -> int:
        return positions | (positions & self._star) << 1  # no two `*` stand side by side

    def step(self, positions: int, letter: str) -> int:
        one, star = self._one, self._star
        if letter == ":":
            one, star = one & ~self._one_bounded, star & ~self._star_bounded
        elif is_opaque(letter):
            one = 0
        return self._closed(((positions & (self._literal.get(letter, 0) | one)) << 1) | (positions & star))

    def letters(self, positions: int) -> Iterator[str]:
        """One letter of each kind that makes a difference here."""
        yield self.fresh
        colon = False
        for letter, wanting in self._literal.items():
            if positions & wanting:
                colon |= letter == ":"
                yield letter
        if not colon and positions & self._bounded:
            yield ":"

    def accepts(self, text: str) -> bool:
        """Whether `text` is in the first pattern."""
        return bool(self._after(text) & self._accept[0])

    def within(self, text: str) -> int:
        """Which patterns an encoded text is in, as bits."""
        return self._vector(self._after(text))

    def _after(self, text: str) -> int:
        positions = self._start
        for letter in text:
            positions = self.step(positions, letter)
        return positions

    def _vector(self, positions: int) -> int:
        return sum(1 << index for index, accept in enumerate(self._accept) if positions & accept)

    def _walk(self, needed: int) -> Iterator[tuple[int, Callable[[], str]]]:
        """(positions, the shortest text that leads there) of every state in which the `needed` patterns are alive."""
        limit = LIMIT_OF_TWO if len(self.patterns) <= 2 else LIMIT
        alive = [owned for index, owned in enumerate(self._owns) if needed >> index & 1]
        came: dict[int, tuple[int, str] | None] = {self._start: None}
        queue = deque([self._start])

        def path(positions: int) -> str:
            letters: list[str] = []
            while (step := came[positions]) is not None:
                positions, letter = step
                letters.append(letter)
            return "".join(reversed(letters))

        while queue:
            positions = queue.popleft()
            yield positions, lambda positions=positions: path(positions)  # type: ignore[misc]
            if len(came) > limit:
                raise TooLarge(f"more than {limit} states for {len(self.patterns)} patterns")
            for letter in self.letters(positions):
                after = self.step(positions, letter)
                if after not in came and all(after & owned for owned in alive):
                    came[after] = (positions, letter)
                    queue.append(after)

    def first(self, inside: int, outside: int) -> str | None:
        """The shortest text in all patterns of the bits `inside` and in none of `outside`; None: there is none.

        Raises TooLarge.
        """
        for positions, text in self._walk(inside):
            vector = self._vector(positions)
            if vector & inside == inside and not vector & outside:
                return decode(text())
        return None

    def cells(self) -> Mapping[int, str]:
        """All sets of patterns (as bits) that some text is in and in no other, each with the shortest such text.

        Bits 0 are the texts in none, where there are such. Cost: with the states of the automaton, about the patterns'
        length together; `LIMIT` bounds it (TooLarge).
        """
        found: dict[int, str] = {}
        for positions, text in self._walk(0):
            vector = self._vector(positions)
            if vector not in found:
                found[vector] = decode(text())
        return found


class Beginnings:
    """Patterns by the text before anything wild or unknown in them: only those that begin alike share a string.

    Cost: of making it, a sort; of a look-up, its answer.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._at: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            self._at.setdefault(beginning(pattern), []).append(number)
        self._sorted = sorted(self._at)
        self._sizes = sorted({len(each) for each in self._at})

    def around(self, pattern: str) -> list[int]:
        """Numbers of those that begin no later than this one: what covers it is among them."""
        own = beginning(pattern)
        return [number for size in self._sizes if size <= len(own) for number in self._at.get(own[:size], ())]

    def near(self, pattern: str, most: int) -> list[int] | None:
        """Numbers of all that may share a string with it, in order; None: more than `most`."""
        own, found = beginning(pattern), self.around(pattern)
        for at in range(bisect_right(self._sorted, own), len(self._sorted)):
            if len(found) > most or not self._sorted[at].startswith(own):
                break
            found += self._at[self._sorted[at]]
        return sorted(found) if len(found) <= most else None


_BEGINNING = re.compile("[^*?⟦\ue000\ue001]*")


def beginning(pattern: str) -> str:
    """The text before anything wild or unknown in a pattern."""
    found = _BEGINNING.match(pattern)
    return found[0] if found else ""


@lru_cache(maxsize=1 << 14)
def covers(wide: str, narrow: str, dialect: Dialect = "resource") -> bool:
    """Whether every text in `narrow` is in `wide`. A symbol is covered by itself and by `*`.

    Patterns too hard to tell (TooLarge) are "not covered".
    """
    if wide in ("*", narrow):
        return True
    one = compiled(narrow, dialect)
    if one.literal:
        return compiled(wide, dialect).matches("".join(letter for _, letter in one.tokens))
    try:
        return Automaton((compiled(wide, dialect), one)).first(0b10, 0b01) is None
    except TooLarge:
        return False


@lru_cache(maxsize=1 << 14)
def overlap(one: str, other: str, dialect: Dialect = "resource") -> str | None:
    """A text that is in both patterns, the shortest; None where there is none. Raises TooLarge."""
    return Automaton((compiled(one, dialect), compiled(other, dialect))).first(0b11, 0)
