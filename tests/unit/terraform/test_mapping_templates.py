"""A direct integration may pass on; what decides, repeats or computes in a mapping template is flagged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.terraform.mapping_templates import TEMPLATES, directives_in, template_logic

TERRAFORM = Path(__file__).parents[3] / "terraform"
TRIVIAL = [
    '{"statusCode": 200}',
    '{"message": "$context.error.message", "request_id": "$context.requestId"}',
    "Action=SendMessage&MessageBody=$util.urlEncode($input.body)",
    '{"color": "#ifab00", "anchor": "page#settings", "comment": "##set($a = 1)"}',
    "#* #if($a) nobody reads this #end *#{}",
    "#[[ #foreach handed on unread ]]#",
    r"\#if(written)",
]
LOGIC = {
    '#if($input.params("all") == "1"){"a": 1}#else{"a": 0}#end': ("if", "else"),
    "#foreach($one in $input.path('$.many'))$one#if($foreach.hasNext),#end#end": ("foreach", "if"),
    '#set($body = $input.json("$"))\n$body': ("set",),
    "#{if}($a)b#{end}": ("if",),
    "#evaluate($input.body)": ("evaluate",),
    "## first\n#set($a = 1)": ("set",),
}


@pytest.mark.parametrize("template", TRIVIAL)
def test_what_only_passes_on_is_trivial(template: str) -> None:
    assert directives_in(template) == ()


@pytest.mark.parametrize(("template", "directives"), LOGIC.items())
def test_what_decides_repeats_or_computes_is_logic(template: str, directives: tuple[str, ...]) -> None:
    assert directives_in(template) == directives


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert set(directives_in(text)) <= {"if", "elseif", "else", "foreach", "set", "macro", "define", "parse", "include",
                                        "evaluate", "break", "stop"}  # fmt: skip


def plan(kind: str, **values: Any) -> dict[str, Any]:
    resource = {"address": f"module.api.{kind}.this", "type": kind, "values": values}
    return {"planned_values": {"root_module": {"child_modules": [{"resources": [resource]}]}}}


@pytest.mark.parametrize(("kind", "argument"), TEMPLATES.items())
def test_each_kind_of_template_of_a_plan_is_read(kind: str, argument: str) -> None:
    assert template_logic(plan(kind, **{argument: {"application/json": TRIVIAL[0]}})) == ()
    [found] = template_logic(plan(kind, **{argument: {"application/json": "#set($a = 1)"}}))
    assert str(found) == f"module.api.{kind}.this: the mapping template for application/json has logic (#set)"


def test_templates_in_an_openapi_document_are_read_too() -> None:
    integration = {"type": "aws", "requestTemplates": {"application/json": "#if($a)#end"}}
    body = {"paths": {"/orders": {"post": {"x-amazon-apigateway-integration": integration}}}}
    [found] = template_logic(plan("aws_api_gateway_rest_api", body=json.dumps(body)))
    assert found.directives == ("if",)


def test_a_plan_without_templates_has_no_logic_in_them() -> None:
    assert template_logic({}) == ()
    assert template_logic(plan("aws_api_gateway_integration", request_templates=None)) == ()
    assert template_logic(plan("aws_api_gateway_rest_api", body="openapi: 3.0.1")) == ()


def test_no_file_of_our_stack_holds_a_template_with_logic() -> None:
    files = [
        file for file in TERRAFORM.rglob("*") if file.suffix in {".tf", ".vtl", ".tftpl", ".json"} and file.is_file()
    ]
    assert len(files) > 50
    assert {str(file): found for file in files if (found := directives_in(file.read_text()))} == {}
