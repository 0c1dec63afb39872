"""deploy.toml: what is asked of a function before and after it has traffic, and in which order functions move."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.builds.packages import build_packages, find_functions
from opsctl.deploy.traffic_checks import (
    BadDeployRules,
    DeployRules,
    Probe,
    difference,
    in_order,
    parse_rules,
    read_rules,
)
from opsctl.errors import UsageError
from opsctl.smoke.checks import CHECKS

MODULES = Path(__file__).parents[3] / "terraform" / "modules"


def test_the_rules_of_a_function_are_read_from_beside_its_handler(tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").write_text(
        'after = ["a"]\n[[pre_traffic]]\nevent = {}\nexpect = {statusCode = 200}\n'
        '[[pre_traffic]]\nevent = {entry = {}}\nerror = "InvalidEntry"\n[post_traffic]\nchecks = ["photo"]\n'
    )
    assert read_rules(tmp_path) == DeployRules(
        ("a",), (Probe({}, {"statusCode": 200}), Probe({"entry": {}}, error="InvalidEntry")), ("photo",)
    )
    assert read_rules(tmp_path / "nowhere") == DeployRules()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("after = 3", "after must be a list of names"),
        ("before = []", "before is unknown"),
        ("[pre_traffic]\nexpect = {}", "needs an event"),
        ("[pre_traffic]\nevent = 1979-05-27", "what JSON can't say"),
        ("[post_traffic]\nchecks = 'photo'", "post_traffic.checks must be"),
        ("[post_traffic]\ncheck = []", "post_traffic.check is unknown"),
        ("after = [", "can't be used"),
    ],
)
def test_a_malformed_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "deploy.toml").write_text(text)
    with pytest.raises(BadDeployRules, match=says) as caught:
        read_rules(tmp_path)
    assert caught.value.where == str(tmp_path / "deploy.toml")


def test_an_answer_may_hold_more_than_is_expected_but_nothing_else() -> None:
    answer = {"statusCode": 200, "body": '{"keys": [1], "more": true}'}
    assert difference({"statusCode": 200, "body": {"keys": [1]}}, answer) == ""
    assert difference({"statusCode": 201}, answer) == "answer.statusCode"
    assert difference({"body": {"keys": []}}, answer) == "answer.body.keys"
    assert difference({"body": {"none": 1}}, answer) == "answer.body.none"
    assert difference({"statusCode": True}, {"statusCode": 1}) == "answer.statusCode"
    assert Probe({}, error="InvalidEntry").what_is_wrong({"errorType": "InvalidEntry"}, "InvalidEntry") == ""
    assert "not with success" in Probe({}).what_is_wrong({}, "KeyError")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    )
)
def test_every_answer_is_what_it_is(answer: object) -> None:
    assert difference(answer, answer) == ""


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef")), max_size=6))
def test_the_order_keeps_every_name_and_every_wish_or_says_that_there_is_none(after: dict[str, list[str]]) -> None:
    names = list("fedcba")
    try:
        ordered = in_order(names, after)
    except UsageError:
        return
    assert sorted(ordered) == sorted(names)
    for name, before in after.items():
        assert all(ordered.index(one) <= ordered.index(name) for one in before)


def test_the_rules_are_no_part_of_the_package(tmp_path: Path) -> None:
    folder = tmp_path / "modules" / "m" / "functions" / "one"
    folder.mkdir(parents=True)
    (folder / "handler.py").write_text("")
    (folder / "requirements.txt").write_text("")

    def digest() -> str:
        [package] = build_packages(
            find_functions(tmp_path / "modules"), into=tmp_path / "out", cache=tmp_path / "cache"
        )
        return package.sha256

    without = digest()
    (folder / "deploy.toml").write_text("after = []")
    assert digest() == without, "changing how it is deployed would deploy it"


def test_the_rules_of_the_stacks_functions_name_checks_and_functions_that_there_are() -> None:
    sources, checks = find_functions(MODULES), {check.name for check in CHECKS}
    rules = {source.name: read_rules(source.folder) for source in sources}
    for name, found in rules.items():
        assert set(found.checks) <= checks, name
        assert set(found.after) <= set(rules), name
    assert sum(bool(found.probes) for found in rules.values()) >= 4
    assert parse_rules(tomllib.loads("")) == DeployRules()
