"""Plans as configurations: what is known, what is not, and files that are none."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opsctl.errors import UsageError
from opsctl.hcl.plans import PlanUnreadable, read_plan
from opsctl.iam.gathering import gather

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes | dict[str, Any]) -> Path:
        file = tmp_path / "plan.json"
        text = json.dumps(content) if isinstance(content, dict) else content
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def change(address: str, after: Any, unknown: Any = None, actions: tuple[str, ...] = ("create",), **more: Any) -> Any:
    kind, name = address.split(".")[-2:]
    return {
        "address": address, "mode": "managed", "type": kind, "name": name.partition("[")[0], **more,
        "change": {"actions": list(actions), "before": None, "after": after, "after_unknown": unknown or {}},
    }  # fmt: skip


def plan(*changes: Any, resources: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": list(changes),
        "configuration": {"root_module": {"resources": list(resources)}}, **more,
    }  # fmt: skip


def written(address: str, **expressions: Any) -> Any:
    return {"address": address, "expressions": expressions}


def test_known_values_are_there_and_what_the_provider_makes_is_missing(write: Write) -> None:
    file = write(
        plan(
            change("aws_sqs_queue.q", {"name": "jobs", "tags": None}, {"arn": True, "id": True, "tags_all": {}}),
            resources=(written("aws_sqs_queue.q", name={"constant_value": "jobs"}),),
        )
    )
    (queue,) = read_plan(file).resources
    assert (queue.values, queue.action) == ({"name": "jobs", "tags": None}, "create")


def test_a_plan_says_what_a_resource_was_called_before(write: Write) -> None:
    moved = {**change("aws_sqs_queue.new", {"name": "q"}), "previous_address": "aws_sqs_queue.old"}

    assert read_plan(write(plan(moved, change("aws_sqs_queue.b", {})))).moved == {
        "aws_sqs_queue.new": "aws_sqs_queue.old"
    }


def test_an_unknown_attribute_that_somebody_wrote_is_a_symbol_and_is_counted(write: Write) -> None:
    named = {"references": ["aws_sqs_queue.q.arn", "aws_sqs_queue.q"]}
    file = write(
        plan(
            change("aws_iam_role_policy.p", {"role": "r"}, {"policy": True, "id": True}),
            resources=(written("aws_iam_role_policy.p", policy=named, role={"constant_value": "r"}),),
        )
    )
    made = read_plan(file)
    assert made.resources[0].values["policy"] == "⟦aws_iam_role_policy.p.policy⟧"
    assert made.unknown_in_plan == {"aws_iam_role_policy.p.policy"}
    assert made.references["aws_iam_role_policy.p.policy"] == ("aws_sqs_queue.q.arn",)


def test_a_reference_is_followed_through_a_module_s_inputs_and_outputs(write: Write) -> None:
    inner = {
        "resources": [written("aws_iam_role_policy.p", role={"references": ["var.role"]})],
        "variables": {"role": {}},
    }
    maker = {
        "resources": [written("aws_iam_role.r")],
        "outputs": {"name": {"expression": {"references": ["aws_iam_role.r.name", "aws_iam_role.r"]}}},
    }
    calls = {
        "holder": {"expressions": {"role": {"references": ["module.maker.name", "module.maker"]}}, "module": inner},
        "maker": {"expressions": {}, "module": maker},
    }
    made = plan(
        change("module.holder.aws_iam_role_policy.p", {}, {"role": True}, module_address="module.holder"),
        configuration={"root_module": {"module_calls": calls}},
    )
    (policy,) = read_plan(write(made)).resources
    assert policy.values["role"] == "⟦module.maker.aws_iam_role.r.name⟧"


def test_a_reference_by_each_key_is_that_of_the_same_key(write: Write) -> None:
    expression = {"references": ["aws_iam_role.r", "each.key"]}
    file = write(
        plan(
            change('aws_iam_role_policy.p["a.b"]', {}, {"role": True}),
            resources=(written("aws_iam_role_policy.p", role=expression),),
        )
    )
    assert read_plan(file).resources[0].values["role"] == '⟦aws_iam_role.r["a.b"].id⟧'


def test_deletes_are_marked_and_replacements_hold_what_will_be(write: Write) -> None:
    gone = change("aws_iam_role.old", None, actions=("delete",))
    gone["change"]["before"] = {"name": "old"}
    file = write(plan(gone, change("aws_iam_role.new", {"name": "new"}, actions=("delete", "create"))))
    old, new = read_plan(file).resources
    assert (old.action, old.values, new.action, new.values) == ("delete", {"name": "old"}, "replace", {"name": "new"})
    assert [each.name for each in gather(read_plan(file)).principals] == ["new"]


def test_what_the_plan_has_read_gives_account_and_region(write: Write) -> None:
    data = [
        {"address": "data.aws_caller_identity.me", "mode": "data", "type": "aws_caller_identity", "name": "me",
         "values": {"account_id": "123456789012"}},
    ]  # fmt: skip
    estate = gather(read_plan(write(plan(prior_state={"values": {"root_module": {"resources": data}}}))))
    assert estate.account == "123456789012"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "isn"),
        ("{", "cut off"),
        ("{}", "empty object"),
        ("[1]", "JSON, but no object"),
        (" null ", "JSON, but no object"),
        ("[1", "cut off"),
        ("not json", "Expecting"),
        ('{"format_version": "1.2"} trailing', "Extra data"),
        (b"PK\x03\x04rest", "saved plan"),
        (b"\xff\xfe\x00", "UTF-8"),
        ({"format_version": "2.0", "resource_changes": []}, "format 2.0"),
        ({"format_version": "0.2", "resource_changes": []}, "format 0.2"),
        ({"version": 4, "serial": 1, "lineage": "x", "resources": []}, "state file"),
        ({"format_version": "1.0", "values": {}}, "This is a state"),
        ({"format_version": "1.2", "resource_changes": None, "planned_values": None, "configuration": {}}, "no plan"),
        ({"resource_changes": []}, "no format_version"),
        ({"format_version": "1.2", "resource_changes": [1]}, "as Terraform builds them"),
        ({"format_version": "1.2", "resource_changes": {}, "configuration": []}, "as Terraform builds them"),
        ({"format_version": "1.2", "resource_changes": [], "configuration": {"root_module": 3}}, "as Terraform builds"),
        ('{"format_version": "1.2", "configuration": ' + "[" * 200_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_its_reason(write: Write, content: Any, says: str) -> None:
    file = write(content)
    with pytest.raises(PlanUnreadable) as refused:
        read_plan(file)
    assert says in refused.value.what or says == "isn"
    assert refused.value.where == str(file)


def test_a_plan_that_is_cut_off_anywhere_is_refused(write: Write) -> None:
    text = json.dumps(plan(change("aws_iam_role.r", {"name": "r"})))
    for end in range(1, len(text), 7):
        with pytest.raises(PlanUnreadable):
            read_plan(write(text[:end]))


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_plan(tmp_path / "none.json")


QUEUE = 'resource "aws_sqs_queue" "q" {\n  name = "jobs"\n}\n'


def test_a_plan_of_other_hcl_is_said(write: Write, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(QUEUE)
    file = write(plan(change("aws_iam_role.r", {"name": "r"})))
    missing, extra = (each.what for each in read_plan(file, source=tmp_path).problems)
    assert "aws_iam_role.r" in missing
    assert "aws_sqs_queue.q" in extra
    assert len(gather(read_plan(file, source=tmp_path)).not_analysed) == 2


def test_a_plan_of_its_own_hcl_has_nothing_to_say(write: Write, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(QUEUE)
    made = read_plan(write(plan(change("aws_sqs_queue.q", {"name": "planned"}))), source=tmp_path)
    assert made.problems == ()
    assert (made.resources[0].values["name"], made.resources[0].place.line) == ("planned", 1)


def test_one_block_of_unknown_number_serves_every_instance_of_the_plan(write: Write, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'variable "many" { type = set(string) }\n'
        'resource "aws_sqs_queue" "q" {\n  for_each = toset(split(",", data.http.x.body))\n  name = each.key\n}\n'
        'data "http" "x" { url = "https://a.test" }\n'
    )
    file = write(plan(*(change(f'aws_sqs_queue.q["{key}"]', {"name": key}) for key in "ab")))
    made = read_plan(file, source=tmp_path)
    assert [each.place.line for each in made.resources if each.mode == "managed"] == [2, 2]
    assert made.problems == ()


def large(count: int) -> str:
    def policy(number: int) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::b{number}/*"}
        return {"name": f"p{number}", "role": f"r{number % 50}", "policy": json.dumps({"Statement": [statement]})}

    changes = [change(f"aws_iam_role_policy.p[{number}]", policy(number), {"id": True}) for number in range(count)]
    planned = {"root_module": {"resources": [{"values": each["change"]["after"]} for each in changes]}}
    return json.dumps(plan(*changes, resources=(written("aws_iam_role_policy.p", policy={}),), planned_values=planned))


def test_memory_grows_with_the_plan_and_no_faster(write: Write) -> None:
    peaks = []
    for count in (300, 1200):
        file = write(large(count))
        tracemalloc.start()
        estate = gather(read_plan(file))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert estate.analysed["statements"] == count
    assert peaks[1] < 5 * peaks[0]
    assert peaks[1] / 1200 < 20_000  # bytes a resource: 5,000 of them stay below 100 MB
