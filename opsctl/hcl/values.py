"""Terraform's values as Python's, with symbols among them: what they are called, compared and converted as.

string, number, bool, null → str, int | float, bool, None; list and tuple → list; set → `Set`; map and object → dict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from opsctl.hcl.symbols import CLOSE, OPEN, SYMBOL, Some, SomeMap, Unknown, symbol

MOST_OPTIONS = 16  # alternatives that are followed before a value is a mere symbol


class EvaluationError(Exception):
    """An expression has no value: Terraform would refuse it, or nobody can say. The text is one sentence."""


class Set(list[Any]):
    """A set: sorted, each value once."""

    @classmethod
    def of(cls, items: Iterable[Any]) -> list[Any]:
        """A Set; of a list of unknown length, one of unknown length."""
        found: dict[Any, Any] = {}
        for item in items:
            found.setdefault(identity(item), item)
        ordered = sorted(found.values(), key=_order)
        return Some(ordered) if isinstance(items, Some) else cls(ordered)


def _order(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 0, value
    if isinstance(value, int | float):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, repr(value))


class Split(Some):
    """The pieces of a text with symbols: a symbol may hold the separator too."""

    def piece(self, place: int) -> Any:
        """A piece that is surely this one; else a symbol of its own."""
        before = "".join(self[: place + 1])
        if 0 <= place < len(self) and all(_is_one_piece(reference) for reference in SYMBOL.findall(before)):
            return self[place]
        return symbol(f"split({name_of(''.join(self))})[{place}]")


def _is_one_piece(reference: str) -> bool:
    """Whether a symbol is a name or number, which hold none of the separators of ARNs and addresses."""
    return reference in _GIVEN or reference.endswith((".name", ".account_id", ".owner_id", "each.key"))


def identity(value: Any) -> Any:
    """Something hashable that is equal for equal values."""
    if isinstance(value, dict):
        return ("map", *((key, identity(value[key])) for key in sorted(value)))
    if isinstance(value, list):
        return ("list", *map(identity, value))
    if isinstance(value, bool):
        return ("bool", value)
    return value


class Lazy:
    """A value that is evaluated when it is asked for: a resource, a module. `materialise` gives all that is known."""

    address = ""

    def attribute(self, name: str) -> Any:
        raise NotImplementedError

    def materialise(self) -> dict[str, Any]:
        raise NotImplementedError


class BlockValue(dict[str, Any]):
    """A nested block: what isn't written in it is the provider's to say."""

    reference = ""


def lone(text: str) -> str:
    """The reference of a string that is one symbol and nothing else, else ""."""
    if text[:1] == OPEN and text[-1:] == CLOSE and text.count(OPEN) == 1:
        return text[1:-1]
    return ""


def reference_of(value: Any) -> str:
    """The name of a value that isn't known as a whole, else ""."""
    if isinstance(value, Unknown):
        return value.reference
    return lone(value) if isinstance(value, str) else ""


def name_of(value: Any) -> str:
    """What a value is called inside another's name; never holds a symbol's brackets."""
    if isinstance(value, Unknown):
        return value.reference
    if isinstance(value, str):
        return lone(value) or '"' + SYMBOL.sub(r"${\1}", value)[:60] + '"'
    if isinstance(value, Lazy):
        return value.address
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return number_text(value)
    return "[…]" if isinstance(value, list) else "{…}"


def plain(text: str) -> str:
    """A string as part of an address: `⟦var.a⟧-b` is `${var.a}-b`."""
    return SYMBOL.sub(r"${\1}", text) if OPEN in text else text


def unknown(reference: str, why: str = "", options: Iterable[Any] = ()) -> Any:
    """One of `options`: itself where there is only one, no options where there are too many."""
    distinct: dict[Any, Any] = {}
    for option in options:
        for each in option.options if isinstance(option, Unknown) and option.options else (option,):
            distinct.setdefault(identity(each), each)
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    return Unknown(plain(reference), why, tuple(distinct.values()) if len(distinct) <= MOST_OPTIONS else ())


def lifted(arguments: list[Any], function: Callable[[list[Any]], Any], name: str) -> Any:
    """A function of arguments some of which are one of a few values: each of its results. Cost: MOST_OPTIONS calls."""
    choices: list[list[Any]] = [[]]
    for argument in arguments:
        options = argument.options if isinstance(argument, Unknown) and argument.options else (argument,)
        if len(choices) * len(options) > MOST_OPTIONS:
            options = (Unknown(argument.reference, argument.why),)
        choices = [[*choice, option] for choice in choices for option in options]
    results: list[Any] = []
    failure: EvaluationError | None = None
    for choice in choices:
        try:
            results.append(function(choice))
        except EvaluationError as error:  # the branch that Terraform would not take
            failure = error
    if not results:
        raise failure or EvaluationError(f"{name} has no value")
    return unknown(name, "depends on what is not known", results)


def has_options(value: Any) -> bool:
    return isinstance(value, Unknown) and bool(value.options)


def number_text(value: int | float) -> str:
    """As Terraform prints numbers: without exponent, without trailing zeros."""
    if isinstance(value, int):
        return str(value)
    if math.isinf(value) or math.isnan(value):
        return "+Inf" if value > 0 else "-Inf"
    if value.is_integer():
        return str(int(value))
    text = repr(value)
    return f"{value:.20f}".rstrip("0") if "e" in text else text


def number(value: float) -> int | float:
    """1.0 is 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def to_text(value: Any) -> str:
    """As inside a template. What isn't known is its symbol. Raises EvaluationError for null and collections."""
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, Unknown):
        return str(value)
    if value is None:
        raise EvaluationError("null where a string is needed")
    raise EvaluationError(f"{kind_of(value)} where a string is needed")


def to_number(value: Any) -> Any:
    """A number, or an Unknown."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict | Lazy):
        raise EvaluationError(f"{kind_of(value)} where a number is needed")
    if isinstance(value, str):
        if OPEN in value:
            return Unknown(plain(value) if not lone(value) else lone(value))
        try:
            return number(float(value)) if not value.lstrip("-").isdigit() else int(value)
        except ValueError:
            raise EvaluationError(f"{value!r} where a number is needed") from None
    return value


def to_bool(value: Any) -> Any:
    """True, False, or an Unknown."""
    if isinstance(value, bool | Unknown):
        return value
    if isinstance(value, str):
        if value in ("true", "1"):
            return True
        if value in ("false", "0"):
            return False
        if OPEN in value:
            return Unknown(lone(value) or plain(value))
    raise EvaluationError(f"{kind_of(value)} where true or false is needed")


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in (
        (bool, "a bool"),
        (str, "a string"),
        (int, "a number"),
        (float, "a number"),
        (Set, "a set"),
        (list, "a list"),
    ):
        if isinstance(value, kind):
            return name
    return "an unknown value" if isinstance(value, Unknown) else "an object"


def to_list(value: Any) -> list[Any]:
    """A list; what isn't known as a whole gives one of unknown length."""
    if isinstance(value, list):
        return value
    if reference := reference_of(value):
        return Some([symbol(f"{reference}[*]")])
    raise EvaluationError(f"{kind_of(value)} where a list is needed")


def to_map(value: Any) -> dict[str, Any]:
    """A map; what isn't known as a whole gives one of unknown keys."""
    if isinstance(value, dict):
        return value
    if isinstance(value, Lazy):
        return value.materialise()
    if reference := reference_of(value):
        return SomeMap({symbol(f"{reference}[*].key"): symbol(f"{reference}[*]")})
    raise EvaluationError(f"{kind_of(value)} where a map is needed")


_SURELY_SET = (".arn", ".id", ".url", ".name", ".key_id")
_GIVEN = ("account", "region")


def surely_set(reference: str) -> bool:
    """A made resource's ARN or id is neither null nor empty."""
    return reference in _GIVEN or (
        reference.endswith(_SURELY_SET) and not reference.startswith(("var.", "data.external"))
    )


def equal(one: Any, other: Any) -> bool | None:
    """As `==`; None where nobody can say. Cost: linear in the smaller."""
    if isinstance(one, Lazy) or isinstance(other, Lazy):
        if one is other:
            return True
        return False if one is None or other is None else None
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        if isinstance(one, Unknown) and isinstance(other, Unknown) and one.reference == other.reference:
            return True
        options = [equal(a, b) for a in _alternatives(one) for b in _alternatives(other)]
        return options[0] if options and all(each is options[0] for each in options) else None
    if isinstance(one, str) and isinstance(other, str):
        return _equal_texts(one, other)
    for a, b in ((one, other), (other, one)):
        if isinstance(a, str) and OPEN in a and not isinstance(b, str):
            reference = lone(a)
            if not reference:
                return False
            return False if b is None and surely_set(reference) else None
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        if isinstance(one, Some) or isinstance(other, Some):
            return None
        if len(one) != len(other):
            return False
        return _all(equal(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        if isinstance(one, SomeMap) or isinstance(other, SomeMap):
            return None
        if one.keys() != other.keys():
            return False
        return _all(equal(value, other[key]) for key, value in one.items())
    return bool(one == other)


def _alternatives(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Unknown):
        return value.options
    return (value,)


def _all(answers: Iterable[bool | None]) -> bool | None:
    found: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            found = None
    return found


def _equal_texts(one: str, other: str) -> bool | None:
    if one == other:
        return True
    if OPEN not in one and OPEN not in other:
        return False
    for text, against in ((one, other), (other, one)):
        reference = lone(text)
        if reference and against == "" and surely_set(reference):
            return False
    start_one, start_other = one.split(OPEN, 1)[0], other.split(OPEN, 1)[0]
    end_one, end_other = one.rsplit(CLOSE, 1)[-1], other.rsplit(CLOSE, 1)[-1]
    shorter = min(len(start_one), len(start_other))
    if start_one[:shorter] != start_other[:shorter]:
        return False
    shorter = min(len(end_one), len(end_other))
    if shorter and end_one[-shorter:] != end_other[-shorter:]:
        return False
    if OPEN not in one or OPEN not in other:  # the text around the symbols is longer than all of the other
        symbolic, known = (one, other) if OPEN in one else (other, one)
        if len(SYMBOL.sub("", symbolic)) > len(known):
            return False
    return None


def pairs(value: Any) -> tuple[list[tuple[Any, Any]], bool]:
    """(key, value) of each element as `for` and `for_each` see them, and whether they stand for an unknown number."""
    if isinstance(value, Set):
        return [(item, item) for item in value], False
    if isinstance(value, list):
        return list(enumerate(value)), isinstance(value, Some)
    if isinstance(value, Lazy):
        value = value.materialise()
    if isinstance(value, dict):
        return [(key, value[key]) for key in sorted(value)], isinstance(value, SomeMap)
    if isinstance(value, Unknown) and value.options:
        found: dict[Any, tuple[Any, Any]] = {}
        for option in value.options:
            if option is not None:
                for key, item in pairs(option)[0]:
                    found.setdefault(identity([key, item]), (key, item))
        return list(found.values()), True
    if reference := reference_of(value):
        return [(symbol(f"{reference}[*].key"), symbol(f"{reference}[*]"))], True
    raise EvaluationError(f"{kind_of(value)} can't be gone through")


def attribute(value: Any, name: str) -> Any:
    """`value.name`."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        if isinstance(value, BlockValue):
            return symbol(f"{value.reference}.{name}")
        if isinstance(value, SomeMap) and value:
            return next(iter(value.values()))
        raise EvaluationError(f"there is no attribute {name!r}")
    if isinstance(value, Lazy):
        return value.attribute(name)
    if isinstance(value, Some) and value and name.isdigit():
        return value[0]
    if isinstance(value, Unknown) and value.options:
        return lifted([value], lambda one: attribute(one[0], name), f"{value.reference}.{name}")
    if reference := reference_of(value):
        return symbol(f"{reference}.{name}")
    raise EvaluationError(f"{kind_of(value)} has no attribute {name!r}")


def index(value: Any, key: Any) -> Any:
    """`value[key]`; one of the elements where the key isn't known."""
    if isinstance(value, list):
        if isinstance(value, Set):
            raise EvaluationError("a set has no indexes")
        position = to_number(key)
        if isinstance(position, Unknown):
            if not value:
                raise EvaluationError("an empty list has no elements")
            return unknown(f"{name_of(value)}[{name_of(key)}]", "the index isn't known", value)
        if isinstance(value, Split) and isinstance(position, int):
            return value.piece(position)
        if isinstance(value, Some):
            return value[0] if value else Unknown("an element of an empty list")
        if isinstance(position, int) and 0 <= position < len(value):
            return value[position]
        raise EvaluationError(f"there is no element {number_text(position)}: the list has {len(value)}")
    if isinstance(value, dict):
        text = to_text(key)
        if text in value:
            return value[text]
        if isinstance(value, SomeMap) and value:
            return next(iter(value.values()))
        if OPEN in text:
            if not value:
                raise EvaluationError(f"an empty map has no key {plain(text)!r}")
            possible = [item for name, item in value.items() if equal(name, text) is not False]
            return (
                unknown(f"{{…}}[{name_of(key)}]", "the key isn't known", possible)
                if possible
                else attribute(value, text)
            )
        return attribute(value, text)
    if isinstance(value, Unknown) and value.options:
        return lifted([value, key], lambda both: index(*both), f"{value.reference}[{name_of(key)}]")
    if reference := reference_of(value):
        return symbol(f"{reference}[{name_of(key)}]")
    if isinstance(value, Lazy):
        return value.attribute(to_text(key))
    raise EvaluationError(f"{kind_of(value)} has no elements")
