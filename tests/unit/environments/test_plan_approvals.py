"""Who may agree to what, how often and for how long."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.clients import Identity
from opsctl.environments.approvals import approving
from opsctl.environments.approvals.approving import OwnPlan, approve
from opsctl.environments.approvals.callers import is_shared, person_of
from opsctl.environments.approvals.policy import ApprovalPolicy
from opsctl.environments.approvals.required import (
    ApprovalMissing,
    PlanDiffers,
    approval_of,
    check_plan_file,
    require_same_plan,
)
from opsctl.environments.events import Notice
from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports
from opsctl.environments.up import NotApproved, up
from opsctl.files import sha256_of
from opsctl.terraform.failures import PlanStale
from opsctl.terraform.plan import Action, Binding, Change, Origin, Plan, binding_file

ACCOUNT = "111122223333"
ADA, BEN, EVE = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("ada", "ben", "eve"))
SSO = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_{{}}_0123456789abcdef/{{}}"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/{{}}/{{}}"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class MovingClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None: ...


def plan_of(*names: str, by: str = ADA, **bound: Any) -> Plan:
    origin = Origin(ACCOUNT, "eu-central-1", by, "2026-11-21T11:00:00+00:00")
    binding = Binding(
        "local",
        Path("/stack"),
        Path("/work"),
        "c" * 64,
        "1.11.4",
        "5.100.0",
        "lineage",
        3,
        destroy=False,
        origin=origin,
    )
    changes = tuple(
        Change(f"aws_sqs_queue.{name}", "", "aws_sqs_queue", name, "aws", Action.CREATE, hashes={"": name})
        for name in names
    )
    return Plan(Path("/work/my.tfplan"), "f" * 64, replace(binding, **bound), "1.11.4", changes)


Make = Callable[..., Ports]


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def asking(ports: Ports, clock: MovingClock) -> Make:
    """Make an environment that asks for approvals, as seen by one caller."""

    def make(arn: str = ADA, **policy: Any) -> Ports:
        guards = replace(ports.environment.guards, approvals=ApprovalPolicy(**{"required": 1} | policy))
        made: Ports = replace(
            ports, environment=replace(ports.environment, guards=guards), identity=Identity(ACCOUNT, arn, "id"),
            clock=clock,
        )  # fmt: skip
        if not made.bucket.exists():
            made.aws.call("s3", "create_bucket", Bucket=made.bucket.name)
        return made

    return make


@pytest.fixture
def agree(asking: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Let somebody approve a plan."""

    def say_yes(arn: str, plan: Plan, **how: Any) -> Any:
        policy = {name: how.pop(name) for name in ("required", "other_than_requester") if name in how}
        monkeypatch.setattr(approving.planning, "saved_plan", lambda ports, file: plan)
        return approve(
            asking(arn, **policy), plan_file=plan.file, ask=lambda _: how.pop("says", True), afresh=lambda _: False,
            **{name: value for name, value in how.items() if name != "says"},
        )  # fmt: skip

    return say_yes


def refusal(ports: Ports, plan: Plan) -> str:
    with pytest.raises(ApprovalMissing) as raised:
        approval_of(ports, plan)
    assert raised.value.exit_code == 5
    return f"{raised.value.what}\n{raised.value.where}\n{raised.value.next}"


def test_without_an_approval_the_command_for_a_colleague_is_told_word_for_word(asking: Make) -> None:
    told = refusal(asking(), plan_of("a"))
    assert "local asks for 1 approval by somebody else; this plan has none" in told
    assert "opsctl approve local --plan /work/my.tfplan" in told
    assert "opsctl approve local --destroy" in refusal(asking(), plan_of("a", destroy=True))


def test_a_colleagues_approval_covers_the_plan_and_is_named(asking: Make, agree: Any) -> None:
    given = agree(BEN, plan_of("a"), why="looks right")
    assert given.expires_at == NOON + timedelta(minutes=60)
    [record] = asking().journal.records()
    assert (record.entry.command, record.entry.who, record.entry.details["why"]) == ("approve", BEN, "looks right")
    assert approval_of(asking(), plan_of("a")) == {"meaning": plan_of("a").meaning, "by": [BEN], "records": [1]}


def test_an_environment_that_asks_for_none_and_an_empty_plan_need_none(asking: Make) -> None:
    assert approval_of(asking(required=0), plan_of("a")) == {}
    assert approval_of(asking(), plan_of()) == {}


def test_an_approval_of_another_plan_does_not_count(asking: Make, agree: Any) -> None:
    agree(BEN, plan_of("a"))
    assert "has none" in refusal(asking(), plan_of("a", "b"))


def test_an_approval_expires_to_the_minute_and_not_later_than_the_environment_says(
    asking: Make, agree: Any, clock: MovingClock
) -> None:
    agree(BEN, plan_of("a"), minutes=5)
    clock.at = NOON + timedelta(minutes=4, seconds=59)
    assert approval_of(asking(), plan_of("a"))
    clock.at = NOON + timedelta(minutes=5)
    assert f"{BEN} at 12:00 UTC expired at 12:05 UTC" in refusal(asking(), plan_of("a"))
    clock.at = NOON
    agree(EVE, plan_of("b"), minutes=600)
    clock.at = NOON + timedelta(minutes=60)
    assert "expired at 13:00" in refusal(asking(), plan_of("b"))


def test_an_environment_that_became_stricter_shortens_what_was_approved_before(
    asking: Make, agree: Any, clock: MovingClock
) -> None:
    agree(BEN, plan_of("a"), minutes=50)
    clock.at = NOON + timedelta(minutes=10)
    assert approval_of(asking(), plan_of("a"))
    assert "expired at 12:10" in refusal(asking(minutes=10), plan_of("a"))


def test_an_approval_from_the_future_shows_a_wrong_clock(asking: Make, agree: Any, clock: MovingClock) -> None:
    clock.at = NOON + timedelta(minutes=6)
    agree(BEN, plan_of("a"))
    clock.at = NOON
    assert "a clock is wrong" in refusal(asking(), plan_of("a"))
    clock.at = NOON + timedelta(minutes=1)
    assert approval_of(asking(), plan_of("a"))


def test_who_made_the_plan_can_not_approve_it_and_neither_can_who_applies_it(asking: Make, agree: Any) -> None:
    with pytest.raises(OwnPlan) as raised:
        agree(ADA, plan_of("a", by=ADA))
    assert raised.value.exit_code == 5
    assert asking().journal.records() == []
    agree(BEN, plan_of("a", by=ADA))
    assert f"is the requester's own ({BEN})" in refusal(asking(BEN), plan_of("a"))
    assert approval_of(asking(EVE), plan_of("a"))["by"] == [BEN]


def test_where_the_environment_allows_it_ones_own_approval_counts(asking: Make, agree: Any) -> None:
    agree(ADA, plan_of("a"), other_than_requester=False)
    assert approval_of(asking(ADA, other_than_requester=False), plan_of("a"))["by"] == [ADA]


def test_two_approvals_need_two_people(asking: Make, agree: Any) -> None:
    two = asking(required=2)
    agree(BEN, plan_of("a"))
    agree(BEN, plan_of("a"))
    told = refusal(two, plan_of("a"))
    assert "asks for 2 approvals by somebody else; this plan has 1" in told
    assert f"counts: {BEN}" in told
    agree(EVE, plan_of("a"))
    assert {*approval_of(two, plan_of("a"))["by"]} == {BEN, EVE}


def test_an_approval_is_for_one_apply_however_that_ended(asking: Make, agree: Any, terraform: Any) -> None:
    agree(BEN, plan_of("a"))
    terraform.plan = lambda **rest: plan_of("a")
    terraform.on_apply = lambda: (_ for _ in ()).throw(OSError("the cable"))
    with pytest.raises(OSError, match="the cable"):
        up(asking(), approve=lambda _: True, afresh=lambda _: False)
    record = asking().journal.records()[-1]
    assert (record.entry.result, record.entry.details["approval"]["by"]) == ("failed", [BEN])
    assert "was used by an earlier apply (record 1)" in refusal(asking(), plan_of("a"))
    agree(BEN, plan_of("a"))
    assert approval_of(asking(), plan_of("a"))["records"] == [3]


def test_up_without_the_approval_asks_nobody_and_applies_nothing(asking: Make, terraform: Any) -> None:
    terraform.plan = lambda **rest: plan_of("a")

    def ask(_: object) -> bool:
        raise AssertionError("somebody was asked")

    with pytest.raises(ApprovalMissing):
        up(asking(), approve=ask, afresh=lambda _: False)
    assert terraform.applied == 0


def test_no_approval_of_a_journal_that_was_tampered_with_is_trusted(asking: Make, agree: Any) -> None:
    agree(BEN, plan_of("a"))
    ports = asking()
    [key] = ports.bucket.keys("local/journal/")
    ports.bucket.write(key, (ports.bucket.read(key) or b"").replace(b"user/ben", b"user/bob"))
    assert "broken" in refusal(ports, plan_of("a"))
    ports.bucket.remove(key)
    assert "broken" in refusal(ports, plan_of("a"))


def test_saying_no_or_approving_nothing_leaves_no_record(asking: Make, agree: Any) -> None:
    with pytest.raises(NotApproved):
        agree(BEN, plan_of("a"), says=False)
    with pytest.raises(Exception, match="nothing to approve"):
        agree(BEN, plan_of())
    assert asking().journal.records() == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (ADA, ADA, True),
        (ADA, BEN, False),
        (SSO.format("Admin", "ada@x.org"), SSO.format("Reader", "Ada@x.org"), True),
        (SSO.format("Admin", "ada@x.org"), SSO.format("Admin", "ben@x.org"), False),
        (ROLE.format("deployer", "ada"), ROLE.format("deployer", "ben"), True),
        (ROLE.format("deployer", "ada"), ROLE.format("approver", "ada"), False),
        (ROLE.format("deployer", "ada"), ROLE.format("deployer", "ada").replace(ACCOUNT, "9" * 12), False),
    ],
)
def test_sessions_of_one_role_may_be_one_person_unless_identity_center_names_them(
    one: str, other: str, alike: bool
) -> None:
    assert (person_of(one) == person_of(other)) is alike


def test_roles_and_root_are_known_to_be_shared() -> None:
    assert is_shared(ROLE.format("deployer", "ada"))
    assert is_shared(f"arn:aws:iam::{ACCOUNT}:root")
    assert not is_shared(ADA)
    assert not is_shared(SSO.format("Admin", "ada@x.org"))


# The plan that was looked at


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(plan: Plan) -> Path:
        file = tmp_path / "my.tfplan"
        file.write_bytes(b"PK")
        binding_file(file).write_text(replace(plan.binding, file_sha256=sha256_of(file)).to_json())
        return file

    return save


def compare(ports: Ports, file: Path, was: Plan, now: Plan) -> None:
    terraform = SimpleNamespace(show=lambda _: was, masked=lambda text: text)
    require_same_plan(ports, terraform, now, Intent(plan_file=file))  # type: ignore[arg-type]


def test_the_same_meaning_is_fine_and_a_state_that_moved_on_is_only_told(ports: Ports, saved: Any) -> None:
    was, now = plan_of("a"), plan_of("a", state_serial=9)
    told: list[object] = []
    ports.on_event = told.append
    compare(ports, saved(was), was, now)
    assert [event.text for event in told if isinstance(event, Notice)] == [
        "The state moved on since (serial 3 → 9); the plan is the same."
    ]


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (plan_of("a", "b"), "aws_sqs_queue.b: would now be created"),
        (plan_of(), "aws_sqs_queue.a: would no longer be created"),
        (plan_of("a", configuration_sha256="d" * 64), "the configuration: its files or variables"),
    ],
    ids=["new", "gone", "configuration"],
)
def test_any_difference_is_named_and_refused(ports: Ports, saved: Any, now: Plan, names: str) -> None:
    with pytest.raises(PlanDiffers) as raised:
        compare(ports, saved(plan_of("a")), plan_of("a"), now)
    assert names in raised.value.where
    assert raised.value.exit_code == 5


def test_many_differences_fit_on_a_screen(ports: Ports, saved: Any) -> None:
    with pytest.raises(PlanDiffers) as raised:
        compare(ports, saved(plan_of("a")), plan_of("a"), plan_of("a", *map(str, range(5000))))
    assert "5000 things differ" in raised.value.what
    assert raised.value.where.endswith("and 4980 more")
    assert raised.value.where.count("\n") == 20


@pytest.mark.parametrize(
    ("bound", "says"),
    [
        ({"terraform_version": "1.9.0"}, "with Terraform 1.9.0; here it is 1.11.4"),
        ({"provider_version": "6.0.0"}, "with provider 6.0.0; here it is 5.100.0"),
        ({"state_lineage": "other"}, "on the state of lineage other"),
        ({"destroy": True}, "for opsctl down; here it is up"),
        ({"environment": "prod"}, "for environment prod, not for local"),
        ({"origin": Origin("999988887777", "eu-central-1")}, "for account 999988887777"),
        ({"origin": Origin(ACCOUNT, "us-east-1")}, "for region us-east-1"),
    ],
    ids=lambda value: "",
)
def test_a_plan_of_another_place_or_version_is_refused(ports: Ports, saved: Any, bound: Any, says: str) -> None:
    was = plan_of("a", **bound)
    with pytest.raises(PlanStale) as raised:
        compare(ports, saved(was), was, plan_of("a"))
    assert says in raised.value.what
    assert raised.value.exit_code == 5


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"stack": 1}', '{"stack": "/", "work": "/", "origin": 3}', "\0"]
)
def test_whatever_lies_beside_a_plan_is_judged_and_never_crashes(ports: Ports, saved: Any, text: str) -> None:
    file = saved(plan_of("a"))
    binding_file(file).write_text(text)
    with pytest.raises(PlanStale):
        check_plan_file(ports.environment, file)
    binding_file(file).write_bytes(b"\xff\xfe" + json.dumps(text).encode())
    with pytest.raises(PlanStale):
        check_plan_file(ports.environment, file)


def test_a_file_that_was_cut_off_is_refused(ports: Ports, saved: Any) -> None:
    file = saved(plan_of("a"))
    assert check_plan_file(ports.environment, file).environment == "local"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(PlanStale, match="cut off"):
        check_plan_file(ports.environment, file)
