from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.hcl import Unknown
from opsctl.hcl.functions import FUNCTIONS, call
from opsctl.hcl.symbols import Some, symbol
from opsctl.hcl.values import EvaluationError, equal


def value(read: Any, expression: str, around: str = "", **options: Any) -> Any:
    configuration = read(f'{around}\noutput "o" {{\n  value = {expression}\n}}\n', **options)
    assert not configuration.problems
    return configuration.outputs["o"]


QUEUE = """
resource "aws_sqs_queue" "q" {
  name = "photos"
}
"""


def test_what_only_an_apply_can_say_is_a_symbol_and_what_is_written_is_known(read: Any) -> None:
    assert value(read, '"${aws_sqs_queue.q.arn}/${aws_sqs_queue.q.name}"', QUEUE) == "⟦aws_sqs_queue.q.arn⟧/photos"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("lower(local.arn)", "⟦aws_sqs_queue.q.arn⟧"),
        ('upper("a${local.arn}b")', "A⟦aws_sqs_queue.q.arn⟧B"),
        ('split(".", "x.${local.arn}.y")', ["x", "⟦aws_sqs_queue.q.arn⟧", "y"]),
        ('replace("a.${local.arn}", ".", "-")', "a-⟦aws_sqs_queue.q.arn⟧"),
        ("jsondecode(jsonencode({ a = local.arn })).a", "⟦aws_sqs_queue.q.arn⟧"),
        ('split(":", "arn:aws:iam::${data.aws_caller_identity.me.account_id}:role/x")[4]', "⟦account⟧"),
        ('join(",", [local.arn, "x"])', "⟦aws_sqs_queue.q.arn⟧,x"),
        ("local.arn == local.arn", True),
        ('local.arn != ""', True),
        ("local.arn != null", True),
        ('"a-${local.arn}" == "b-${local.arn}"', False),
        ('startswith("arn:${local.arn}", "arn:")', True),
        ('contains(["x", local.arn], "x")', True),
        ("coalesce(null, local.arn)", "⟦aws_sqs_queue.q.arn⟧"),
        ("[for a in [local.arn] : a][0]", "⟦aws_sqs_queue.q.arn⟧"),
        ("data.aws_partition.p.dns_suffix", "amazonaws.com"),
        ("data.aws_region.r.name", "⟦region⟧"),
        ("data.aws_ami.a.block[0].id", "⟦data.aws_ami.a.block[0].id⟧"),
    ],
)
def test_a_symbol_passes_through(read: Any, expression: str, expected: Any) -> None:
    around = (
        QUEUE
        + 'locals {\n  arn = aws_sqs_queue.q.arn\n}\ndata "aws_caller_identity" "me" {}\n'
        + ('data "aws_partition" "p" {}\ndata "aws_region" "r" {}\ndata "aws_ami" "a" {}\n')
    )
    assert value(read, expression, around) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "length(aws_sqs_queue.q.arn)",
        'aws_sqs_queue.q.arn == "arn:x"',
        'regexall("a", aws_sqs_queue.q.arn)',
        "aws_sqs_queue.q.max + 1",
        'can(regex("x", aws_sqs_queue.q.arn))',
        'contains(["x"], aws_sqs_queue.q.arn)',
        'startswith(aws_sqs_queue.q.arn, "arn")',
        "tonumber(aws_sqs_queue.q.delay)",
        'provider::aws::arn_parse("x")',
        "timestamp()",
        'length(split("/", aws_sqs_queue.q.arn))',
    ],
)
def test_what_depends_on_a_symbol_is_not_guessed(read: Any, expression: str) -> None:
    assert isinstance(value(read, expression, QUEUE), Unknown)


def test_a_policy_with_a_statement_under_an_unknown_condition_is_a_choice_of_two_policies(read: Any) -> None:
    found = value(
        read,
        'jsonencode({ Statement = concat([{ Action = "a:b" }], var.on ? [{ Action = "c:d" }] : []) })',
        'variable "on" {\n  type = bool\n}\n',
    )

    assert isinstance(found, Unknown)
    assert [len(json.loads(option)["Statement"]) for option in found.options] == [2, 1]


def test_both_branches_alike_need_no_condition(read: Any) -> None:
    assert value(read, 'var.on ? "x" : "x"', 'variable "on" {\n  type = bool\n}\n') == "x"


def test_an_unknown_key_of_a_known_map_is_one_of_its_values(read: Any) -> None:
    found = value(read, '{ dev = "a", prod = "b" }[var.env]', 'variable "env" {\n  type = string\n}\n')

    assert isinstance(found, Unknown)
    assert found.options == ("a", "b")


def test_options_that_multiply_become_a_symbol_rather_than_a_thousand_policies(read: Any) -> None:
    variables = "".join(f'variable "v{n}" {{\n  type = bool\n}}\n' for n in range(12))
    text = ", ".join(f'var.v{n} ? "a{n}" : "b{n}"' for n in range(12))
    found = value(read, f"jsonencode([{text}])", variables)

    assert isinstance(found, Unknown | str)
    assert len(getattr(found, "options", ())) <= 16


def test_a_loop_over_a_list_that_nobody_gave_has_one_element_for_all(read: Any) -> None:
    found = value(read, '[for b in var.buckets : "${b}/*"]', 'variable "buckets" {\n  type = list(string)\n}\n')

    assert found == ["⟦var.buckets[*]⟧/*"]
    assert isinstance(found, Some)


def test_an_object_that_nobody_gave_has_the_shape_of_its_type(read: Any) -> None:
    around = 'variable "o" {\n  type = object({ name = string, ports = list(number), on = optional(bool) })\n}\n'
    found = value(read, "var.o", around)

    assert found["name"] == "⟦var.o.name⟧"
    assert isinstance(found["ports"][0], Unknown)


def test_optional_members_have_their_defaults(read: Any) -> None:
    around = 'variable "o" {\n  type = object({ a = optional(string, "x"), b = optional(object({ c = optional(number, 3) }), {}) })\n  default = {}\n}\n'  # noqa: E501
    assert value(read, "var.o", around) == {"a": "x", "b": {"c": 3}}


def test_variables_come_from_files_in_terraforms_order(read: Any) -> None:
    files = {
        "terraform.tfvars": 'a = "file"\nb = "file"\nc = "file"\n',
        "x.auto.tfvars": 'b = "auto"\nc = "auto"\n',
        "y.auto.tfvars.json": '{"c": "json"}',
    }
    around = "".join(f'variable "{name}" {{\n  default = "default"\n}}\n' for name in "abcd")
    assert value(read, "[var.a, var.b, var.c, var.d]", around, files=files) == ["file", "auto", "json", "default"]
    assert value(read, "var.c", around, files=files, variables={"c": "given"}) == "given"


def test_a_given_text_for_a_list_is_read_as_hcl(read: Any) -> None:
    around = 'variable "l" {\n  type = list(string)\n}\n'
    assert value(read, "var.l", around, variables={"l": '["a", "b"]'}) == ["a", "b"]


def test_a_template_file_is_rendered(read: Any) -> None:
    files = {"policy.json.tftpl": '{"Resource": "${arn}", "Actions": ${jsonencode(actions)}}'}
    found = value(
        read,
        'templatefile("${path.module}/policy.json.tftpl", { arn = aws_sqs_queue.q.arn, actions = ["sqs:*"] })',
        QUEUE,
        files=files,
    )
    assert json.loads(found) == {"Resource": "⟦aws_sqs_queue.q.arn⟧", "Actions": ["sqs:*"]}


def test_an_unknown_function_is_named_with_its_line(read: Any) -> None:
    configuration = read('resource "a" "b" {\n  x = 1\n  y = nonsense(2)\n}\n')

    (problem,) = configuration.problems
    assert "nonsense" in problem.what
    assert (problem.place.file, problem.place.line, problem.resource, problem.attribute) == ("main.tf", 3, "a.b", "y")
    assert isinstance(configuration.resources[0].values["y"], Unknown)


def test_a_cycle_of_locals_is_named(read: Any) -> None:
    configuration = read('locals {\n  a = local.b\n  b = local.a\n}\nresource "a" "b" {\n  x = local.a\n  y = 1\n}\n')

    (problem,) = configuration.problems
    assert "local.a → local.b → local.a" in problem.what
    assert configuration.resources[0].values["y"] == 1


def test_an_error_inside_a_policy_costs_its_statement_and_not_the_others(read: Any) -> None:
    configuration = read(
        'resource "aws_iam_policy" "p" {\n  policy = jsonencode({ Statement = [{ Action = "a:b" }, { Action = local.gone }] })\n}\n'  # noqa: E501
    )

    (problem,) = configuration.problems
    assert "local.gone" in problem.what
    assert json.loads(configuration.resources[0].values["policy"])["Statement"][0] == {"Action": "a:b"}


def test_a_long_chain_of_locals_is_followed(read: Any) -> None:
    chain = "".join(f"  l{n} = local.l{n + 1}\n" for n in range(300))
    assert value(read, "local.l0", f'locals {{\n{chain}  l300 = "end"\n}}\n') == "end"


def test_a_chain_without_end_is_a_problem_and_no_crash(read: Any) -> None:
    chain = "".join(f"  l{n} = local.l{n + 1}\n" for n in range(5000))
    configuration = read(
        f'locals {{\n{chain}  l5000 = "end"\n}}\nresource "a" "b" {{\n  x = local.l0\n}}\nresource "a" "c" {{\n  x = 1\n}}\n'  # noqa: E501
    )

    assert configuration.problems
    assert configuration.at("a.c") is not None


def test_a_count_beyond_all_measure_is_a_problem(read: Any) -> None:
    configuration = read('resource "a" "b" {\n  count = 1000000000\n}\n')

    assert [each.address for each in configuration.resources] == ["a.b[0]"]
    assert configuration.resources[0].count_unknown
    assert configuration.problems


@pytest.mark.parametrize(
    "local",
    [
        "[local.l{n}, local.l{n}]",
        '"${{local.l{n}}}${{local.l{n}}}"',
        "concat(local.l{n}, local.l{n})",
        "flatten([for a in local.l{n} : [for b in local.l{n} : b]])",
    ],
)
def test_values_that_double_without_end_are_a_problem_and_take_no_time(read: Any, local: str) -> None:
    chain = "".join(f"  l{n + 1} = {local.format(n=n)}\n" for n in range(60))
    configuration = read(
        f"locals {{\n  l0 = {chr(34) + 'aaaaaaaa' + chr(34) if '$' in local else '[1, 2, 3, 4]'}\n{chain}}}\n"
        'resource "a" "b" {\n  x = local.l60\n  y = jsonencode(local.l59)\n}\nresource "a" "c" {\n  x = 1\n}\n'
    )

    assert configuration.problems
    assert configuration.at("a.c").values == {"x": 1}


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.sampled_from(["", "a", "10.0.0.0/8", "[", "a,b", symbol("x.arn"), f"a{symbol('y.id')}b"])
    | st.just(Unknown("u"))
    | st.just(Unknown("o", "", (1, "x"))),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
        | st.lists(inner, max_size=2).map(Some)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(VALUES, max_size=3))
def test_no_function_raises_anything_but_its_own_error(name: str, arguments: list[Any]) -> None:
    with suppress(EvaluationError):
        call(name, arguments, Path("/nonexistent"))


@given(VALUES, VALUES)
def test_equality_is_the_same_from_both_sides(one: Any, other: Any) -> None:
    assert equal(one, other) is equal(other, one)
