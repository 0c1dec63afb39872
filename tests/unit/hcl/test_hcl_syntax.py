from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.hcl.symbols import CLOSE, OPEN
from opsctl.hcl.syntax import Literal, Object, Unreadable, parse, parse_json, parse_template

PLAIN = st.text(st.characters(exclude_characters=OPEN + CLOSE, exclude_categories=("Cs", "Cc")), max_size=30)


def value_of(text: str) -> object:
    source = parse(f"x = {text}\n".encode())
    assert not source.errors
    expression = source.body.attributes["x"].expression
    assert isinstance(expression, Literal)
    return expression.value


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


@given(PLAIN.filter(lambda text: "$${" not in text and "%%{" not in text))
def test_a_quoted_string_is_the_text_that_was_quoted(text: str) -> None:
    assert value_of(quoted(text)) == text


@given(st.integers(-(10**15), 10**15))
def test_a_number_is_itself(number: int) -> None:
    assert value_of(str(number)) == number


@given(st.lists(PLAIN.filter(lambda line: "EOT" not in line and "$" not in line and "%" not in line), max_size=5))
def test_a_heredoc_is_its_lines(lines: list[str]) -> None:
    text = "".join(line.replace("\x85", "").replace("\u2028", "").replace("\u2029", "") + "\n" for line in lines)
    assert value_of(f"<<EOT\n{text}EOT") == text


@given(PLAIN.filter(lambda text: "{" not in text))
def test_a_template_without_anything_to_fill_in_is_its_text(text: str) -> None:
    assert "".join(part for part in parse_template(text) if isinstance(part, str)) == text


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    parse(data)
    parse_json(data)


@given(
    st.lists(
        st.sampled_from(
            [
                'resource "a" "b" {',
                "}",
                "x = ",
                "[",
                "]",
                "(",
                ")",
                '"',
                "${",
                "}",
                "%{ if a }",
                "%{ endif }",
                "<<EOT\n",
                "EOT\n",
                "\n",
                "for a in b : ",
                "...",
                "?",
                ":",
                "1",
                "a.b",
                "[*]",
                ".*",
                "&&",
                "!",
                "=>",
                "#",
                "/*",
                "\\",
                "~",
                "é",
                "\0",
            ]
        ),
        max_size=30,
    )
)
@settings(max_examples=250)
def test_no_order_of_tokens_crashes_the_reader(tokens: list[str]) -> None:
    parse("".join(tokens).encode())


def test_what_is_sound_around_a_malformed_block_counts() -> None:
    source = parse(
        b'resource "a" "one" {\n  x = 1\n}\n\nresource "a" "two" {\n  x = [1,\n}\n\nresource "a" "three" {\n  x = 3\n}\n'  # noqa: E501
    )

    assert source.body.blocks[0].labels == ("a", "one")
    assert source.body.blocks[-1].labels == ("a", "three")
    assert source.body.blocks[-1].at.line == 9
    assert source.errors
    assert source.errors[0].at.line in (5, 6, 7)


def test_a_block_that_is_never_closed_does_not_swallow_those_behind_it() -> None:
    source = parse(b'resource "a" "one" {\n  x = {\n\nresource "a" "two" {\n  x = 2\n}\nresource "a" "three" {\n}\n')

    assert source.errors
    assert {block.labels for block in source.body.blocks} >= {("a", "two"), ("a", "three")}


def test_a_missing_brace_at_the_end_is_an_error() -> None:
    assert parse(b'resource "a" "b" {\n  x = 1\n').errors


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "(" * 5000 + "1" + ")" * 5000, "-" * 5000 + "1"])
def test_deep_nesting_is_said_and_the_next_attribute_stands(text: str) -> None:
    source = parse(f"x = {text}\ny = 2\n".encode())

    assert source.errors
    assert isinstance(source.body.attributes["x"].expression, Unreadable)
    assert source.body.attributes["y"].expression == Literal(2, source.body.attributes["y"].expression.at)


def test_templates_in_templates_without_end_are_said() -> None:
    assert parse(("x = " + '"${' * 3000 + "1" + '}"' * 3000 + "\n").encode()).errors


def test_a_chain_of_a_thousand_operators_is_not_deep() -> None:
    assert not parse(("x = 1" + " + 1" * 1000 + "\n").encode()).errors


def test_a_position_is_where_the_block_and_the_attribute_begin_and_end() -> None:
    block = parse(b'\n\nresource "a" "b" {\n  x = {\n    y = 1\n  }\n}\n').body.blocks[0]

    assert block.at == (3, 1, 7)
    assert block.body.attributes["x"].at == (4, 3, 6)
    expression = block.body.attributes["x"].expression
    assert isinstance(expression, Object)
    assert expression.items[0][0].at.line == 5


def test_windows_line_ends_and_a_byte_order_mark_do_not_disturb() -> None:
    assert parse(b"\xef\xbb\xbfx = <<EOT\r\na\r\nEOT\r\n").body.attributes["x"].expression.value == "a\n"  # type: ignore[union-attr]


def test_json_syntax_gives_the_same_blocks() -> None:
    source = parse_json(b'{"resource": {"a": {"b": {"x": "${var.y}", "ingress": [{"port": 1}], "tags": {"k": "v"}}}}}')

    (block,) = source.body.blocks
    assert (block.type, block.labels) == ("resource", ("a", "b"))
    assert [inner.type for inner in block.body.blocks] == ["ingress"]
    assert set(block.body.attributes) == {"x", "tags"}


def test_malformed_json_says_the_line() -> None:
    (error,) = parse_json(b'{\n "a": 1,\n}').errors

    assert error.at.line in (2, 3)
