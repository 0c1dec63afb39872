"""Terraform's functions. What depends on a value that isn't known is an `Unknown` or a symbol, never a guess.

A table of plain functions over evaluated arguments. Which arguments a function takes unknown is in its entry; `try`,
`can` and those that evaluate a template are the evaluator's. Source: Terraform's documentation of its functions;
compared with `terraform console` in tests/integration.
"""

from __future__ import annotations

import base64
import binascii
import csv
import datetime
import gzip
import hashlib
import io
import ipaddress
import itertools
import json
import math
import os
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from opsctl.hcl.symbols import CLOSE, OPEN, SYMBOL, Some, SomeMap, Unknown, symbol
from opsctl.hcl.values import (
    EvaluationError,
    Lazy,
    Set,
    Split,
    equal,
    has_options,
    identity,
    index,
    kind_of,
    lifted,
    lone,
    name_of,
    number,
    number_text,
    pairs,
    plain,
    reference_of,
    to_bool,
    to_list,
    to_map,
    to_number,
    to_text,
    unknown,
)

LONGEST = 20_000_000  # characters that one call may make
MOST = 300_000  # elements that one call may make


@dataclass(frozen=True)
class Function:
    """Attributes:
    call: takes the arguments.
    takes: "known": any argument that isn't known (or text with symbols in it) makes the result unknown. "text": text
        may hold symbols, other unknown scalars stand as theirs. "any": it copes itself.
    gives: "text" where the unknown result is a symbol, else an `Unknown`.
    least, most: number of arguments.
    """

    call: Callable[..., Any]
    takes: str
    gives: str = "value"
    least: int = 1
    most: int = 1


def call(name: str, arguments: list[Any], folder: Path) -> Any:
    """Apply a function that `FUNCTIONS` has. Raises EvaluationError.

    Args:
        folder: what relative paths are relative to: the root module's.
    """
    function = FUNCTIONS[name]
    if not function.least <= len(arguments) <= function.most:
        more = "" if function.most == function.least else " or more"
        raise EvaluationError(f"{name}() takes {function.least}{more} arguments, not {len(arguments)}")
    if any(has_options(argument) for argument in arguments) and name not in _OWN_OPTIONS:
        return lifted(arguments, lambda chosen: _apply(name, function, chosen, folder), _named(name, arguments))
    return _apply(name, function, arguments, folder)


def _named(name: str, arguments: list[Any]) -> str:
    return f"{name}({', '.join(name_of(argument) for argument in arguments[:6])})"


def _apply(name: str, function: Function, arguments: list[Any], folder: Path) -> Any:
    if function.takes == "known":
        for argument in arguments:
            if _is_unknown(argument):
                reference = _named(name, arguments)
                return (
                    symbol(reference)
                    if function.gives == "text"
                    else Unknown(reference, "depends on what is not known")
                )
    elif function.takes == "text":
        arguments = [str(each) if isinstance(each, Unknown) else each for each in arguments]
    try:
        if name in _FILES:
            return function.call(folder, *arguments)
        return function.call(*arguments)
    except EvaluationError as error:
        raise EvaluationError(f"{name}(): {error}") from None
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError, OSError, re.error) as error:
        raise EvaluationError(f"{name}(): {error}") from None


def _is_unknown(value: Any) -> bool:
    if isinstance(value, str):
        return OPEN in value
    if isinstance(value, list):
        return isinstance(value, Some) or any(map(_is_unknown, value))
    if isinstance(value, dict):
        return isinstance(value, SomeMap) or any(map(_is_unknown, value.values()))
    return isinstance(value, Unknown | Lazy)


def _outside(text: str, change: Callable[[str], str]) -> str:
    """Changes what is around symbols."""
    if OPEN not in text:
        return change(text)
    return "".join(piece if piece[:1] == OPEN else change(piece) for piece in _PIECES.split(text))


_PIECES = re.compile(f"({OPEN}[^{OPEN}{CLOSE}]*{CLOSE})")


# --- strings


def _title(text: str) -> str:
    return re.sub(r"(^|\W)(\w)", lambda match: match[1] + match[2].upper(), text)


def _split(separator: str, text: str) -> list[Any]:
    separator, text = to_text(separator), to_text(text)
    if OPEN not in text:
        if not separator:
            return list(text)
        return text.split(separator)
    if OPEN in separator:
        return Split([text])
    pieces = [""]
    for piece in _PIECES.split(text):
        if piece[:1] == OPEN or not separator:
            pieces[-1] += piece
        else:
            first, *rest = piece.split(separator)
            pieces[-1] += first
            pieces.extend(rest)
    return Split(pieces)


def _join(separator: Any, *lists: Any) -> str:
    between: str = to_text(separator)
    texts: list[str] = []
    for each in lists:
        texts.extend(to_text(item) for item in to_list(each))
    if sum(map(len, texts)) > LONGEST:
        raise EvaluationError("the text is too long")
    return between.join(texts)


def _replace(text: str, what: str, by: str) -> Any:
    text, what, by = to_text(text), to_text(what), to_text(by)
    if len(what) > 1 and what[0] == "/" and what[-1] == "/":
        pattern = _regex(what[1:-1])
        replacement = re.compile(r"\$(?:(\w+)|\{(\w+)\}|(\$))")

        def fill(match: re.Match[str]) -> str:
            def group(found: re.Match[str]) -> str:
                if found[3]:
                    return "$"
                wanted = found[1] or found[2]
                try:
                    return match[int(wanted) if wanted.isdigit() else wanted] or ""
                except (IndexError, KeyError):
                    return ""

            return replacement.sub(group, by)

        return _outside(text, lambda piece: pattern.sub(fill, piece))
    if not what:
        return by.join(["", *text, ""])
    return (
        text.replace(what, by)
        if what in text and OPEN in what
        else _outside(text, lambda piece: piece.replace(what, by))
    )


def _substr(text: str, offset: Any, length: Any) -> Any:
    text, offset, length = to_text(text), to_number(offset), to_number(length)
    if isinstance(offset, Unknown) or isinstance(length, Unknown):
        return symbol(f"substr({name_of(text)}, …)")
    known = text.split(OPEN, 1)[0]
    if OPEN in text and not (offset >= 0 and length >= 0 and offset + length <= len(known)):
        if offset == 0 and length < 0:
            return text
        return (
            known[offset : offset + length] + symbol(f"substr({name_of(text)}, {offset}, {length})")
            if 0 <= offset < len(known) and length > 0
            else symbol(f"substr({name_of(text)}, {offset}, {length})")
        )
    begin = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
    return text[begin:] if length < 0 else text[begin : begin + length]


def _startswith(text: str, start: str) -> Any:
    text, start = to_text(text), to_text(start)
    if text.startswith(start):
        return True
    known = text.split(OPEN, 1)[0]
    if OPEN in start or (OPEN in text and start.startswith(known)):
        return Unknown(f"startswith({name_of(text)}, {name_of(start)})")
    return False


def _endswith(text: str, end: str) -> Any:
    text, end = to_text(text), to_text(end)
    if text.endswith(end):
        return True
    known = text.rsplit(CLOSE, 1)[-1]
    if OPEN in end or (OPEN in text and end.endswith(known)):
        return Unknown(f"endswith({name_of(text)}, {name_of(end)})")
    return False


def _strcontains(text: str, part: str) -> Any:
    text, part = to_text(text), to_text(part)
    if part in SYMBOL.sub("\0", text) or (OPEN in part and part in text):
        return True
    return Unknown(f"strcontains({name_of(text)}, {name_of(part)})") if OPEN in text or OPEN in part else False


def _indent(spaces: Any, text: str) -> str:
    return to_text(text).replace("\n", "\n" + " " * min(10_000, int(to_number(spaces))))


def _trimprefix(text: str, prefix: str) -> str:
    return to_text(text).removeprefix(to_text(prefix))


_VERB = re.compile(r"%(%|(?:\[(\d+)\])?([-+# 0]*)(\d+)?(?:\.(\d+))?(?:\[(\d+)\])?([a-zA-Z]))")


def _format(template: Any, *arguments: Any) -> str:
    """Source: the fmt verbs of Terraform's format()."""
    cursor = 0
    used = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal cursor, used
        if match[1] == "%":
            return "%"
        flags, width, precision, verb = match[3], match[4], match[5], match[7]
        if match[2] or match[6]:
            cursor = int(match[2] or match[6]) - 1
        if cursor >= len(arguments):
            raise EvaluationError(f"not enough arguments for %{verb} at {match.start()}")
        value = arguments[cursor]
        cursor += 1
        used = max(used, cursor)
        if width and int(width) > 100_000:
            raise EvaluationError("too wide")
        text = _verb(verb, flags, int(precision) if precision is not None else None, value)
        if not width or len(text) >= int(width):
            return text
        if "-" in flags:
            return text.ljust(int(width))
        if "0" in flags and verb not in "sqv":
            return ("-" + text[1:].rjust(int(width) - 1, "0")) if text[:1] == "-" else text.rjust(int(width), "0")
        return text.rjust(int(width), "0" if "0" in flags else " ")

    text = _VERB.sub(fill, to_text(template))
    if used < len(arguments) and not any(match[2] or match[6] for match in _VERB.finditer(to_text(template))):
        raise EvaluationError(f"too many arguments; only {used} used by the format string")
    return text


def _verb(verb: str, flags: str, precision: int | None, value: Any) -> str:
    if isinstance(value, Unknown) or (isinstance(value, str) and OPEN in value):
        return json.dumps(str(value), ensure_ascii=False) if verb == "q" else str(value)
    if verb in "sq":
        text = to_text(value) if not isinstance(value, list | dict) else jsonencode(value)
        text = text[:precision] if precision is not None else text
        return json.dumps(text, ensure_ascii=False) if verb == "q" else text
    if verb == "v" and (isinstance(value, list | dict) or "#" in flags):
        return str(jsonencode(value))
    if verb == "v" and value is None:
        return "null"
    if verb == "v":
        verb = {bool: "t", str: "s"}.get(type(value), "g")
        return to_text(value) if verb != "g" else _verb("g", flags, precision, value)
    if verb == "t":
        return to_text(to_bool(value))
    amount = to_number(value)
    sign = "+" if "+" in flags and amount >= 0 else (" " if " " in flags and amount >= 0 else "")
    if verb in "dboxX":
        whole = math.trunc(amount)
        return sign + {"d": "{:d}", "b": "{:b}", "o": "{:o}", "x": "{:x}", "X": "{:X}"}[verb].format(whole)
    if verb in "feEgG":
        if verb in "gG" and precision is None:
            exponent = math.floor(math.log10(abs(amount))) if amount else 0
            if -4 <= exponent < 6:
                return sign + number_text(amount)
            digits = len(repr(float(amount)).replace(".", "").replace("-", "").split("e")[0].strip("0")) - 1
            return sign + f"{float(amount):.{max(0, digits)}{'e' if verb == 'g' else 'E'}}"
        return sign + f"{float(amount):.{6 if precision is None else min(precision, 500)}{verb}}"
    raise EvaluationError(f"unknown verb %{verb}")


def _formatlist(template: Any, *arguments: Any) -> list[str]:
    lists = [each for each in arguments if isinstance(each, list)]
    if not lists:
        return [_format(template, *arguments)]
    lengths = {len(each) for each in lists}
    if len(lengths) > 1 and not any(isinstance(each, Some) for each in lists):
        raise EvaluationError("lists of different lengths")
    rows = [
        _format(template, *[(each[row] if isinstance(each, list) else each) for each in arguments])
        for row in range(min(lengths))
    ]
    return Some(rows) if any(isinstance(each, Some) for each in lists) else rows


# --- regular expressions: RE2's are Python's but for a few spellings

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "word": r"\w",
    "space": r"\s",
    "blank": r" \t",
    "xdigit": "0-9A-Fa-f",
    "punct": r"!-/:-@\[-`{-~",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r" -~",
    "graph": r"!-~",
    "ascii": r"\x00-\x7f",
}


def _regex(pattern: str) -> re.Pattern[str]:
    """RE2 → re. Raises EvaluationError for what Python doesn't know (`\\p{…}` but L, Lu, Ll, N)."""
    if OPEN in pattern:
        raise EvaluationError("a pattern that isn't known")
    for name, letters in _CLASSES.items():
        pattern = pattern.replace(f"[:{name}:]", letters)
    pattern = pattern.replace(r"\z", r"\Z").replace(r"\pL", r"[^\W\d_]").replace(r"\p{L}", r"[^\W\d_]")
    pattern = re.sub(r"\(\?<([A-Za-z_]\w*)>", r"(?P<\1>", pattern)
    pattern = re.sub(r"(?<!\\)\(\?U\)", "", pattern)
    flags = re.ASCII
    if leading := re.match(r"\(\?([ims]+)\)", pattern):
        pattern = pattern[leading.end() :]
        for letter in leading[1]:
            flags |= {"i": re.I, "m": re.M, "s": re.S}[letter]
    if not flags & re.M:  # Python's $ also matches before a last line break
        pattern = re.sub(r"(?<!\\)((?:\\\\)*)\$(?=$|[|)])", r"\1\\Z", pattern)
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise EvaluationError(f"a pattern that can't be read: {error}") from None


def _match(match: re.Match[str]) -> Any:
    names = match.re.groupindex
    if names:
        return {name: match[name] for name in names}
    return list(match.groups()) if match.re.groups else match[0]


def _regex_first(pattern: str, text: str) -> Any:
    match = _regex(to_text(pattern)).search(to_text(text))
    if match is None:
        raise EvaluationError("pattern did not match any part of the given string")
    return _match(match)


# --- collections


def _known_length(value: Any) -> Any:
    if isinstance(value, str):
        return Unknown(f"length({name_of(value)})") if OPEN in value else len(value)
    if isinstance(value, Some | SomeMap | Unknown):
        return Unknown(f"length({name_of(value)})", "how many isn't known")
    if isinstance(value, Lazy):
        return len(value.materialise())
    if isinstance(value, list | dict):
        return len(value)
    raise EvaluationError(f"{kind_of(value)} has no length")


def _like(items: list[Any], *sources: Any) -> list[Any]:
    """A list, of unknown length where a source's is."""
    return Some(items) if any(isinstance(source, Some | SomeMap) for source in sources) else items


def _concat(*lists: Any) -> list[Any]:
    found = [to_list(each) for each in lists]
    if sum(map(len, found)) > MOST:
        raise EvaluationError(f"the list has more than {MOST} elements")
    return _like([item for each in found for item in each], *found)


def _contains(items: Any, wanted: Any) -> Any:
    items = to_list(items)
    answers = [equal(item, wanted) for item in items]
    if True in answers:
        return True
    if None in answers or isinstance(items, Some):
        return Unknown(f"contains({name_of(items)}, {name_of(wanted)})")
    return False


def _distinct(items: Any) -> list[Any]:
    found: dict[Any, Any] = {}
    items = to_list(items)
    for item in items:
        found.setdefault(identity(item), item)
    return _like(list(found.values()), items)


def _flatten(items: Any) -> list[Any]:
    flat: list[Any] = []
    some = isinstance(items, Some)
    pending = [iter(to_list(items))]
    while pending:
        for item in pending[-1]:
            if isinstance(item, list):
                some = some or isinstance(item, Some)
                pending.append(iter(item))
                break
            flat.append(item)
            if len(flat) > MOST:
                raise EvaluationError(f"the list has more than {MOST} elements")
        else:
            pending.pop()
    return Some(flat) if some else flat


def _element(items: Any, position: Any) -> Any:
    items, position = to_list(items), to_number(position)
    if not items:
        raise EvaluationError("cannot use element function with an empty list")
    if isinstance(position, Unknown) or isinstance(items, Some):
        return index(list(items) if isinstance(items, Set) else items, position)
    return items[int(position) % len(items)]


def _index_of(items: Any, wanted: Any) -> Any:
    for position, item in enumerate(to_list(items)):
        answer = equal(item, wanted)
        if answer is None:
            return Unknown(f"index({name_of(items)}, {name_of(wanted)})")
        if answer:
            return position
    raise EvaluationError("item not found")


def _lookup(mapping: Any, key: Any, *default: Any) -> Any:
    mapping, key = to_map(mapping), to_text(key)
    if key in mapping:
        return mapping[key]
    if isinstance(mapping, SomeMap) or OPEN in key or any(OPEN in each for each in mapping):
        possible = [item for name, item in mapping.items() if equal(name, key) is not False]
        if possible:
            return unknown(f"lookup({name_of(mapping)}, {name_of(key)})", "the key isn't known", [*possible, *default])
    if default:
        return default[0]
    raise EvaluationError(f"the given key {plain(key)!r} does not exist")


def _merge(*maps: Any) -> dict[str, Any]:
    found = [to_map(each) for each in maps if each is not None]
    merged: dict[str, Any] = SomeMap() if any(isinstance(each, SomeMap) for each in found) else {}
    for each in found:
        merged.update(each)
    return merged


def _keys(value: Any) -> list[Any]:
    mapping = to_map(value)
    return _like(sorted(mapping), mapping)


def _values(value: Any) -> list[Any]:
    mapping = to_map(value)
    return _like([mapping[key] for key in sorted(mapping)], mapping)


def _coalesce(*values: Any) -> Any:
    for value in values:
        if value is not None and value != "":
            return value
    raise EvaluationError("no non-null, non-empty-string arguments")


def _coalescelist(*lists: Any) -> Any:
    for each in lists:
        if each:
            return each
    raise EvaluationError("no non-null arguments")


def _compact(items: Any) -> list[Any]:
    items = to_list(items)
    return _like([item for item in items if item is not None and item != ""], items)


def _zipmap(keys: Any, values: Any) -> dict[str, Any]:
    keys, values = to_list(keys), to_list(values)
    some = isinstance(keys, Some) or isinstance(values, Some)
    if len(keys) != len(values) and not some:
        raise EvaluationError(f"number of keys ({len(keys)}) does not match number of values ({len(values)})")
    mapping = {to_text(key): value for key, value in zip(keys, values, strict=False)}
    return SomeMap(mapping) if some else mapping


def _chunklist(items: Any, size: Any) -> list[Any]:
    items, size = to_list(items), int(to_number(size))
    return [items[start : start + size] for start in range(0, len(items), size)] if size else [items]


def _slice(items: Any, begin: Any, end: Any) -> Any:
    items, begin, end = to_list(items), to_number(begin), to_number(end)
    if isinstance(items, Some) or isinstance(begin, Unknown) or isinstance(end, Unknown):
        return Some(items)
    if not 0 <= begin <= end <= len(items):
        raise EvaluationError("the indexes are outside of the list")
    return items[begin:end]


def _setproduct(*lists: Any) -> Any:
    found = [to_list(each) for each in lists]
    if math.prod(len(each) for each in found) > MOST:
        raise EvaluationError("too many combinations")
    product = [list(each) for each in itertools.product(*found)]
    return _like(product, *found)


def _set_of(operation: Callable[[list[Any], list[Any]], list[Any]]) -> Callable[..., Any]:
    def combine(first: Any, *others: Any) -> Any:
        found = to_list(first)
        some = isinstance(found, Some)
        for other in others:
            other = to_list(other)
            some = some or isinstance(other, Some)
            found = operation(found, other)
        return Set.of(Some(found) if some else found)

    return combine


def _without(items: list[Any], others: list[Any]) -> list[Any]:
    """What may be in the one and isn't surely in the other."""
    there = {identity(other) for other in others} if not isinstance(others, Some) else set()
    left = [item for item in items if identity(item) not in there]
    return Some(left) if isinstance(others, Some) else left


def _common(items: list[Any], others: list[Any]) -> list[Any]:
    there = {identity(other) for other in others}
    return [item for item in items if identity(item) in there]


def _toset(items: Any) -> Any:
    items = to_list(items)
    if any(isinstance(item, str) for item in items):
        items = _like([to_text(item) if isinstance(item, bool | int | float) else item for item in items], items)
    return Set.of(items)


def _tolist(items: Any) -> Any:
    items = to_list(items)
    unified = list(items)
    if any(isinstance(item, str) for item in items):
        unified = [to_text(item) if isinstance(item, bool | int | float) else item for item in items]
    return _like(unified, items)


def _tomap(value: Any) -> Any:
    mapping = to_map(value)
    if any(isinstance(item, str) for item in mapping.values()):
        unified = {
            key: to_text(item) if isinstance(item, bool | int | float) else item for key, item in mapping.items()
        }
        return SomeMap(unified) if isinstance(mapping, SomeMap) else unified
    return mapping


def _transpose(value: Any) -> dict[str, Any]:
    turned: dict[str, Any] = {}
    for key, items in to_map(value).items():
        for item in to_list(items):
            turned.setdefault(to_text(item), []).append(key)
    return {key: sorted(turned[key]) for key in sorted(turned)}


def _one(items: Any) -> Any:
    items = to_list(items)
    if isinstance(items, Some):
        return items[0] if items else None
    if len(items) > 1:
        raise EvaluationError("must be a list, set, or tuple value with either zero or one elements")
    return items[0] if items else None


def _truth(wanted: bool) -> Callable[[Any], Any]:
    """alltrue (wanted False ends it), anytrue (wanted True does)."""

    def judge(items: Any) -> Any:
        items = to_list(items)
        answers = [False if item is None else to_bool(item) for item in items]
        if wanted in answers:
            return wanted
        if isinstance(items, Some) or any(isinstance(answer, Unknown) for answer in answers):
            return Unknown("anytrue(…)" if wanted else "alltrue(…)", "depends on what is not known")
        return not wanted

    return judge


def _range(*bounds: Any) -> list[Any]:
    start, limit, step = ((0, *bounds, 1), (*bounds, 1), bounds)[len(bounds) - 1]
    start, limit, step = to_number(start), to_number(limit), to_number(step)
    if len(bounds) < 3 and limit < start:
        step = -1
    if step == 0:
        raise EvaluationError("step must not be zero")
    if (limit - start) / step > 1024:
        raise EvaluationError("more than 1024 values were generated")
    found = []
    while (start < limit) if step > 0 else (start > limit):
        found.append(number(start))
        start += step
    return found


def _sort(items: Any) -> list[Any]:
    items = to_list(items)
    return _like(sorted(to_text(item) for item in items), items)


def _sum(items: Any) -> Any:
    amounts = [to_number(item) for item in to_list(items)]
    if not amounts:
        raise EvaluationError("cannot sum an empty list")
    if isinstance(items, Some) or any(isinstance(amount, Unknown) for amount in amounts):
        return Unknown(f"sum({name_of(items)})")
    return number(math.fsum(amounts)) if any(isinstance(a, float) for a in amounts) else sum(amounts)


def _matchkeys(values: Any, keys: Any, wanted: Any) -> list[Any]:
    there = {identity(item) for item in to_list(wanted)}
    return [value for value, key in zip(to_list(values), to_list(keys), strict=True) if identity(key) in there]


# --- encodings


def jsonencode(value: Any) -> Any:
    """Compact JSON with sorted keys, <, > and & escaped, as Go writes it.

    What isn't known inside stands as its symbol; where something inside is one of a few values, the text is one of as
    many. Cost: linear in the text, times the alternatives (MOST_OPTIONS at most).
    """
    return expand(value, _json_text)


def expand(value: Any, function: Callable[[Any], Any]) -> Any:
    """`function` of a structure in each alternative of what is in it."""
    found: list[Unknown] = []
    seen: set[str] = set()
    left = MOST

    def look(each: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise EvaluationError(f"the value has more than {MOST} elements")
        if isinstance(each, Unknown):
            if each.options and each.reference not in seen:
                seen.add(each.reference)
                found.append(each)
                for option in each.options:
                    look(option)
        elif isinstance(each, list):
            for item in each:
                look(item)
        elif isinstance(each, dict):
            for item in each.values():
                look(item)

    look(value)
    if not found:
        return function(value)

    def choose(each: Any, chosen: dict[str, Any]) -> Any:
        if isinstance(each, Unknown):
            return choose(chosen[each.reference], chosen) if each.reference in chosen else each
        if isinstance(each, list):
            return _like([choose(item, chosen) for item in each], each)
        if isinstance(each, dict):
            return {key: choose(item, chosen) for key, item in each.items()}
        return each

    def apply(options: list[Any]) -> Any:
        chosen = {
            each.reference: option
            for each, option in zip(found, options, strict=True)
            if not (isinstance(option, Unknown) and option.reference == each.reference)
        }
        return function(choose(value, chosen))

    return lifted(list(found), apply, found[0].reference)


def _json_text(value: Any) -> str:
    text = json.dumps(jsonable(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


def jsonable(value: Any) -> Any:
    """A value that json.dumps takes: what isn't known as its symbol. Raises EvaluationError above MOST elements."""
    left = MOST

    def plainly(value: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:  # a few locals that hold each other twice are 2^n elements
            raise EvaluationError(f"the value has more than {MOST} elements")
        if isinstance(value, dict):
            return {key: plainly(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plainly(item) for item in value]
        if isinstance(value, Unknown):
            return str(value)
        if isinstance(value, Lazy):
            return plainly(value.materialise())
        return number(value) if isinstance(value, float) else value

    return plainly(value)


def _jsondecode(text: Any) -> Any:
    text = to_text(text)
    if lone(text):
        return Unknown(f"jsondecode({lone(text)})", "depends on what is not known")
    try:
        return _decoded(json.loads(text))
    except (ValueError, RecursionError) as error:
        if OPEN in text:
            return Unknown(f"jsondecode({name_of(text)})", "depends on what is not known")
        raise EvaluationError(f"not JSON: {error}") from None


def _decoded(value: Any) -> Any:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return {key: _decoded(item) for key, item in value.items()} if isinstance(value, dict) else value


def _yamlencode(value: Any) -> str:
    return "\n".join(_yaml_lines(jsonable(value), "")) + "\n"


def _yaml_lines(value: Any, indent: str) -> list[str]:
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for key in sorted(value):
            inner = value[key]
            name = f"{indent}{json.dumps(key, ensure_ascii=False)}:"
            if isinstance(inner, dict) and inner:
                lines += [name, *_yaml_lines(inner, indent + "  ")]
            elif isinstance(inner, list) and inner:
                lines += [name, *_yaml_lines(inner, indent)]
            elif isinstance(inner, str) and "\n" in inner:
                lines += [f"{name} {_yaml_block(inner, indent)}"]
            else:
                lines.append(f"{name} {json.dumps(inner, ensure_ascii=False)}")
        return lines
    if isinstance(value, list) and value:
        lines = []
        for inner in value:
            if isinstance(inner, str) and "\n" in inner:
                lines.append(f"{indent}- {_yaml_block(inner, indent)}")
                continue
            first, *rest = _yaml_lines(inner, indent + "  ")
            lines += [f"{indent}- {first.lstrip() if first.startswith(indent + '  ') else first}", *rest]
        return lines
    if isinstance(value, str) and "\n" in value:
        return [_yaml_block(value, indent)]
    return [json.dumps(value, ensure_ascii=False)]


def _yaml_block(text: str, indent: str) -> str:
    keep = "|" if text.endswith("\n") and not text.endswith("\n\n") else ("|+" if text.endswith("\n") else "|-")
    body = text.removesuffix("\n") if keep != "|-" else text
    return keep + "\n" + "\n".join(f"{indent}  {line}" if line else "" for line in body.split("\n"))


def _yamldecode(text: Any) -> Any:
    if reference := lone(to_text(text)):
        return Unknown(f"yamldecode({reference})", "depends on what is not known")
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError:
        raise EvaluationError("YAML can't be read here: install PyYAML") from None
    try:
        return _decoded(json.loads(json.dumps(yaml.safe_load(to_text(text)), default=str)))
    except (yaml.YAMLError, RecursionError) as error:
        raise EvaluationError(f"not YAML: {error}") from None


def _csvdecode(text: Any) -> list[Any]:
    rows = list(csv.reader(io.StringIO(to_text(text))))
    if not rows:
        return []
    header = rows[0]
    return [dict(zip(header, row, strict=True)) for row in rows[1:] if row]


def _urlencode(text: str) -> str:
    return quote_plus(to_text(text), safe="-_.~")


def _hash(name: str) -> Callable[[Any], str]:
    return lambda text: hashlib.new(name, to_text(text).encode()).hexdigest()


def _hash64(name: str) -> Callable[[Any], str]:
    return lambda text: base64.b64encode(hashlib.new(name, to_text(text).encode()).digest()).decode()


def _file_hash(name: str, digest: Callable[[Any], str]) -> Callable[..., str]:
    return lambda folder, path: digest(hashlib.new(name, _bytes(folder, path)))


def _decode64(text: Any) -> str:
    try:
        return base64.b64decode(to_text(text), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise EvaluationError(f"not base64 of text: {error}") from None


def _gzip64(text: Any) -> str:
    return base64.b64encode(gzip.compress(to_text(text).encode(), mtime=0)).decode()


# --- numbers


def _parseint(text: Any, base: Any) -> int:
    return int(to_text(text), int(to_number(base)))


def _pow(base: Any, exponent: Any) -> Any:
    base, exponent = to_number(base), to_number(exponent)
    if abs(base) > 1 and abs(exponent) > 4096:
        raise EvaluationError("the result is too large")
    return number(base**exponent)


def _signum(value: Any) -> int:
    amount = to_number(value)
    return int(amount > 0) - int(amount < 0)


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: choose(to_number(value) for value in values)


# --- addresses


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(to_text(text), strict=False)


def _cidrsubnet(prefix: Any, bits: Any, place: Any) -> str:
    network, bits, place = _network(prefix), int(to_number(bits)), int(to_number(place))
    length = network.prefixlen + bits
    if length > network.max_prefixlen:
        raise EvaluationError("insufficient address space to extend prefix")
    if not 0 <= place < 2**bits:
        raise EvaluationError(f"prefix extension of {bits} does not accommodate a subnet numbered {place}")
    start = int(network.network_address) + (place << (network.max_prefixlen - length))
    return str(type(network)((start, length)))


def _cidrhost(prefix: Any, place: Any) -> str:
    network, place = _network(prefix), int(to_number(place))
    if not -network.num_addresses <= place < network.num_addresses:
        raise EvaluationError(f"prefix does not accommodate a host numbered {place}")
    return str(network[place])


def _cidrsubnets(prefix: Any, *bits: Any) -> list[str]:
    network = _network(prefix)
    found, at = [], int(network.network_address)
    for each in bits:
        length = network.prefixlen + int(to_number(each))
        size = 1 << (network.max_prefixlen - length)
        at = (at + size - 1) // size * size
        subnet = type(network)((at, length))
        if not subnet.subnet_of(network):  # type: ignore[arg-type]
            raise EvaluationError("not enough remaining address space for a subnet")
        found.append(str(subnet))
        at += size
    return found


def _cidrcontains(outer: Any, inner: Any) -> bool:
    network, other = _network(outer), _network(inner)
    return network.version == other.version and other.subnet_of(network)  # type: ignore[arg-type]


# --- time

_FORMAT = re.compile(r"'(?:[^']|'')*'|Y{4}|Y{2}|M{1,4}|D{1,2}|E{3,4}|h{1,2}|H{1,2}|A{2}|a{2}|m{1,2}|s{1,2}|Z{1,5}")


def _moment(text: Any) -> datetime.datetime:
    return datetime.datetime.fromisoformat(to_text(text).replace("Z", "+00:00"))


def _formatdate(template: Any, text: Any) -> str:
    moment = _moment(text)
    offset = moment.strftime("%z")
    forms = {
        "YYYY": "%Y",
        "YY": "%y",
        "MMMM": "%B",
        "MMM": "%b",
        "MM": "%m",
        "DD": "%d",
        "EEEE": "%A",
        "EEE": "%a",
        "hh": "%H",
        "HH": "%I",
        "AA": "%p",
        "mm": "%M",
        "ss": "%S",
    }

    def fill(match: re.Match[str]) -> str:
        part = match[0]
        if part[0] == "'":
            return part[1:-1].replace("''", "'")
        if part[0] == "Z":
            utc = offset == "+0000"
            return {
                1: "Z" if utc else offset[:3] + ":" + offset[3:],
                3: "UTC" if utc else offset,
                4: "UTC" if utc else offset,
                5: offset[:3] + ":" + offset[3:],
            }.get(len(part), offset)
        if part == "aa":
            return moment.strftime("%p").lower()
        if part in forms:
            return moment.strftime(forms[part])
        return str(
            {
                "M": moment.month,
                "D": moment.day,
                "h": moment.hour,
                "H": (moment.hour - 1) % 12 + 1,
                "m": moment.minute,
                "s": moment.second,
            }[part]
        )

    return _FORMAT.sub(fill, to_text(template))


_SPAN = re.compile(r"([-+]?\d*\.?\d+)(h|ms|m|s|us|µs|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def _timeadd(text: Any, span: Any) -> str:
    span = to_text(span)
    sign = -1 if span.startswith("-") else 1
    found = _SPAN.findall(span.lstrip("+-"))
    if not found:
        raise EvaluationError(f"not a duration: {span!r}")
    moment = _moment(text) + datetime.timedelta(
        seconds=sign * sum(float(count) * _SECONDS[unit] for count, unit in found)
    )
    return moment.isoformat().replace("+00:00", "Z")


def _timecmp(one: Any, other: Any) -> int:
    first, second = _moment(one), _moment(other)
    return (first > second) - (first < second)


# --- files: relative to the root module's folder, never larger than LONGEST


def _path(folder: Path, path: Any) -> Path:
    return folder / Path(to_text(path)).expanduser()


def _bytes(folder: Path, path: Any) -> bytes:
    place = _path(folder, path)
    if not place.is_file():
        raise EvaluationError(f"no file exists at {to_text(path)}")
    if place.stat().st_size > LONGEST:
        raise EvaluationError(f"{to_text(path)} is larger than {LONGEST // 1_000_000} MB")
    return place.read_bytes()


def read_text(folder: Path, path: Any) -> str:
    """A file's text. Raises EvaluationError."""
    try:
        return _bytes(folder, path).decode()
    except UnicodeDecodeError:
        raise EvaluationError(f"{to_text(path)} is not UTF-8") from None


def _fileset(folder: Path, base: Any, pattern: Any) -> Any:
    root, wanted = _path(folder, base), to_text(pattern)
    found: list[str] = []
    for alternative in _braces(wanted):
        matcher = re.compile(_glob(alternative))
        deep = "**" in alternative or "/" in alternative
        entries = (
            (Path(path) / name for path, _, names in os.walk(root) for name in names)
            if deep
            else (entry for entry in (root.iterdir() if root.is_dir() else ()) if entry.is_file())
        )
        for entry in entries:
            relative = entry.relative_to(root).as_posix()
            if matcher.fullmatch(relative):
                found.append(relative)
            if len(found) > MOST:
                raise EvaluationError("too many files")
    return Set.of(found)


def _braces(pattern: str) -> list[str]:
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    return [
        each
        for choice in match[1].split(",")
        for each in _braces(pattern[: match.start()] + choice + pattern[match.end() :])
    ]


def _glob(pattern: str) -> str:
    text = (
        re.escape(pattern)
        .replace(r"\*\*/", "(?:.*/)?")
        .replace(r"\*\*", ".*")
        .replace(r"\*", "[^/]*")
        .replace(r"\?", "[^/]")
    )
    return re.sub(r"\\\[(.*?)\\\]", lambda match: "[" + match[1].replace("\\", "") + "]", text)


# --- the table


def _text(change: Callable[[str], str]) -> Function:
    """A function of one text that leaves symbols alone."""
    return Function(lambda text: _outside(to_text(text), change), "text", "text")


def _known(function: Callable[..., Any], least: int = 1, most: int | None = None, gives: str = "value") -> Function:
    return Function(function, "known", gives, least, least if most is None else most)


def _any(function: Callable[..., Any], least: int = 1, most: int | None = None) -> Function:
    return Function(function, "any", "value", least, least if most is None else most)


def _texts(function: Callable[..., Any], least: int = 1, most: int | None = None) -> Function:
    return Function(function, "text", "text", least, least if most is None else most)


def _never(name: str) -> Callable[..., Any]:
    return lambda *_: Unknown(f"{name}()", "made when Terraform runs")


def _same(value: Any) -> Any:
    return value


MANY = 1_000_000
_OWN_OPTIONS = frozenset(
    [
        "jsonencode",
        "tolist",
        "toset",
        "tomap",
        "sensitive",
        "nonsensitive",
        "coalesce",
        "ephemeralasnull",
        "try",
        "can",
        "type",
    ]
)
_FILES = frozenset(
    [
        "file",
        "filebase64",
        "fileexists",
        "fileset",
        "filemd5",
        "filesha1",
        "filesha256",
        "filesha512",
        "filebase64sha256",
        "filebase64sha512",
        "abspath",
    ]
)

FUNCTIONS: dict[str, Function] = {
    # strings
    "chomp": _text(lambda text: text.rstrip("\r\n")),
    "lower": _text(str.lower),
    "upper": _text(str.upper),
    "title": _text(_title),
    "trimspace": _texts(lambda text: to_text(text).strip()),
    "strrev": _known(lambda text: to_text(text)[::-1], gives="text"),
    "split": _texts(_split, 2),
    "join": _any(_join, 2, MANY),
    "replace": _texts(_replace, 3),
    "substr": _texts(_substr, 3),
    "startswith": _texts(_startswith, 2),
    "endswith": _texts(_endswith, 2),
    "strcontains": _texts(_strcontains, 2),
    "indent": _texts(_indent, 2),
    "trim": _texts(lambda text, letters: to_text(text).strip(to_text(letters)), 2),
    "trimprefix": _texts(_trimprefix, 2),
    "trimsuffix": _texts(lambda text, suffix: to_text(text).removesuffix(to_text(suffix)), 2),
    "format": _any(_format, 1, MANY),
    "formatlist": _any(_formatlist, 1, MANY),
    "regex": _known(_regex_first, 2),
    "regexall": _known(
        lambda pattern, text: [_match(each) for each in _regex(to_text(pattern)).finditer(to_text(text))], 2
    ),
    # collections
    "alltrue": _any(_truth(False)),
    "anytrue": _any(_truth(True)),
    "chunklist": _any(_chunklist, 2),
    "coalesce": _any(_coalesce, 1, MANY),
    "coalescelist": _any(_coalescelist, 1, MANY),
    "compact": _any(_compact),
    "concat": _any(_concat, 1, MANY),
    "contains": _any(_contains, 2),
    "distinct": _any(_distinct),
    "element": _any(_element, 2),
    "flatten": _any(_flatten),
    "index": _any(_index_of, 2),
    "keys": _any(_keys),
    "length": _any(_known_length),
    "list": _any(lambda *items: list(items), 0, MANY),
    "lookup": _any(_lookup, 2, 3),
    "map": _any(lambda *items: dict(zip(items[::2], items[1::2], strict=True)), 0, MANY),
    "matchkeys": _any(_matchkeys, 3),
    "merge": _any(_merge, 0, MANY),
    "one": _any(_one),
    "range": _known(_range, 1, 3),
    "reverse": _any(lambda items: _like(list(reversed(to_list(items))), items)),
    "setintersection": _any(_set_of(_common), 1, MANY),
    "setproduct": _any(_setproduct, 1, MANY),
    "setsubtract": _any(_set_of(_without), 2),
    "setunion": _any(_set_of(lambda items, others: [*items, *others]), 1, MANY),
    "slice": _any(_slice, 3),
    "sort": _any(_sort),
    "sum": _any(_sum),
    "transpose": _known(_transpose),
    "values": _any(_values),
    "zipmap": _any(_zipmap, 2),
    # conversions
    "tobool": _any(lambda value: None if value is None else to_bool(value)),
    "tolist": _any(lambda value: value if value is None or has_options(value) else _tolist(value)),
    "tomap": _any(lambda value: value if value is None or has_options(value) else _tomap(value)),
    "tonumber": _any(lambda value: None if value is None else to_number(value)),
    "toset": _any(lambda value: value if value is None or has_options(value) else _toset(value)),
    "tostring": _any(lambda value: None if value is None else to_text(value)),
    "sensitive": _any(_same),
    "nonsensitive": _any(_same),
    "ephemeralasnull": _any(_same),
    "issensitive": _any(lambda value: Unknown("issensitive(…)")),
    # encodings
    "jsonencode": _any(jsonencode),
    "jsondecode": _texts(_jsondecode),
    "yamlencode": _any(lambda value: expand(value, _yamlencode)),
    "yamldecode": _texts(_yamldecode),
    "csvdecode": _known(_csvdecode),
    "urlencode": _known(_urlencode, gives="text"),
    "urldecode": _known(lambda text: unquote_plus(to_text(text)), gives="text"),
    "base64encode": _known(lambda text: base64.b64encode(to_text(text).encode()).decode(), gives="text"),
    "base64decode": _known(_decode64, gives="text"),
    "base64gzip": _known(_gzip64, gives="text"),
    "textencodebase64": _known(
        lambda text, code: base64.b64encode(to_text(text).encode(_codec(code))).decode(), 2, gives="text"
    ),
    "textdecodebase64": _known(
        lambda text, code: base64.b64decode(to_text(text)).decode(_codec(code)), 2, gives="text"
    ),
    # hashes
    **{name: _known(_hash(name), gives="text") for name in ("md5", "sha1", "sha256", "sha512")},
    "base64sha256": _known(_hash64("sha256"), gives="text"),
    "base64sha512": _known(_hash64("sha512"), gives="text"),
    "uuidv5": _known(lambda space, name: str(uuid.uuid5(_namespace(to_text(space)), to_text(name))), 2, gives="text"),
    "uuid": _any(_never("uuid"), 0),
    "bcrypt": _any(_never("bcrypt"), 1, 2),
    "rsadecrypt": _any(_never("rsadecrypt"), 2),
    "timestamp": _any(_never("timestamp"), 0),
    "plantimestamp": _any(_never("plantimestamp"), 0),
    # numbers
    "abs": _known(lambda value: abs(to_number(value))),
    "ceil": _known(lambda value: math.ceil(to_number(value))),
    "floor": _known(lambda value: math.floor(to_number(value))),
    "log": _known(lambda value, base: number(math.log(to_number(value)) / math.log(to_number(base))), 2),
    "max": _known(_extreme(max), 1, MANY),
    "min": _known(_extreme(min), 1, MANY),
    "parseint": _known(_parseint, 2),
    "pow": _known(_pow, 2),
    "signum": _known(_signum),
    # addresses
    "cidrcontains": _known(_cidrcontains, 2),
    "cidrhost": _known(_cidrhost, 2, gives="text"),
    "cidrnetmask": _known(lambda prefix: str(_network(prefix).netmask), gives="text"),
    "cidrsubnet": _known(_cidrsubnet, 3, gives="text"),
    "cidrsubnets": _known(_cidrsubnets, 1, MANY),
    # time
    "formatdate": _known(_formatdate, 2, gives="text"),
    "timeadd": _known(_timeadd, 2, gives="text"),
    "timecmp": _known(_timecmp, 2),
    # files
    "abspath": _known(lambda folder, path: os.path.abspath(_path(folder, path)), gives="text"),  # noqa: PTH100
    "basename": _texts(lambda path: to_text(path).rstrip("/").rsplit("/", 1)[-1]),
    "dirname": _texts(lambda path: os.path.dirname(to_text(path)) or "."),  # noqa: PTH120
    "pathexpand": _texts(lambda path: os.path.expanduser(to_text(path))),  # noqa: PTH111
    "file": _known(read_text, gives="text"),
    "filebase64": _known(lambda folder, path: base64.b64encode(_bytes(folder, path)).decode(), gives="text"),
    "fileexists": _known(lambda folder, path: _path(folder, path).is_file()),
    "fileset": _known(_fileset, 2),
    **{
        f"file{name}": _known(_file_hash(name, lambda found: found.hexdigest()), gives="text")
        for name in ("md5", "sha1", "sha256", "sha512")
    },
    **{
        f"filebase64{name}": _known(
            _file_hash(name, lambda found: base64.b64encode(found.digest()).decode()), gives="text"
        )
        for name in ("sha256", "sha512")
    },
}


def _codec(name: Any) -> str:
    return {"UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be"}.get(to_text(name), to_text(name))


def _namespace(name: str) -> uuid.UUID:
    known = {
        "dns": uuid.NAMESPACE_DNS,
        "url": uuid.NAMESPACE_URL,
        "oid": uuid.NAMESPACE_OID,
        "x500": uuid.NAMESPACE_X500,
    }
    return known.get(name) or uuid.UUID(name)


__all__ = ["FUNCTIONS", "call", "expand", "jsonable", "jsonencode", "pairs", "read_text", "reference_of"]
