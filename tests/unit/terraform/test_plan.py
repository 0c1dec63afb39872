"""A plan as data, from documents that Terraform 1.11.4 wrote (plans/*.json; see docs/terraform.md for how)."""

import dataclasses
import json
from pathlib import Path

import pytest

from opsctl.terraform.plan import STATEFUL, Action, Binding, Change, Plan, changed_attributes, plan_from_json

DOCUMENTS = Path(__file__).with_name("plans")


def recorded(name):
    return plan_from_json(json.loads((DOCUMENTS / f"{name}.json").read_text()))


def plan_of(*changes, outputs=()):
    binding = Binding("local", Path("/stack"), Path("/work"), "", "1.11.4", "5.100.0", "", 0, destroy=False)
    return Plan(Path("/plan"), "", binding, "1.11.4", tuple(changes), output_changes=tuple(outputs))


def change(address, action, **more):
    kind, name = address.split(".")[-2:]
    return Change(address, more.pop("module", ""), kind, name, "aws", action, **more)


def test_each_resource_gets_the_action_that_a_person_would_name():
    assert {c.address: c.action for c in recorded("data").changes} == {
        "terraform_data.deleted": Action.DELETE,
        "terraform_data.forgotten": Action.FORGET,
        "terraform_data.imported": Action.NO_OP,
        "terraform_data.new_name": Action.NO_OP,
        "terraform_data.replaced": Action.REPLACE,
        "terraform_data.updated": Action.UPDATE,
        'module.many["b"].terraform_data.inner[0]': Action.DELETE,
    }


def test_what_stays_the_same_is_left_out():
    assert "terraform_data.same" not in {c.address for c in recorded("data").changes}
    assert recorded("data").output_changes == ("text",)


def test_a_replacement_says_which_attribute_forces_it():
    [replaced] = [c for c in recorded("data").changes if c.action is Action.REPLACE]
    assert replaced.replace_reasons == ("triggers_replace",)
    assert replaced.changed_attributes == ("id", "triggers_replace")


def test_moves_and_imports_are_told():
    told = {c.address: c for c in recorded("data").changes}
    assert told["terraform_data.new_name"].moved_from == "terraform_data.old_name"
    assert told["terraform_data.imported"].importing


def test_modules_keep_their_keys_and_lose_the_word_module():
    assert {c.module for c in recorded("data").changes} == {"", 'many["b"]'}


def test_providers_are_named_with_their_alias():
    providers = {c.address: c.provider for c in recorded("aws").changes}
    assert providers["aws_sns_topic.edge"] == "aws.us_east_1"
    assert providers["module.database.aws_secretsmanager_secret.this"] == "aws"


@pytest.mark.parametrize("name", ["aws", "data"])
def test_no_attribute_value_is_kept(name):
    text = repr(dataclasses.astuple(recorded(name)))
    document = (DOCUMENTS / f"{name}.json").read_text()
    for value in ("hunter2hunter2", "before", "after", "some-id"):
        assert value not in text
    assert "hunter2hunter2" in document or name == "data", "the document itself must hold what must not get out"


def test_an_attribute_counts_as_changed_when_it_differs_or_will_be_known_only_later():
    assert changed_attributes({"before": None, "after": {"a": 1, "b": None}, "after_unknown": {"id": True}}) == (
        "a",
        "id",
    )
    assert changed_attributes({"before": {"a": 1}, "after": {"a": 1}, "after_unknown": {"list": [{}]}}) == ()
    assert changed_attributes({"before": {"a": 1}, "after": {}, "after_unknown": {"a": [{"b": True}]}}) == ("a",)
    assert changed_attributes({"before": {"a": 1}, "after": {"a": None}, "after_unknown": {}}) == ("a",)


def test_losing_something_stateful_is_told_and_making_it_is_not():
    gone = change("aws_db_instance.main", Action.REPLACE)
    made = change("aws_s3_bucket.photos", Action.CREATE)
    harmless = change("aws_iam_role.x", Action.DELETE)
    assert plan_of(gone, made, harmless).lossy == (gone,)
    assert gone.loses == "holds a database"
    for kind in ("aws_db_instance", "aws_s3_bucket", "aws_dynamodb_table", "aws_kms_key", "aws_route53_zone"):
        assert STATEFUL[kind]


def test_a_plan_that_only_reads_has_no_changes():
    assert not plan_of(change("data.aws_region.this", Action.READ)).has_changes
    assert not plan_of().has_changes
    assert plan_of(outputs=["url"]).has_changes
    assert plan_of(change("aws_iam_role.x", Action.UPDATE)).has_changes


def test_changes_are_grouped_by_module_with_the_root_first():
    plan = plan_of(
        change("module.photos.aws_sqs_queue.b", Action.CREATE, module="photos"),
        change("aws_sns_topic.x", Action.CREATE),
        change("module.photos.aws_sqs_queue.a", Action.CREATE, module="photos"),
    )
    assert {m: [c.name for c in group] for m, group in plan.by_module.items()} == {"": ["x"], "photos": ["a", "b"]}
    assert list(plan.by_module) == ["", "photos"]
