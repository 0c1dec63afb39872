"""Environments that live for hours: what is registered, what differs from the parent, when they go."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.config import Config, load_config
from opsctl.environments.environment import Environment, UnknownEnvironment, load_environment
from opsctl.environments.ephemeral import copies as ephemeral
from opsctl.environments.ephemeral.copies import (
    Expired,
    NotRegistered,
    copy_of,
    extend,
    find_environment,
    forget,
    new_environment,
    registry_of,
    remembered,
    require_time_left,
)
from opsctl.environments.ephemeral.reaping import Fate, Reaped, Reaping, decide, reap
from opsctl.environments.ephemeral.registration import (
    LONGEST,
    UNITS,
    BadRegistration,
    Registration,
    key_of,
    overrides_for,
    own_account,
    parse_setting,
    parse_ttl,
)
from opsctl.environments.overview import Overview, deeds
from opsctl.environments.planning import make_plan
from opsctl.environments.ports import Ports
from opsctl.environments.state_bucket import StateBucket
from opsctl.errors import Locked, OpsctlError, Refused, UsageError
from opsctl.exit_codes import ExitCode
from opsctl.journal import Entry

TOML = """
[project]
name = "shop"
[environments.local]
target = "local"
account_id = "111122223333"
region = "eu-central-1"
[environments.dev]
target = "aws"
account_id = "210987654321"
region = "eu-central-1"
[environments.prod]
target = "aws"
account_id = "321098765432"
region = "eu-central-1"
[environments.prod.guards]
protect_stateful = true
"""
STACK = "\n".join(
    f'variable "{name}" {{}}'
    for name in (
        "environment", "site_domain", "parent_zone_name", "deletion_protection", "db_instance_class", "owner",
        "payment_sandbox", "payment_provider", "origin_secret",
    )
)  # fmt: skip
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def config(tmp_path: Path, ports: Ports) -> Config:
    """The project that `ports` is of, with three environments."""
    (tmp_path / "opsctl.toml").write_text(TOML)
    for file, text in (
        ("stack/main.tf", STACK),
        *((f"environments/{name}.tfvars", f'site_domain = "{name}.test"\n') for name in ("local", "dev", "prod")),
        *((f"environments/{name}.s3.tfbackend", "") for name in ("local", "dev", "prod")),
    ):
        path = tmp_path / "terraform" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_config(tmp_path)


@pytest.fixture
def at(config: Config, ports: Ports) -> Callable[[Environment], Ports]:
    """An environment, reached in memory; its account has a state bucket."""

    def reach(environment: Environment) -> Ports:
        ports.aws.buckets.setdefault(environment.state_bucket, {})  # type: ignore[attr-defined]
        return replace(ports, environment=environment, bucket=StateBucket(environment, ports.aws))

    return reach


Reach = Callable[[Environment], Ports]


def new(config: Config, at: Reach, name: str = "pr-42", parent: str = "local", **more: Any) -> Environment:
    origin = load_environment(config, parent)
    return new_environment(config, name, origin, 8 * HOUR, at(origin), **more)


def registration(name: str = "pr-42", *, expires: datetime = NOW + HOUR, **more: Any) -> Registration:
    settings: dict[str, Any] = {
        "parent": "local", "created": NOW, "owner": "arn:aws:iam::1:user/ada", "account_id": "745813098010",
        "region": "eu-central-1", "overrides": {},
    }  # fmt: skip
    return Registration(name=name, expires=expires, **settings | more)


def overview(registered: Registration, *, phase: str = "up", **more: Any) -> Overview:
    return Overview(
        registered.name, "local", registered.account_id, registered.region, registration=registered, phase=phase, **more
    )


# Time to live


@given(st.integers(min_value=1, max_value=10**7 - 1), st.sampled_from(sorted(UNITS)))
def test_a_time_to_live_is_a_number_and_a_unit_and_at_most_a_month(number: int, unit: str) -> None:
    seconds = number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    if seconds <= LONGEST.total_seconds():
        assert parse_ttl(f"{number}{unit}").total_seconds() == seconds
    else:
        with pytest.raises(UsageError):
            parse_ttl(f"{number}{unit}")


@given(st.text(max_size=12).filter(lambda text: not re.fullmatch("[0-9]{1,7}[smhd]", text)))
def test_anything_else_is_no_time_to_live_and_is_named(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_ttl(text)
    assert repr(text) in raised.value.what
    assert "8h" in raised.value.next


@pytest.mark.parametrize("text", ["0h", "0d", "", "8", "h", "-1h", "1.5h", "8h ", "31d", "٣h"])
def test_a_bad_time_to_live_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_ttl(text)


# The registration


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(NAMES, MOMENTS, MOMENTS, st.dictionaries(st.text(), JSON, max_size=3))
def test_a_registration_is_read_as_it_was_written(
    name: str, created: datetime, expires: datetime, overrides: dict[str, Any]
) -> None:
    written = registration(name, expires=expires, created=created, overrides=overrides)
    assert Registration.from_json(written.to_json(), where="s3://bucket/key") == written


@given(st.text() | JSON.map(json.dumps))
def test_what_is_no_registration_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BadRegistration) as raised:
        Registration.from_json(text, where="s3://bucket/key")
    assert raised.value.where.startswith("s3://bucket/key")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Pr_42"), ("name", 42), ("name", "a" * 17), ("account_id", "12"), ("region", "here"), ("owner", ""),
        ("created", "soon"), ("expires", 7), ("expires", "2026-11-21T12:00:00"), ("overrides", []), ("parent", None),
    ],
)  # fmt: skip
def test_each_field_that_is_wrong_is_named(field: str, value: Any) -> None:
    document = json.loads(registration().to_json()) | {field: value}
    with pytest.raises(BadRegistration) as raised:
        Registration.from_json(json.dumps(document), where="s3://bucket/key")
    assert raised.value.where == f"s3://bucket/key -> {field}"


def test_an_object_under_another_ones_name_is_refused(config: Config, at: Reach) -> None:
    parent = load_environment(config, "local")
    at(parent).bucket.write(key_of("pr-1"), registration("pr-2").to_json().encode())
    with pytest.raises(BadRegistration, match="says that it is 'pr-2'"):
        registry_of(parent, at(parent)).read("pr-1")


# Accounts of the local cloud


@given(st.lists(NAMES, unique=True, max_size=30))
def test_accounts_never_clash_and_are_twelve_digits(names: list[str]) -> None:
    taken = {"111122223333"}
    for name in names:
        account = own_account(name, taken)
        assert re.fullmatch(r"[1-9]\d{11}", account)
        assert account not in taken
        taken.add(account)


@given(NAMES)
def test_an_account_that_is_taken_is_passed_over_and_the_choice_is_always_the_same(name: str) -> None:
    first = own_account(name, ())
    second = own_account(name, {first})
    assert first == own_account(name, {"111122223333"})
    assert second not in ("111122223333", first)
    assert second == own_account(name, {first, "111122223333"})


# What differs from the parent


def test_a_copy_differs_in_what_would_clash_cost_or_stay_behind(config: Config, at: Reach) -> None:
    made = new(config, at, parent="dev")
    assert made.overrides == {
        "site_domain": "pr-42.dev.test",
        "parent_zone_name": "dev.test",
        "deletion_protection": False,
        "db_instance_class": "db.t4g.micro",
        "owner": "user/ada",
        "payment_sandbox": True,
        "payment_provider": None,
    }
    assert (made.account_id, made.state_key) == ("210987654321", "pr-42/terraform.tfstate")


def test_a_local_copy_has_an_account_of_its_own_and_no_zone_to_be_delegated_from(config: Config, at: Reach) -> None:
    made = new(config, at)
    assert made.account_id not in ("111122223333", "210987654321", "321098765432")
    assert made.state_bucket == f"shop-state-{made.account_id}-eu-central-1"
    assert made.overrides["site_domain"] == "pr-42.local.test"
    assert "parent_zone_name" not in made.overrides


def test_terraform_gets_the_parents_file_and_what_differs_over_it(
    config: Config, at: Reach, terraform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, asked = new(config, at, chosen={"db_instance_class": "db.m7g.large"}), {}
    monkeypatch.setattr(terraform, "plan", lambda **settings: asked.update(settings))
    make_plan(at(made), terraform)
    assert asked["variables_file"] == config.terraform / "environments" / "local.tfvars"
    assert asked["variables"]["environment"] == "pr-42"
    assert asked["variables"]["account_id"] == made.account_id
    assert asked["variables"]["deletion_protection"] is False
    assert asked["variables"]["db_instance_class"] == "db.m7g.large"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"colour": 1}, "The stack has no variable 'colour'."),
        ({"environment": "prod"}, "environment is said by opsctl and can't be set."),
    ],
)
def test_a_setting_that_opsctl_or_nobody_knows_is_refused(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        overrides_for("a", local=True, owner="o", parent_domain="", declared={"environment"}, chosen=chosen)
    assert raised.value.what == said


def test_a_secret_is_not_written_into_a_registration(config: Config, at: Reach) -> None:
    (config.terraform / "stack" / "more.tf").write_text('variable "pin" {\n  sensitive = true\n}\n')
    with pytest.raises(UsageError, match="pin is secret"):
        new(config, at, chosen={"pin": "1234"})


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("days=3", ("days", 3)), ("on=true", ("on", True)), ("name=pr 42", ("name", "pr 42")),
        ("none=null", ("none", None)), ('size={"min": 2}', ("size", {"min": 2})), ("empty=", ("empty", "")),
        ("equation=a=b", ("equation", "a=b")),
    ],
)  # fmt: skip
def test_a_setting_is_json_where_it_reads_as_such_and_else_text(text: str, setting: tuple[str, Any]) -> None:
    assert parse_setting(text) == setting


@pytest.mark.parametrize("text", ["days", "=3", "9a=1", "a b=1"])
def test_a_setting_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_setting(text)


# Made, found, extended


@pytest.mark.parametrize("name", ["prod", "locks", "heads", "archive", "A", "1a", "-a", "a" * 17, "a_b", ""])
def test_a_name_that_would_clash_or_can_be_none_is_refused(name: str, config: Config, at: Reach) -> None:
    with pytest.raises(UsageError):
        new(config, at, name)


def test_a_name_is_given_once(config: Config, at: Reach) -> None:
    new(config, at)
    with pytest.raises(UsageError, match="already"):
        new(config, at)


def test_a_protected_environment_is_not_copied(config: Config, at: Reach) -> None:
    with pytest.raises(Refused, match="No ephemeral environment may be made from prod"):
        new(config, at, parent="prod")
    (config.root / "opsctl.toml").write_text(TOML + "ephemeral = true\n")
    assert new(load_config(config.root), at, parent="prod").guards.protect_stateful is False


def test_it_is_found_by_name_by_who_made_it_and_by_who_did_not(
    config: Config, at: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new(config, at)
    assert find_environment(config, "pr-42") == made
    forget(config, "pr-42")
    asked: list[str] = []

    def connect(_: Config, environment: Environment, **settings: Any) -> Ports:
        asked.append(environment.name)
        if environment.name == "prod":
            raise OpsctlError("No credentials.")
        return at(environment)

    monkeypatch.setattr(ephemeral, "connect", connect)
    assert find_environment(config, "pr-42") == made
    assert sorted(asked) == ["dev", "local", "prod"]
    assert find_environment(config, "pr-42") == made
    assert len(asked) == 3  # remembered
    with pytest.raises(UnknownEnvironment) as raised:
        find_environment(config, "pr-43")
    assert "Did you mean pr-42?" in raised.value.what
    assert "prod could not be asked: No credentials." in raised.value.where
    assert "Known: dev, local, prod, pr-42." in raised.value.next


def test_a_registration_of_another_account_is_not_followed(config: Config) -> None:
    with pytest.raises(BadRegistration, match="is registered for account 999999999999"):
        copy_of(config, registration(parent="dev", account_id="999999999999"))
    with pytest.raises(BadRegistration, match="is registered for account 111122223333"):
        copy_of(config, registration(parent="local", account_id="111122223333"))
    with pytest.raises(BadRegistration, match=r"opsctl\.toml has no more"):
        copy_of(config, registration(parent="gone"))


def test_it_may_be_taken_up_until_it_expires_and_after_it_was_given_more_time(config: Config, at: Reach) -> None:
    ports = at(new(config, at))
    require_time_left(ports)
    ports.clock.sleep(0)
    registry = registry_of(ports.environment, ports)
    registry.extend("pr-42", -HOUR, ports)
    with pytest.raises(Expired) as raised:
        require_time_left(ports)
    assert raised.value.exit_code is ExitCode.REFUSED
    longer = extend(config, ports.environment, 2 * HOUR, ports)
    assert longer.expires == NOW + 2 * HOUR
    assert remembered(config)["pr-42"] == longer
    require_time_left(ports)
    registry.remove("pr-42")
    with pytest.raises(NotRegistered):
        require_time_left(ports)
    with pytest.raises(NotRegistered):
        extend(config, ports.environment, HOUR, ports)


def test_two_parents_of_one_account_each_have_their_own(config: Config, at: Reach) -> None:
    (config.root / "opsctl.toml").write_text(TOML.replace("321098765432", "210987654321"))
    config = load_config(config.root)
    new(config, at, "pr-1", parent="dev")
    dev, prod = load_environment(config, "dev"), load_environment(config, "prod")
    assert [found.name for found in registry_of(dev, at(dev)).all()] == ["pr-1"]
    assert list(registry_of(prod, at(prod)).all()) == []


# Reaping


EXPIRED, ALIVE = registration("old", expires=NOW - HOUR), registration("young")


def fates(*overviews: Overview, only: tuple[str, ...] = ()) -> dict[str, str]:
    return {d.registration.name: d.fate.value for d in decide(overviews, now=NOW, only=only)}


def test_what_has_expired_goes_and_the_rest_stays() -> None:
    assert fates(overview(EXPIRED), overview(ALIVE)) == {"old": "reap", "young": "keep"}
    assert fates() == {}


def test_it_expires_at_its_very_second() -> None:
    assert fates(overview(registration("now", expires=NOW))) == {"now": "reap"}


def test_one_that_somebody_is_at_work_on_is_skipped_and_says_who() -> None:
    [decision] = decide([overview(EXPIRED, phase="busy", lock={"who": "arn:ada"})], now=NOW)
    assert decision.fate is Fate.SKIP
    assert decision.why == "expired 2026-11-21 11:00 UTC, but is locked by arn:ada"
    assert fates(overview(ALIVE, phase="busy")) == {"young": "keep"}


def test_a_lock_that_nobody_holds_any_more_does_not_save_it() -> None:
    assert fates(overview(EXPIRED, lock={"who": "arn:ada", "state": "orphaned"})) == {"old": "reap"}


def test_one_that_is_named_goes_before_its_time_and_no_other() -> None:
    assert fates(overview(EXPIRED), overview(ALIVE), only=("young",)) == {"old": "keep", "young": "reap"}
    configured = Overview("local", "local", "1", "r", registration=None, phase="up")
    with pytest.raises(UsageError, match="'local' is no ephemeral environment"):
        decide([configured], now=NOW, only=["local"])


def test_after_a_failure_the_rest_goes_on_and_only_what_is_gone_is_struck_off(config: Config, at: Reach) -> None:
    made = [new(config, at, name) for name in ("a", "b", "c")]
    assert all(one.registration for one in made)
    decisions = decide(
        [overview(one.registration) for one in made if one.registration], now=NOW, only=("a", "b", "c")
    )  # fmt: skip
    told: list[str] = []

    def reach(environment: Environment) -> Ports:
        if environment.name == "b":
            raise Locked("b is locked.")
        return at(environment)

    done = reap(
        config, decisions, reach=reach, on_next=lambda d: told.append(d.registration.name), on_done=lambda _: None
    )
    assert told == ["a", "b", "c"]
    assert [one.environment for one in done.failed] == ["b"]
    assert done.exit_code is ExitCode.LOCKED
    parent = load_environment(config, "local")
    assert [found.name for found in registry_of(parent, at(parent)).all()] == ["b"]
    assert list(remembered(config)) == ["b"]


def test_one_that_was_given_more_time_meanwhile_stays(config: Config, at: Reach) -> None:
    made = new(config, at)
    assert made.registration
    decisions = decide([overview(made.registration)], now=NOW + 9 * HOUR)
    extend(config, made, 20 * HOUR, at(made))
    done = reap(config, decisions, reach=at, on_next=lambda _: None, on_done=lambda _: None)
    assert done.exit_code is ExitCode.REFUSED
    assert "pr-42" in remembered(config)


@pytest.mark.parametrize(
    ("codes", "skipped", "worst"),
    [
        ([], False, 0), ([None], False, 0), ([None], True, 6), ([Refused], True, 5),
        ([Locked, OpsctlError, Refused], True, 1),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_the_worst(codes: list[type[OpsctlError] | None], skipped: bool, worst: int) -> None:
    reaped = tuple(Reaped("x", code("no") if code else None) for code in codes)
    skips = tuple(decide([overview(EXPIRED, phase="busy")], now=NOW)) if skipped else ()
    assert Reaping(reaped, skips).exit_code == worst


# At a glance


def entry(command: str, hour: int, result: str = "done") -> Entry:
    return Entry("e", command, f"2026-11-21T{hour:02}:00:00+00:00", "arn:ada", "host", result, 1.0)


def test_it_is_up_since_the_first_up_after_it_was_last_taken_down() -> None:
    entries = [entry("up", 1), entry("down", 2), entry("up", 3, "failed"), entry("up", 4), entry("smoke", 5)]
    since, last_up, smoke = deeds(reversed(entries))
    assert since == datetime(2026, 11, 21, 3, tzinfo=UTC)
    assert (last_up, smoke) == (entries[3], entries[4])


def test_a_failed_down_leaves_it_up_and_a_good_one_does_not() -> None:
    assert deeds([entry("down", 2, "failed"), entry("up", 1)])[0] == datetime(2026, 11, 21, 1, tzinfo=UTC)
    first = entry("up", 1)
    assert deeds([entry("down", 2), first]) == (None, first, None)
    assert deeds([]) == (None, None, None)
