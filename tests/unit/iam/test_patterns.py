"""IAM's patterns as sets of strings, against brute force on a small alphabet."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opsctl.iam.patterns import (
    Automaton,
    Beginnings,
    TooLarge,
    compiled,
    covers,
    encode,
    fill,
    match,
    matches,
    overlap,
)

ALPHABET = "ab:"
TEXTS = ["".join(letters) for size in range(5) for letters in product(ALPHABET, repeat=size)]
PATTERNS = st.text(alphabet="ab:*?", max_size=5)
DIALECTS = st.sampled_from(["glob", "resource", "arn"])


def held(pattern, text, dialect):
    """Letter by letter, as the documentation has it."""

    def fits(at, rest):
        if at == len(pattern):
            return not rest
        letter = pattern[at]
        inside = dialect != "glob" and pattern[:at].count(":") < 5
        if letter == "*":
            remaining = pattern[at:].lstrip("*?")
            wide = not inside or not remaining or (dialect == "resource" and remaining[0] == ":")
            return fits(at + 1, rest) or bool(rest and (wide or rest[0] != ":") and fits(at, rest[1:]))
        if letter == "?":
            return bool(rest and (not inside or rest[0] != ":") and fits(at + 1, rest[1:]))
        return rest[:1] == letter and fits(at + 1, rest[1:])

    return fits(0, text)


@given(PATTERNS, st.sampled_from(TEXTS), DIALECTS)
@settings(max_examples=600, deadline=None)
def test_a_pattern_holds_just_the_strings_that_the_documentation_says(pattern, text, dialect):
    assume(dialect == "glob" or ("*?" not in pattern and "?*" not in pattern))  # AWS doesn't say where these end
    assert matches(pattern, text, dialect) == held(pattern, text, dialect)


@given(PATTERNS, PATTERNS, DIALECTS)
@settings(max_examples=300, deadline=None)
def test_covering_is_holding_every_string_of_the_other(wide, narrow, dialect):
    strays = [text for text in TEXTS if matches(narrow, text, dialect) and not matches(wide, text, dialect)]
    if covers(wide, narrow, dialect):
        assert strays == []
    else:
        stray = Automaton((compiled(wide, dialect), compiled(narrow, dialect))).first(0b10, 0b01)
        assert stray is not None
        assert matches(narrow, stray, dialect)
        assert not matches(wide, stray, dialect)


@given(PATTERNS, PATTERNS, DIALECTS)
@settings(max_examples=300, deadline=None)
def test_overlapping_patterns_have_a_witness_and_others_have_no_common_string(one, other, dialect):
    witness = overlap(one, other, dialect)
    if witness is None:
        assert not [text for text in TEXTS if matches(one, text, dialect) and matches(other, text, dialect)]
    else:
        assert matches(one, witness, dialect)
        assert matches(other, witness, dialect)


@given(st.lists(PATTERNS, min_size=1, max_size=4), DIALECTS)
@settings(max_examples=200, deadline=None)
def test_the_cells_of_patterns_are_all_the_ways_in_which_a_string_can_be_in_them(patterns, dialect):
    cells = Automaton(compiled(each, dialect) for each in patterns).cells()
    seen = {sum(1 << i for i, each in enumerate(patterns) if matches(each, text, dialect)) for text in TEXTS}
    assert seen <= set(cells)
    for bits, text in cells.items():
        assert bits == sum(1 << i for i, each in enumerate(patterns) if matches(each, text, dialect))


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        ("arn:aws:s3:::photos/*", "arn:aws:s3:::photos/a:b/c", True),
        ("arn:aws:s3:::photos/*.jpg", "arn:aws:s3:::photos/a:b.jpg", True),
        ("arn:aws:*", "arn:aws:sqs:eu-west-1:1:q", True),
        ("arn:aws:sqs:eu-*-1:1:q", "arn:aws:sqs:eu-west-1:1:q", True),
        ("arn:aws:sqs:eu-*-1:1:q", "arn:aws:sqs:eu-x:y-1:1:q", False),
        ("arn:aws:s3:::photos", "arn:aws:s3:::Photos", False),
    ],
)
def test_a_star_at_the_end_of_a_segment_goes_on_past_colons_and_one_inside_does_not(pattern, text, answer):
    assert matches(pattern, text) is answer


def test_arn_like_matches_part_by_part():
    assert not matches("arn:aws:s*:x", "arn:aws:sns:eu-west-1:1:x", "arn")
    assert matches("arn:aws:sns:*:1:*", "arn:aws:sns:eu-west-1:1:a:b", "arn")
    assert not matches("arn:aws:sns:*:1:x", "arn:aws:sns:a:b:1:x", "arn")
    assert matches("arn:aws:sns:*:1:x", "arn:aws:sns:a:b:1:x", "resource")


def test_a_pattern_made_to_be_slow_is_answered_all_the_same():
    assert not matches("*a" * 30 + "b", "a" * 5000, "glob")
    assert not matches("arn:" + "*x" * 12 + "y:z", "arn:" + "x" * 3000, "resource")
    assert covers("*", "*a" * 30)


QUEUE = "arn:aws:sqs:⟦region⟧:⟦account⟧:photos"


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        (QUEUE, QUEUE, "yes"),
        ("arn:aws:sqs:*:*:photos", QUEUE, "yes"),
        (QUEUE, "arn:aws:sqs:eu-west-1:111122223333:photos", "depends"),
        ("arn:aws:sqs:eu-west-1:111122223333:photos", QUEUE, "depends"),
        (QUEUE, "arn:aws:sqs:eu-west-1:111122223333:orders", "no"),
        ("arn:aws:s3:::⟦aws_s3_bucket.a.id⟧/*", "arn:aws:s3:::⟦aws_s3_bucket.b.id⟧/x", "no"),
        ("arn:aws:s3:::⟦aws_s3_bucket.a.id⟧/*", "arn:aws:s3:::⟦aws_s3_bucket.a.id⟧/x", "yes"),
        ("arn:aws:s3:::⟦var.one⟧/*", "arn:aws:s3:::⟦var.other⟧/x", "depends"),
        ("arn:aws:s3:::?", "arn:aws:s3:::⟦var.one⟧", "depends"),
    ],
)
def test_a_symbol_is_itself_is_in_a_star_and_may_be_anything_else(pattern, text, answer):
    assert match(compiled(pattern, "resource"), encode(text)) == answer


def test_symbols_take_part_in_covering_and_overlap():
    assert covers("arn:aws:sqs:*:*:photos", QUEUE)
    assert not covers(QUEUE, "arn:aws:sqs:*:*:photos")
    assert overlap("arn:aws:s3:::⟦aws_s3_bucket.a.id⟧/*", "arn:aws:s3:::*/k") == "arn:aws:s3:::⟦aws_s3_bucket.a.id⟧/k"


def test_a_symbol_is_not_taken_for_one_character():
    assert not covers("arn:aws:s3:::?", "arn:aws:s3:::⟦var.one⟧")
    assert overlap("arn:aws:s3:::?", "arn:aws:s3:::⟦var.one⟧") is None


def test_variables_are_filled_in_as_plain_text():
    values = {"aws:username": "a*", "aws:userid": None}.get
    assert matches(fill("${aws:username}/*", values), "a*/x", "glob")
    assert not matches(fill("${aws:username}/*", values), "ab/x", "glob")
    assert fill("${aws:userid}", values) is None
    assert fill("${aws:userid, 'nobody'}", values) == "nobody"
    assert matches(fill("${*}${?}${$}*", values), "*?$x", "glob")
    assert not matches(fill("${*}", values), "x", "glob")


def test_two_patterns_made_to_be_hard_are_given_up_soon():
    one, other = "*a?" * 60, "?b*" * 60
    with pytest.raises(TooLarge, match="2000 states for 2 patterns"):
        overlap(one, other, "glob")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab*?:", max_size=5), max_size=8), st.text("ab*?:", max_size=5))
def test_what_does_not_begin_alike_shares_nothing(texts: list[str], pattern: str):
    found = Beginnings(texts)
    near, around = found.near(pattern, len(texts)), found.around(pattern)
    assert near is not None
    for number, text in enumerate(texts):
        assert number in near or overlap(text, pattern, "glob") is None
        assert number in around or not covers(text, pattern, "glob")
