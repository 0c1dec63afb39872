"""What we read of a Terraform state."""

from __future__ import annotations

import json

import pytest

from opsctl.environments.state_bucket import parse_state

STATE = {
    "version": 4, "serial": 7, "lineage": "abc", "terraform_version": "1.11.4",
    "outputs": {
        "edge": {"value": {"url": "https://x"}, "type": "object"},
        "key": {"value": "hunter2", "type": "string", "sensitive": True},
    },
    "resources": [
        {"mode": "data", "type": "aws_region", "name": "x", "instances": [{"attributes": {"id": "r"}}]},
        {"mode": "managed", "type": "aws_subnet", "name": "x",
         "instances": [{"attributes": {"id": "a"}}, {"attributes": {"id": "b"}}]},
        {"mode": "managed", "type": "aws_s3_bucket", "name": "x", "instances": [{"attributes": {"id": "photos"}}]},
    ],
}  # fmt: skip


def test_managed_instances_are_counted_and_data_sources_are_not() -> None:
    state = parse_state(json.dumps(STATE))
    assert (state.resources, state.types, state.serial) == (3, {"aws_subnet": 2, "aws_s3_bucket": 1}, 7)
    assert ("aws_s3_bucket", "photos") in state.ids


def test_a_sensitive_output_never_leaves_the_state() -> None:
    state = parse_state(json.dumps(STATE))
    assert dict(state.outputs) == {"edge": {"url": "https://x"}}
    assert "hunter2" not in repr(state)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 3}', "<html>"])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_state(text)
