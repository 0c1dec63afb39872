"""What is drift and what only looks like it: decided from values alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.drift.findings import classify, findings
from opsctl.drift.refreshed import Instance, Refreshed


def instance(kind: str = "aws_thing", label: str = "it", sensitive: Iterable[Any] = (), **attributes: Any) -> Instance:
    return Instance(f"{kind}.{label}", "", kind, label, attributes, frozenset(sensitive))


def refreshed(before: Iterable[Instance], after: Iterable[Instance], ignored: Any = ()) -> Refreshed:
    return Refreshed({one.address: one for one in before}, {one.address: one for one in after}, dict(ignored))


def drift(before: Instance, after: Instance, *others: Instance, ignored: Any = ()) -> list[str]:
    """Paths of what counts as real."""
    found = refreshed([before, *others], [after, *others], ignored)
    return [one.path for one in classify(before, after, found) if not one.reason]


def reasons(before: Instance, after: Instance, *others: Instance) -> list[str]:
    found = refreshed([before, *others], [after, *others])
    return [one.reason for one in classify(before, after, found)]


# Any value, and the same value with its emptiness spelled otherwise.

SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.text(min_size=1, max_size=8).filter(lambda text: text.lstrip()[:1] not in ("{", "[")),
)
EMPTIES: Any = st.sampled_from([None, "", [], {}])


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.text("abc", min_size=1, max_size=3)
    sizes: Any = {"min_size": 1, "max_size": 3}
    return st.recursive(
        leaf, lambda inner: st.lists(inner, **sizes) | st.dictionaries(names, inner, **sizes), max_leaves=8
    )


def respelled(value: Any, draw: Any) -> Any:
    if value in (None, "") or (isinstance(value, list | dict) and not value):
        return draw(EMPTIES)
    if isinstance(value, dict):
        return {key: respelled(item, draw) for key, item in value.items()}
    return [respelled(item, draw) for item in value] if isinstance(value, list) else value


@given(nested(SCALARS | EMPTIES), st.data())
def test_emptiness_spelled_otherwise_is_noise_at_any_depth(value: Any, data: st.DataObject) -> None:
    other = respelled(value, data.draw)
    assert drift(instance(a=value), instance(a=other)) == []


@given(nested(SCALARS), st.data())
def test_any_changed_scalar_is_drift_at_any_depth(value: Any, data: st.DataObject) -> None:
    places = list(leaves(value))
    place = data.draw(st.sampled_from(places))
    new = data.draw(SCALARS)
    other = changed(value, place, new)
    if json.dumps(other, sort_keys=True) == json.dumps(value, sort_keys=True):
        return
    assert drift(instance(a=value), instance(a=other)) != []


@given(nested(SCALARS))
def test_what_came_out_of_nothing_is_drift(value: Any) -> None:
    assert drift(instance(a=None), instance(a=value)) != []
    assert drift(instance(a=value), instance(a=None)) != []


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*way, key))
    else:
        yield way


def changed(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = changed(value[way[0]], way[1:], new)
    return copy


# Policies

ACTIONS = st.lists(
    st.sampled_from(["s3:GetObject", "s3:PutObject", "sns:Publish"]), min_size=1, max_size=3, unique=True
)


@st.composite
def policies(draw: Any) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": draw(st.lists(st.fixed_dictionaries({
            "Sid": st.text("abc", max_size=2), "Effect": st.sampled_from(["Allow", "Deny"]), "Action": ACTIONS,
            "Resource": st.lists(st.sampled_from(["*", "arn:a", "arn:b"]), min_size=1, max_size=2, unique=True),
        }), min_size=1, max_size=3)),
    }  # fmt: skip


@given(policies(), st.data())
def test_a_policy_in_another_order_is_noise(policy: dict[str, Any], data: st.DataObject) -> None:
    statements = []
    for statement in data.draw(st.permutations(policy["Statement"])):
        one = dict(data.draw(st.permutations(list(statement.items()))))
        for key in ("Action", "Resource"):
            values = data.draw(st.permutations(one[key]))
            one[key] = values[0] if len(values) == 1 and data.draw(st.booleans()) else values
        statements.append(one)
    other = {"Statement": statements, "Version": policy["Version"]}
    before, after = (instance(policy=text) for text in (json.dumps(policy), json.dumps(other, indent=2)))
    assert drift(before, after) == []


@given(policies(), st.data())
def test_a_policy_that_allows_something_else_is_drift(policy: dict[str, Any], data: st.DataObject) -> None:
    other = json.loads(json.dumps(policy))
    statement = data.draw(st.sampled_from(other["Statement"]))
    statement["Resource"] = [*statement["Resource"], "arn:everything"]
    assert drift(instance(policy=json.dumps(policy)), instance(policy=json.dumps(other))) == ["policy"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"Principal": "*"}, {"Principal": {"AWS": ["*"]}}),
        ({"Principal": {"AWS": "111122223333"}}, {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}),
        ({"Action": "SNS:Publish"}, {"Action": ["sns:publish"]}),
        ({"Condition": {"Bool": {"aws:SecureTransport": False}}},
         {"Condition": {"Bool": {"AWS:SecureTransport": ["false"]}}}),
    ],
)  # fmt: skip
def test_what_iam_takes_for_the_same_is_noise(before: Any, after: Any) -> None:
    one, other = (json.dumps({"Statement": [{"Effect": "Allow"} | part]}) for part in (before, after))
    assert drift(instance(policy=one), instance(policy=other)) == []


def test_documents_that_are_no_policies_keep_the_order_of_their_lists() -> None:
    assert drift(instance(d='{"a": [1, 2]}'), instance(d='{"a":[1,2]}')) == []
    assert drift(instance(d='{"a": [1, 2]}'), instance(d='{"a": [2, 1]}')) == ["d"]


# Lists, sets, maps


def test_a_list_whose_members_changed_places_is_drift_and_a_set_sorted_anew_is_not() -> None:
    rules = [{"path": "/a", "headers": None}, {"path": "/b", "headers": None}]
    respelled_set = [{"path": "/b", "headers": []}, {"path": "/a", "headers": []}]
    assert drift(instance(rules=rules), instance(rules=rules[::-1])) == ["rules[0].path", "rules[1].path"]
    assert drift(instance(rules=rules), instance(rules=respelled_set)) == []
    assert drift(instance(ids=["a", "b"]), instance(ids=["b", "a"])) == ["ids"]


def test_a_tag_that_came_or_went_is_drift_even_an_empty_one() -> None:
    before, after = instance(tags={"a": "1"}), instance(tags={"a": "1", "b": ""})
    assert drift(before, after) == ["tags.b"]
    assert drift(after, before) == ["tags.b"]


def test_a_changed_tag_is_told_once() -> None:
    before = instance(tags={"a": "1"}, tags_all={"a": "1", "Project": "p"})
    after = instance(tags={"a": "2"}, tags_all={"a": "2", "Project": "p"})
    assert drift(before, after) == ["tags.a"]
    default = instance(tags={"a": "1"}, tags_all={"a": "1", "Project": "q"})
    assert drift(before, default) == ["tags_all.Project"]


def test_false_and_0_are_something_unless_the_provider_is_known_not_to_tell() -> None:
    assert drift(instance(enabled=None), instance(enabled=False)) == ["enabled"]
    assert drift(instance(enabled=True), instance(enabled=1)) == ["enabled"]
    acl = {"protocol": "tcp", "icmp_code": None, "rule_no": 1}
    before, after = (
        instance("aws_network_acl", egress=[rule]) for rule in (acl, acl | {"protocol": "6", "icmp_code": 0})
    )
    assert drift(before, after) == []
    assert drift(before, instance("aws_network_acl", egress=[acl | {"protocol": "17"}])) == ["egress[0].protocol"]


# Tables


def test_what_moves_by_itself_is_noise_for_its_type_only() -> None:
    times = {"latest_restorable_time": "2026-11-21T16:39:53Z"}, {"latest_restorable_time": "2026-11-21T16:44:53Z"}
    assert drift(instance("aws_db_instance", **times[0]), instance("aws_db_instance", **times[1])) == []
    assert drift(instance(**times[0]), instance(**times[1])) == ["latest_restorable_time"]


def test_what_deploys_own_is_what_the_configuration_ignores() -> None:
    before = instance("aws_lambda_function", source_code_hash="a", code_sha256="a", memory_size=128)
    after = instance("aws_lambda_function", source_code_hash="b", code_sha256="b", memory_size=128)
    owned = {("", "aws_lambda_function", "it"): frozenset({"source_code_hash"})}
    assert drift(before, after, ignored=owned) == []
    assert drift(before, after) == ["code_sha256", "source_code_hash"]
    grown = instance("aws_lambda_function", source_code_hash="a", code_sha256="a", memory_size=3008)
    assert drift(before, grown, ignored=owned) == ["memory_size"]
    everything = {("", "aws_lambda_function", "it"): frozenset({"*"})}
    assert drift(before, grown, ignored=everything) == []


def test_a_rule_in_a_security_group_is_noise_where_a_resource_says_the_same_and_drift_where_none_does() -> None:
    def group(*blocks: dict[str, Any]) -> Instance:
        return instance("aws_security_group", id="sg-1", ingress=list(blocks))

    empty = {"ipv6_cidr_blocks": [], "prefix_list_ids": [], "security_groups": [], "self": False}
    https = empty | {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"]}
    opened = https | {"cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]}
    rule = instance(
        "aws_vpc_security_group_ingress_rule", security_group_id="sg-1", ip_protocol="tcp", from_port=443, to_port=443,
        cidr_ipv4="10.0.0.0/8",
    )  # fmt: skip
    assert drift(group(), group(https), rule) == []
    assert drift(group(), group(opened), rule) == ["ingress"]
    assert drift(group(https), group(opened), rule) == ["ingress[0].cidr_blocks"]
    assert drift(group(), group(https)) == ["ingress"]


def test_a_policy_that_somebody_added_to_a_role_is_drift_beside_those_that_resources_say() -> None:
    ours = {"name": "work", "policy": '{"Statement": []}'}
    role = [instance("aws_iam_role", name="r", inline_policy=held) for held in ([], [ours])]
    more = instance("aws_iam_role", name="r", inline_policy=[ours, {"name": "admin", "policy": "{}"}])
    policy = instance("aws_iam_role_policy", role="r", name="work", policy='{"Statement":[]}')
    assert drift(role[0], role[1], policy) == []
    assert drift(role[0], more, policy) == ["inline_policy"]


def test_a_bucket_repeats_the_versioning_that_is_a_resource_of_its_own() -> None:
    before, after = (instance("aws_s3_bucket", id="b", versioning=[{"enabled": enabled}]) for enabled in (False, True))
    versioning = instance("aws_s3_bucket_versioning", bucket="b")
    assert reasons(before, after, versioning) == ["repeats aws_s3_bucket_versioning, which is looked at itself"]
    assert drift(before, after) == ["versioning[0].enabled"]


# What is shown


def test_sensitive_values_are_never_shown_nor_those_named_like_secrets_nor_long_ones() -> None:
    before = instance(secret=["a", "b"], plain="x", api={"token": "1"}, text="s" * 200, sensitive=[("secret", 0)])
    after = instance(secret=["c", "b"], plain="y", api={"token": "2"}, text="t" * 200, sensitive=[("secret", 0)])
    shown = {one.path: (one.before, one.after, one.hidden) for one in classify(before, after, refreshed([], []))}
    assert shown == {
        "secret": (None, None, "sensitive"),
        "plain": ('"x"', '"y"', ""),
        "api.token": (None, None, "sensitive"),
        "text": (None, None, "long"),
    }


def test_what_became_sensitive_only_now_is_hidden_and_a_whole_that_holds_a_secret_too() -> None:
    before = instance(block=[{"key": "old-secret", "n": 1}])
    after = instance(block=[], sensitive=[("block", 0, "key")])
    [one] = classify(before, after, refreshed([], []))
    assert (one.before, one.after, one.hidden) == (None, None, "sensitive")


def test_a_resource_that_is_gone_is_deleted_and_one_as_it_was_is_not_mentioned() -> None:
    gone, kept = instance(label="gone", a=1), instance(label="kept", a=1)
    found = findings(refreshed([gone, kept], [kept]))
    assert [(one.address, one.kind, one.is_real) for one in found] == [("aws_thing.gone", "deleted", True)]


def user_data(artifact: str, port: int = 8080) -> str:
    return base64.b64encode(f"#!/bin/bash\nARTIFACT_SHA256='{artifact}'\nSERVICE_PORT={port}\n".encode()).decode()


def test_another_artifact_of_the_service_is_a_deploys_and_no_drift() -> None:
    before = instance("aws_launch_template", user_data=user_data("a" * 64), default_version=1)
    after = instance("aws_launch_template", user_data=user_data("b" * 64), default_version=2)
    assert drift(before, after) == []
    group = instance("aws_autoscaling_group", launch_template=[{"id": "lt-1", "version": "1"}])
    assert drift(group, instance("aws_autoscaling_group", launch_template=[{"id": "lt-1", "version": "2"}])) == []


def test_whatever_else_changes_in_what_instances_run_is_drift() -> None:
    before = instance("aws_launch_template", user_data=user_data("a" * 64))
    assert drift(before, instance("aws_launch_template", user_data=user_data("b" * 64, port=22))) == ["user_data"]
    assert drift(before, instance("aws_launch_template", user_data="%")) == ["user_data"]
    group = instance("aws_autoscaling_group", launch_template=[{"id": "lt-1", "version": "1"}])
    other = instance("aws_autoscaling_group", launch_template=[{"id": "lt-2", "version": "1"}])
    assert drift(group, other) == ["launch_template[0].id"]
