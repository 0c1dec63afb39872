"""What is read out of a plan file: both states, what is sensitive, what the configuration leaves to deploys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsctl.drift import findings_in, read_refreshed

FUNCTION = """
resource "aws_lambda_function" "this" {
  function_name = "f"
  lifecycle {
    ignore_changes = [
      filename, # deploys own it
      source_code_hash,
    ]
  }
}

resource "aws_s3_object" "first" {
  lifecycle {
    ignore_changes = all
  }
}

resource "aws_sns_topic" "other" {
  name = "t"
}
"""


def resource(kind: str, name: str, module: str = "", **instance: Any) -> dict[str, Any]:
    found = {"mode": "managed", "type": kind, "name": name, "instances": [instance]}
    return found | ({"module": module} if module else {})


def test_addresses_modules_keys_and_sensitive_ways_are_read(plan_file: Any) -> None:
    held = resource(
        "aws_thing", "it", 'module.photos.module.queue["a"]', index_key="k", attributes={"x": 1},
        sensitive_attributes=[
            [{"type": "get_attr", "value": "secret"}],
            [{"type": "get_attr", "value": "list"}, {"type": "index", "value": {"value": 0, "type": "number"}},
             {"type": "get_attr", "value": "key"}],
        ],
    )  # fmt: skip
    found = read_refreshed(plan_file([held], [held]))
    [one] = found.after.values()
    assert one.address == 'module.photos.module.queue["a"].aws_thing.it["k"]'
    assert one.sensitive == {("secret",), ("list", 0, "key")}
    assert (found.serial, found.lineage) == (7, "l")


def test_data_sources_and_deposed_objects_are_no_resources(plan_file: Any) -> None:
    data = resource("aws_thing", "it", attributes={}) | {"mode": "data"}
    deposed = resource("aws_thing", "other", deposed="abc", attributes={})
    assert findings_in(plan_file([data, deposed], [])) == ()


def test_ignored_attributes_come_from_the_module_that_the_resource_is_in(plan_file: Any) -> None:
    configuration = {"m-orders.intake/main.tf": FUNCTION, "m-/main.tf": 'resource "aws_sns_topic" "t" {\n}\n'}
    before = [
        resource("aws_lambda_function", "this", "module.orders[0].module.intake", attributes={"source_code_hash": "a"}),
        resource("aws_lambda_function", "this", "module.other", attributes={"source_code_hash": "a"}),
        resource("aws_s3_object", "first", "module.orders[0].module.intake", attributes={"key": "a"}),
        resource("aws_sns_topic", "other", "module.orders[0].module.intake", attributes={"name": "a"}),
    ]
    after = [
        one | {"instances": [{"attributes": dict.fromkeys(one["instances"][0]["attributes"], "b")}]} for one in before
    ]
    real = [one.address for one in findings_in(plan_file(before, after, configuration)) if one.is_real]
    assert real == ["module.orders[0].module.intake.aws_sns_topic.other", "module.other.aws_lambda_function.this"]


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tfplan").write_text("no zip")
    with pytest.raises(ValueError, match="not a plan file"):
        read_refreshed(tmp_path / "x.tfplan")
