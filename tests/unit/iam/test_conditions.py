"""Conditions, operator by operator, as the IAM User Guide documents them."""

from __future__ import annotations

import pytest

from opsctl.iam.conditions import WORDS, context_of, holds
from opsctl.iam.policy import Condition


def answer(operator, values, *given, complete=True):
    values = (values,) if isinstance(values, str) else tuple(values)
    context = context_of({"the:Key": given[0]} if given else {}, complete=complete)
    return WORDS[holds(Condition(operator, "The:key", values), context)]


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("StringEquals", "a", "a", "yes"),
        ("StringEquals", "a*", "ab", "no"),
        ("stringequals", ("a", "b"), "b", "yes"),
        ("StringNotEquals", ("a", "b"), "b", "no"),
        ("StringNotEquals", ("a", "b"), "c", "yes"),
        ("StringEqualsIgnoreCase", "Ab", "aB", "yes"),
        ("StringNotEqualsIgnoreCase", "Ab", "aB", "no"),
        ("StringLike", "a*", "ab:c", "yes"),
        ("StringLike", "a?", "A1", "no"),
        ("StringNotLike", "a*", "ab", "no"),
        ("NumericLessThan", "10", "9", "yes"),
        ("NumericLessThan", "10", "10", "no"),
        ("NumericLessThanEquals", "10", "10.0", "yes"),
        ("NumericGreaterThan", "10", "11", "yes"),
        ("NumericGreaterThanEquals", "10", "9.5", "no"),
        ("NumericEquals", "10", "1e1", "yes"),
        ("NumericNotEquals", "10", "11", "yes"),
        ("NumericEquals", "10", "ten", "no"),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "yes"),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2025-12-31", "no"),
        ("DateEquals", "1767225600", "2026-01-01T01:00:00+01:00", "yes"),
        ("Bool", "true", "True", "yes"),
        ("Bool", "false", "true", "no"),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", "yes"),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", "yes"),
        ("IpAddress", "10.0.0.0/8", "2001:db8::1", "no"),
        ("IpAddress", ("10.0.0.0/8", "2001:db8::/32"), "2001:db8::1", "yes"),
        ("IpAddress", "192.0.2.1", "192.0.2.1", "yes"),
        ("NotIpAddress", "10.0.0.0/8", "11.0.0.1", "yes"),
        ("ArnLike", "arn:aws:sns:*:1:x*", "arn:aws:sns:eu-west-1:1:xy", "yes"),
        ("ArnEquals", "arn:aws:sns:*:1:x*", "arn:aws:sns:eu-west-1:1:xy", "yes"),
        ("ArnLike", "arn:aws:sns:*:x", "arn:aws:sns:eu-west-1:1:x", "no"),
        ("ArnNotLike", "arn:aws:sns:*:1:x", "arn:aws:sns:eu-west-1:1:y", "yes"),
        ("Null", "true", "a", "no"),
        ("Null", "false", "a", "yes"),
        ("StringLikes", "a", "a", "no"),
    ],
)
def test_an_operator_compares_as_documented(operator, wanted, given, expected):
    assert answer(operator, wanted, given) == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("StringEquals", "a", "no"),
        ("StringNotEquals", "a", "yes"),
        ("StringEqualsIfExists", "a", "yes"),
        ("ArnNotLike", "a", "yes"),
        ("NotIpAddress", "10.0.0.0/8", "yes"),
        ("Bool", "false", "no"),
        ("BoolIfExists", "false", "yes"),
        ("Null", "true", "yes"),
        ("Null", "false", "no"),
        ("ForAllValues:StringEquals", "a", "yes"),
        ("ForAnyValue:StringEquals", "a", "no"),
        ("ForAnyValue:StringNotEquals", "a", "no"),
        ("ForAnyValue:StringEqualsIfExists", "a", "yes"),
    ],
)
def test_a_key_that_the_request_lacks(operator, value, expected):
    assert answer(operator, value) == expected
    assert answer(operator, value, None, complete=False) == expected


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("ForAllValues:StringEquals", ("a", "b"), ("a",), "yes"),
        ("ForAllValues:StringEquals", ("a", "b"), ("a", "c"), "no"),
        ("ForAnyValue:StringEquals", ("a", "b"), ("a", "c"), "yes"),
        ("ForAnyValue:StringLike", ("x*",), ("a", "c"), "no"),
        ("ForAllValues:StringNotEquals", ("a",), ("b", "c"), "yes"),
        ("ForAllValues:StringNotEquals", ("a",), ("a", "c"), "no"),
        ("ForAnyValue:StringNotEquals", ("a",), ("a", "c"), "yes"),
        ("ForAnyValue:StringNotEquals", ("a",), ("a",), "no"),
        ("StringEquals", ("a",), ("a", "c"), "yes"),
        ("StringNotEquals", ("a",), ("a", "c"), "no"),
    ],
)
def test_keys_of_several_values(operator, wanted, given, expected):
    assert answer(operator, wanted, given) == expected


def test_a_key_that_nobody_gave_leaves_it_open_and_is_remembered():
    context = context_of({})
    assert WORDS[holds(Condition("StringEquals", "S3:Prefix", ("a",)), context)] == "depends"
    assert WORDS[holds(Condition("Null", "aws:SourceVpce", ("true",)), context)] == "depends"
    assert list(context.asked) == ["s3:prefix", "aws:sourcevpce"]


@pytest.mark.parametrize(
    ("operator", "given", "expected"),
    [
        ("StringEquals", {}, "no"),
        ("StringEquals", {"s3:prefix": "a"}, "no"),
        ("ForAnyValue:StringLike", {}, "no"),
        ("Null", {}, "no"),
        ("StringEqualsIfExists", {}, "depends"),
        ("StringEqualsIfExists", {"s3:prefix": "a"}, "no"),
        ("StringEqualsIfExists", {"s3:prefix": None}, "yes"),
        ("ForAllValues:StringEquals", {"s3:prefix": None}, "yes"),
    ],
)
def test_nothing_matches_an_empty_list(operator, given, expected):
    assert WORDS[holds(Condition(operator, "s3:prefix", ()), context_of(given))] == expected


def test_an_unknown_value_leaves_it_open():
    assert answer("StringEquals", "⟦var.vpce⟧", "vpce-1") == "depends"
    assert answer("StringNotEquals", "⟦var.vpce⟧", "vpce-1") == "depends"
    assert answer("StringEquals", "⟦var.vpce⟧", "⟦var.vpce⟧") == "yes"
    assert answer("NumericLessThan", "⟦var.age⟧", "3") == "depends"
    assert answer("IpAddress", "⟦var.office⟧", "10.0.0.1") == "depends"
    assert answer("ArnLike", "arn:aws:sns:*:⟦account⟧:x", "arn:aws:sns:eu-west-1:111122223333:y") == "no"


def test_variables_stand_for_the_requests_other_keys():
    owner = Condition("StringEquals", "aws:ResourceTag/owner", ("${aws:username}",))
    given = {"aws:ResourceTag/owner": "alice", "aws:username": "alice"}
    assert WORDS[holds(owner, context_of(given))] == "yes"
    assert WORDS[holds(owner, context_of({**given, "aws:username": "bob"}))] == "no"
    assert WORDS[holds(owner, context_of({**given, "aws:username": None}))] == "no"
    assert WORDS[holds(owner, context_of({"aws:ResourceTag/owner": "alice"}))] == "depends"
    assert WORDS[holds(owner, context_of(given), variables=False)] == "no"
