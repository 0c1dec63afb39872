"""Whatever a configuration holds, gathering ends with an estate and no document is lost without a word."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.hcl.configuration import Configuration, Resource
from opsctl.hcl.symbols import Some, SomeMap, Unknown
from opsctl.iam.arns import SHAPES, Surroundings
from opsctl.iam.gathering import gather
from opsctl.iam.policy_sources import whole_json
from opsctl.iam.terraform_types import CARRIERS, GUARDS, INVOCATIONS, KEYS

TYPES = sorted({
    *CARRIERS, *GUARDS, *INVOCATIONS, *KEYS, *SHAPES, "aws_iam_role_policy", "aws_iam_role_policy_attachment",
    "aws_iam_policy_attachment", "aws_iam_user_group_membership", "aws_lambda_permission",
    "aws_iam_policy_document",
    "aws_s3_bucket_public_access_block", "aws_s3_bucket_notification", "archive_file", "random_id",
})  # fmt: skip
WORDS = sorted({
    "name", "arn", "id", "policy", "role", "policy_arn", "bucket", "statement", "actions", "resources", "principals",
    "inline_policy", "assume_role_policy", "managed_policy_arns", "permissions_boundary", "tags", "function_name",
    "rule",     "source_policy_documents", "override_policy_documents", "environment", "variables", "json", "path",
    "url", "groups",
    *(part for ways in CARRIERS.values() for way in ways for part in way.path.split(".")),
})  # fmt: skip
ADDRESSES = [f"{name}.x" for name in TYPES] + ["data.aws_iam_policy_document.x", 'module.m["a.b"].aws_iam_role.r[0]']
TEXTS = st.one_of(
    st.sampled_from([f"⟦{address}.{word}⟧" for address in ADDRESSES for word in ("arn", "id", "name", "json")]),
    st.sampled_from(['{"Statement": [{"Effect": "Allow", "Action": ⟦a.b⟧, "Resource": "⟦c["d"].e⟧"}, ⟦f⟧]}', "{", "[]",
                     '{"Statement": 3}', "⟦", "⟧⟦",
    '"{\\"Statement\\": []}"', "arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    st.text(max_size=8),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS, st.builds(Unknown, TEXTS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(Some, st.lists(inner, max_size=2)),
        st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
        st.builds(SomeMap, st.dictionaries(st.sampled_from(WORDS), inner, max_size=2)),
        st.builds(lambda options: Unknown("c", options=tuple(options)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


def resource(index: int, kind: str, values: dict[str, Any], data: bool) -> Resource:
    address = f"data.{kind}.x" if data else f"{kind}.x" if index % 2 else f'module.m["a.b"].{kind}.r[{index}]'
    return Resource(address, "data" if data else "managed", kind, "x", values)


RESOURCES = st.builds(
    resource, st.integers(0, 5), st.sampled_from(TYPES), st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=5),
    st.booleans(),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(RESOURCES, max_size=6))
def test_gathering_ends_with_an_estate_whatever_the_values_are(resources: list[Resource]) -> None:
    estate = gather(Configuration(tuple(resources)))
    assert estate.analysed["resources"] == len(resources)


@settings(max_examples=150, deadline=None)
@given(st.lists(RESOURCES, max_size=4), TEXTS)
def test_expanding_twice_is_expanding_once(resources: list[Resource], text: str) -> None:
    around = Surroundings.of(Configuration(tuple(resources)))
    once = around.expand(text)
    assert around.expand(once) == once


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=9), st.integers(), st.none()), max_size=4))
def test_text_without_symbols_is_left_as_it_is(value: dict[str, Any]) -> None:
    import json

    text = json.dumps(value)
    assert whole_json(text) == text
