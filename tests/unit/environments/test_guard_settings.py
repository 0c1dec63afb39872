"""[environments.X.guards] in opsctl.toml: what is read, and what each mistake says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from opsctl.config import ConfigError, load_config
from opsctl.environments import load_environment
from opsctl.environments.approvals.policy import ApprovalPolicy
from opsctl.environments.guards.rules import GATES, UNGUARDED, Guards

PROJECT = Path(__file__).parents[3]
HEAD = """
[project]
name = "shop"
[environments.prod]
target = "aws"
account_id = "111122223333"
region = "eu-central-1"
[environments.prod.guards]
"""


def guards(folder: Path, text: str) -> Guards:
    (folder / "opsctl.toml").write_text(HEAD + text)
    return load_environment(load_config(folder), "prod").guards


def test_without_guards_nothing_is_forbidden(tmp_path: Path) -> None:
    assert guards(tmp_path, "") == UNGUARDED
    assert UNGUARDED.names == ()


def test_every_guard_can_be_written(tmp_path: Path) -> None:
    found = guards(
        tmp_path,
        """
        accounts = ["111122223333"]
        regions = ["eu-central-1"]
        branches = ["main", "release/*"]
        clean_tree = true
        protected = ["module.photos", "aws_lb"]
        protect_stateful = true
        max_destroys = 0
        gates = ["workflows", "smoke", "workflows"]
        reason_required = true
        approvals = { required = 2, other_than_requester = false, minutes = 30 }
        freeze = [
          { from = "Fri 16:00", until = "Mon 08:00", zone = "Europe/Vienna", why = "weekend" },
          { from = 2026-12-20, until = 2027-01-03T18:00:00 },
        ]
        """,
    )
    assert found.branches == ("main", "release/*")
    assert found.max_destroys == 0
    assert found.gates == ("workflows", "smoke")
    assert found.approvals == ApprovalPolicy(2, other_than_requester=False, minutes=30)
    weekend, holidays = found.freeze
    assert weekend.why == "weekend"
    assert weekend.covering(datetime(2026, 11, 21, tzinfo=UTC))
    assert holidays.covering(datetime(2027, 1, 3, 17, 59, tzinfo=UTC))
    assert not holidays.covering(datetime(2027, 1, 3, 18, 0, tzinfo=UTC))
    assert found.names == (
        "accounts", "regions", "branches", "clean_tree", "freeze", "protected", "max_destroys", "approvals",
        "reason_required", "workflows", "smoke",
    )  # fmt: skip


@pytest.mark.parametrize(("text", "copied"), [("", True), ("protect_stateful = true", False),
                                              ('protected = ["aws_lb"]\nephemeral = true', True)])  # fmt: skip
def test_what_protects_something_is_copied_only_when_it_says_so(tmp_path: Path, text: str, copied: bool) -> None:
    assert guards(tmp_path, text).ephemeral is copied


def test_a_copy_keeps_where_it_may_live_and_nothing_else() -> None:
    parent = Guards(accounts=("1",), regions=("r",), branches=("main",), protect_stateful=True, max_destroys=0)
    assert parent.for_ephemeral() == Guards(accounts=("1",), regions=("r",))


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("brances = ['main']", "brances", "not a guard"),
        ("accounts = []", "accounts", "list that names something"),
        ("accounts = '111122223333'", "accounts", "list"),
        ("accounts = ['111122223333', '1111']", "accounts -> 2", "12 digits"),
        ("accounts = [111122223333]", "accounts -> 1", "12 digits"),
        ("regions = ['Frankfurt']", "regions -> 1", "eu-central-1"),
        ("branches = ['']", "branches -> 1", "release"),
        ("clean_tree = 'yes'", "clean_tree", "true or false"),
        ("max_destroys = true", "max_destroys", "whole number"),
        ("max_destroys = -1", "max_destroys", "from 0 on"),
        ("gates = ['cost']", "gates -> 1", "no gate 'cost'"),
        ("gates = [{}]", "gates -> 1", "no gate"),
        ("protected = [3]", "protected -> 1", "resource type"),
        ("approvals = true", "approvals", "table"),
        ("approvals = { minutes = 0 }", "approvals -> minutes", "from 1 on"),
        ("approvals = { by = 'ada' }", "approvals -> by", "not a field"),
        ("freeze = [{ from = '22:00' }]", "freeze -> 1 -> until", "needs `until`"),
        ("freeze = [{ from = '22:00', until = '06:00', tz = 'UTC' }]", "freeze -> 1 -> tz", "not a field"),
        ("freeze = [{ from = '22:00', until = '06:00', zone = 'Vienna' }]", "freeze -> 1 -> zone", "no time zone"),
        ("freeze = [{ from = '22:00', until = '06:00', zone = '../UTC' }]", "freeze -> 1 -> zone", "no time zone"),
        ("freeze = [{ from = '22:00', until = '06:00', zone = 'Europe' }]", "freeze -> 1 -> zone", "no time zone"),
        ("freeze = [{ from = 'Fri', until = 'Mon' }]", "freeze -> 1", "can't be read"),
        ("freeze = [{ from = 2026-12-20T00:00:00Z, until = 2027-01-03 }]", "freeze -> 1 -> from", "local time"),
        ("freeze = [{ from = 20261220, until = 2027-01-03 }]", "freeze -> 1 -> from", "text"),
        ("freeze = ['weekend']", "freeze -> 1", "table"),
        ("[[environments.prod.guards.gates]]", "gates -> 1", "no gate"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(tmp_path: Path, text: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        guards(tmp_path, text)
    assert raised.value.where.endswith(f"environments -> prod -> guards -> {path}")
    assert raised.value.exit_code == 2


def test_a_gate_of_a_later_version_lists_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        guards(tmp_path, "gates = ['functions', 'cost']")
    assert raised.value.next == f"Gates: {', '.join(GATES)}."


def test_guards_that_are_no_table_are_named(tmp_path: Path) -> None:
    (tmp_path / "opsctl.toml").write_text(HEAD.replace("[environments.prod.guards]", "guards = true"))
    with pytest.raises(ConfigError) as raised:
        load_environment(load_config(tmp_path), "prod")
    assert raised.value.where.endswith("environments -> prod -> guards")


def test_our_own_configuration_guards_prod_and_leaves_the_local_one_free() -> None:
    config = load_config(PROJECT)
    prod = load_environment(config, "prod").guards
    assert {"accounts", "regions", "branches", "clean_tree", "freeze", "protected", "max_destroys",
            "reason_required", "approvals", "smoke"} <= set(prod.names)  # fmt: skip
    assert not prod.ephemeral
    assert load_environment(config, "local").guards == UNGUARDED
