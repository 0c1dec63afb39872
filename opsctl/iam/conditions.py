"""Whether a statement's conditions hold, as far as what is known of a request can tell.

Answers are small integers, so that "and" is `min`, "or" is `max` and "not" is `YES - answer`: NO, DEPENDS, YES. A key
whose value nobody gave makes DEPENDS; a key that the request is known to lack decides as AWS documents it.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

from opsctl.hcl.symbols import is_symbolic
from opsctl.iam.patterns import Answer, Dialect, compiled, encode, fill, has_variables, match
from opsctl.iam.policy import Condition

NO, DEPENDS, YES = 0, 1, 2
WORDS: tuple[Answer, Answer, Answer] = ("no", "depends", "yes")
_VALUE = {"no": NO, "depends": DEPENDS, "yes": YES}

Values: TypeAlias = str | Sequence[str] | None
Test: TypeAlias = Callable[[str, str], int]  # (policy's value, request's value) → answer


@dataclass
class Context:
    """The keys of a request.

    Attributes:
        values: key in lower case → its values; None where the request is known to lack it.
        complete: keys that aren't here are lacking; otherwise they are unknown.
        lacking: beginnings of keys ("aws:principaltag/") that are lacking where they aren't here.
        asked: keys whose value would have decided something and isn't known; grows with evaluation.
    """

    values: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    complete: bool = False
    lacking: tuple[str, ...] = ()
    asked: dict[str, None] = field(default_factory=dict)

    def get(self, key: str) -> tuple[str, ...] | bool | None:
        """Its values; None where the request lacks it; False where nobody knows (and then it is noted in `asked`)."""
        key = key.lower()
        if key in self.values:
            return self.values[key]
        if self.complete or (self.lacking and key.startswith(self.lacking)):
            return None
        self.asked[key] = None
        return False

    def variable(self, key: str) -> str | None:
        """What `${key}` stands for: a symbol where it isn't known, None where the request lacks it or has several."""
        values = self.get(key)
        if values is False:
            return f"⟦${{{key}}}⟧"
        return values[0] if isinstance(values, tuple) and len(values) == 1 else None


def context_of(given: Mapping[str, Values], *, complete: bool = False) -> Context:
    """A `Context` from values as people write them: one string, several, or None for a key that is lacking."""
    return Context(
        {
            key.lower(): None if value is None else (value,) if isinstance(value, str) else tuple(value)
            for key, value in given.items()
        },
        complete,
    )


# What one value says to another -------------------------------------------------------------------------------------


def _unequal(wanted: str, given: str) -> int:
    """Of values that aren't equal: an unknown one might be."""
    return DEPENDS if is_symbolic(wanted) or is_symbolic(given) else NO


def _plain(text: str) -> str:
    """What a filled-in text says where `*` and `?` are no wildcards anyway."""
    return text.replace("\ue000", "*").replace("\ue001", "?")


def _equals(wanted: str, given: str) -> int:
    wanted = _plain(wanted)
    if wanted == given:
        return YES
    if not is_symbolic(wanted) and not is_symbolic(given):
        return NO
    return _VALUE[match(compiled(wanted.replace("*", "\ue000").replace("?", "\ue001"), "glob"), encode(given))]


def _equals_ignoring_case(wanted: str, given: str) -> int:
    wanted = _plain(wanted)
    return YES if wanted.casefold() == given.casefold() else _unequal(wanted, given)


def _like(dialect: Dialect) -> Test:
    return lambda wanted, given: _VALUE[match(compiled(wanted, dialect), encode(given))]


def _ordered(parse: Callable[[str], float], holds: Callable[[float, float], bool]) -> Test:
    """Compares the request's value with the policy's: `holds(given, wanted)`. What can't be read never matches."""

    def test(wanted: str, given: str) -> int:
        try:
            return YES if holds(parse(given), parse(wanted)) else NO
        except (ValueError, OverflowError):
            return _unequal(wanted, given)

    return test


@lru_cache(maxsize=4096)
def moment(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 date or of epoch seconds; UTC where no zone is said. Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        when = datetime.fromisoformat(text.strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _address(wanted: str, given: str) -> int:
    from ipaddress import ip_address, ip_network  # few policies need it

    try:
        address, network = ip_address(given), ip_network(wanted, strict=False)
    except ValueError:
        return _unequal(wanted, given)
    return YES if address.version == network.version and address in network else NO


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "Equals": lambda given, wanted: given == wanted,
    "LessThan": lambda given, wanted: given < wanted,
    "LessThanEquals": lambda given, wanted: given <= wanted,
    "GreaterThan": lambda given, wanted: given > wanted,
    "GreaterThanEquals": lambda given, wanted: given >= wanted,
}

# Operator, in lower case → (its test of two values, whether it is the negation of that test).
OPERATORS: Mapping[str, tuple[Test, bool]] = {
    name.lower(): how
    for name, how in {
        "StringEquals": (_equals, False),
        "StringNotEquals": (_equals, True),
        "StringEqualsIgnoreCase": (_equals_ignoring_case, False),
        "StringNotEqualsIgnoreCase": (_equals_ignoring_case, True),
        "StringLike": (_like("glob"), False),
        "StringNotLike": (_like("glob"), True),
        "ArnEquals": (_like("arn"), False),
        "ArnLike": (_like("arn"), False),
        "ArnNotEquals": (_like("arn"), True),
        "ArnNotLike": (_like("arn"), True),
        "Bool": (_equals_ignoring_case, False),
        "BinaryEquals": (_equals, False),
        "IpAddress": (_address, False),
        "NotIpAddress": (_address, True),
        **{f"Numeric{name}": (_ordered(float, holds), False) for name, holds in _COMPARISONS.items()},
        "NumericNotEquals": (_ordered(float, _COMPARISONS["Equals"]), True),
        **{f"Date{name}": (_ordered(moment, holds), False) for name, holds in _COMPARISONS.items()},
        "DateNotEquals": (_ordered(moment, _COMPARISONS["Equals"]), True),
    }.items()
}  # fmt: skip


# One condition ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operator:
    """An operator taken apart.

    Attributes:
        name: in lower case without its set prefix and IfExists: "stringlike", "null".
        quantifier: "forallvalues", "foranyvalue" or "".
        if_exists: a request without the key passes.
    """

    name: str
    quantifier: str
    if_exists: bool

    @property
    def negated(self) -> bool:
        return self.name in OPERATORS and OPERATORS[self.name][1]

    @property
    def known(self) -> bool:
        return (self.name in OPERATORS or (self.name == "null" and not self.if_exists)) and self.quantifier in (
            "", "forallvalues", "foranyvalue",
        )  # fmt: skip


@lru_cache(maxsize=1024)
def operator_of(written: str) -> Operator:
    """ "ForAnyValue:StringLikeIfExists" taken apart; case doesn't matter."""
    quantifier, _, name = written.lower().rpartition(":")
    if_exists = name.endswith("ifexists")
    return Operator(name.removesuffix("ifexists"), quantifier, if_exists)


def _any(answers: Iterable[int]) -> int:
    return max(answers, default=NO)


def _all(answers: Iterable[int]) -> int:
    return min(answers, default=YES)


def holds(condition: Condition, context: Context, *, variables: bool = True) -> int:
    """Whether one condition holds: NO, DEPENDS or YES.

    Args:
        variables: policy variables are filled in (documents of version 2012-10-17).

    An operator that AWS doesn't know never holds (AWS refuses such a policy). Nothing matches an empty list: then a
    condition holds where the key is missing, if its operator says so, and else never (IAM Access Analyzer policy check
    reference, "Empty array condition").
    """
    operator = operator_of(condition.operator)
    without_key = operator.if_exists or operator.negated or operator.quantifier == "forallvalues"
    if not operator.known or (not condition.values and not without_key):
        return NO
    given = context.get(condition.key)
    if operator.name == "null":
        absent = DEPENDS if given is False else YES if not given else NO
        return _any(
            absent if value.lower() == "true" else YES - absent if value.lower() == "false" else _unequal(value, "")
            for value in condition.values
        )
    if given is False:
        return DEPENDS
    test, negated = OPERATORS[operator.name]
    if not given:  # the request lacks the key, or has it without a value
        return YES if operator.if_exists or operator.quantifier == "forallvalues" else (
            YES if negated and operator.quantifier == "" else NO
        )  # fmt: skip
    wanted: Iterable[str] = condition.values
    if variables and any(map(has_variables, wanted)):
        wanted = [filled for value in wanted if (filled := fill(value, context.variable)) is not None]
    assert isinstance(given, tuple)
    each = (_any(test(value, one) for value in wanted) for one in given)
    if negated:
        each = (YES - answer for answer in each)
    # Without a quantifier a key has one value; of several, AWS takes any that matches (none may, where negated).
    everyone = operator.quantifier == "forallvalues" or (negated and operator.quantifier == "")
    return _all(each) if everyone else _any(each)
