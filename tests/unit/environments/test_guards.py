"""Guards: what each lets pass and what it catches, how a person overrides one, and that nothing happens before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from opsctl.environments.down import down
from opsctl.environments.git import Repository
from opsctl.environments.guards.checking import GuardRefused, OverrideRefused, objections
from opsctl.environments.guards.freeze import parse_window
from opsctl.environments.guards.gates import CHECKS
from opsctl.environments.guards.rules import (
    GATES,
    PLACE_GUARDS,
    PLAN_GUARDS,
    Guards,
    Place,
    age,
    judge_place,
    judge_plan,
    listed,
)
from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports
from opsctl.environments.up import up
from opsctl.terraform.mapping_templates import TemplateLogic
from opsctl.terraform.plan import Action, Change

SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
WEEKEND = parse_window("Fri 16:00", "Mon 08:00", ZoneInfo("Europe/Vienna"), "nobody is there")
MAIN = Repository("main", "c" * 40)
HERE = Place("111122223333", "eu-central-1", "111122223333", "arn:aws:iam::111122223333:user/ada", MAIN,
             SATURDAY + timedelta(days=2), "INC-42")  # fmt: skip


def losing(address: str, action: Action = Action.DELETE) -> Change:
    kind, name = address.split(".")[-2:]
    return Change(address, "", kind, name.partition("[")[0], "aws", action)


DATABASE, RULE = losing("module.database.aws_db_instance.this"), losing("aws_security_group_rule.web")
QUEUE = losing('module.bulk["a.b"].aws_sqs_queue.jobs[0]', Action.REPLACE)

# guard → the guards; places that it lets pass; places that it objects to, and a word of what it says
PLACES: dict[str, tuple[Guards, list[Place], list[tuple[Place, str]]]] = {
    "accounts": (
        Guards(accounts=("111122223333", "444455556666")),
        [HERE],
        [
            (replace(HERE, account_id="999999999999", identity_account_id="999999999999"), "account 999999999999 is"),
            (replace(HERE, identity_account_id="999999999999"), "user/ada belongs to account 999999999999"),
        ],
    ),
    "regions": (
        Guards(regions=("eu-central-1",)), [HERE], [(replace(HERE, region="us-east-1"), "region us-east-1 is none")],
    ),
    "branches": (
        Guards(branches=("main", "release/*")),
        [HERE, replace(HERE, repository=Repository("release/2026/11", "c"))],
        [
            (replace(HERE, repository=Repository("mainline", "c")), "branch mainline"),
            (replace(HERE, repository=Repository("pull-request/main", "c")), "branch pull-request/main"),
            (replace(HERE, repository=Repository("", "c" * 40)), "no branch is checked out (commit cccccccccccc)"),
            (replace(HERE, repository=Repository(problem="not a git repository")), "not known: not a git repository"),
            (replace(HERE, repository=None), "not known"),
        ],
    ),
    "clean_tree": (
        Guards(clean_tree=True),
        [HERE, replace(HERE, repository=Repository("other", "c"))],
        [
            (replace(HERE, repository=Repository("main", "c", ("a.tf", "b.tf"))), "in a.tf, b.tf"),
            (replace(HERE, repository=Repository("main")), "nothing was committed"),
            (replace(HERE, repository=Repository(problem="git is not installed")), "git is not installed"),
            (replace(HERE, repository=None), "not known"),
        ],
    ),
    "freeze": (
        Guards(freeze=(parse_window("2030-01-01", "2030-01-02", UTC), WEEKEND)),
        [HERE],
        [(replace(HERE, now=SATURDAY), "frozen until 2026-11-23 07:00 UTC, 43 h from now (Fri 16:00 to Mon 08:00")],
    ),
    "reason_required": (Guards(reason_required=True), [HERE], [(replace(HERE, why=" "), "no reason was given")]),
}  # fmt: skip

# guard → the guards; (command, changes) that it lets pass; those that it objects to, and a word of what it says
PLANS: dict[str, tuple[Guards, list[tuple[str, list[Change]]], list[tuple[str, list[Change], str]]]] = {
    "protected": (
        Guards(protected=("aws_lb", "module.photos", "module.bulk.aws_sqs_queue.*", 'aws_eip.a["x"]'),
               protect_stateful=True),
        [("up", []), ("up", [RULE, losing("module.photosets.aws_lambda_function.one"), losing('aws_eip.a["y"]')])],
        [
            ("up", [RULE, DATABASE], f"a protected resource would be destroyed or replaced: {DATABASE.address}"),
            ("down", [DATABASE], "holds a database"),
            ("up", [QUEUE], f"{QUEUE.address} (replace; it holds messages"),
            ("up", [losing("module.x.aws_lb.this"), losing("aws_lb.that")], "2 protected resources"),
            ("up", [losing('module.photos["a"].module.inner.aws_lambda_function.one')], "aws_lambda_function.one"),
            ("up", [losing('aws_eip.a["x"]')], "aws_eip"),
        ],
    ),
    "max_destroys": (
        Guards(max_destroys=1),
        [("up", [RULE]), ("down", [RULE, QUEUE, DATABASE])],
        [("up", [RULE, QUEUE], "2 resources would be destroyed or replaced, 1 are allowed: aws_security_group_rule")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_a_place_passes_a_guard_or_is_told_what_is_wrong(name: str) -> None:
    guards, right, wrong = PLACES[name]
    assert [judge_place(guards, place) for place in right] == [()] * len(right)
    for place, words in wrong:
        [violation] = judge_place(guards, place)
        assert violation.guard == name
        assert words in violation.what
        assert violation.next


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_passes_a_guard_or_is_told_what_is_wrong(name: str) -> None:
    guards, right, wrong = PLANS[name]
    assert [judge_plan(guards, changes, command) for command, changes in right] == [()] * len(right)
    for command, changes, words in wrong:
        [violation] = judge_plan(guards, changes, command)
        assert violation.guard == name
        assert words in violation.what


def test_every_guard_has_its_cases() -> None:
    assert [*PLACES, *PLANS] == [guard.name for guard in (*PLACE_GUARDS, *PLAN_GUARDS)]


def test_every_gate_is_checked_by_the_plan_or_before_it_or_after_the_apply() -> None:
    assert {*CHECKS, "functions", "smoke"} == set(GATES)


def test_without_guards_anything_goes() -> None:
    assert judge_place(Guards(), replace(HERE, repository=None, why="")) == ()
    assert judge_plan(Guards(), [DATABASE] * 300, "up") == ()


def test_a_limit_of_none_is_a_limit() -> None:
    assert judge_plan(Guards(max_destroys=0), [RULE], "up")
    assert Guards(max_destroys=0).names == ("max_destroys",)


def test_a_long_list_is_cut_and_counted() -> None:
    assert listed([str(number) for number in range(300)]) == "0, 1, 2, 3, 4, 5 and 294 more"


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(seconds=1), "1 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=43), "43 h"),
        (timedelta(days=14), "14 days"),
    ],
)
def test_ages_are_said_in_their_largest_unit(time: timedelta, words: str) -> None:
    assert age(time) == words


# Around an `up` and a `down`: what is refused, what is recorded.


def yes(_: object) -> bool:
    return True


@pytest.fixture
def plans(terraform: Any) -> Callable[..., None]:
    """Make Terraform plan these changes."""

    def plan(*changes: Change, template_logic: tuple[TemplateLogic, ...] = ()) -> None:
        groups: dict[str, Any] = {"created": (), "updated": (), "replaced": (), "deleted": ()}
        for change in changes:
            groups[f"{change.action.value}d"] += (change,)
        terraform.plan = lambda **_: SimpleNamespace(
            **groups, has_changes=True, sha256="f" * 64, meaning="m" * 64, functions=(), template_logic=template_logic,
            binding=SimpleNamespace(destroy=False),
        )  # fmt: skip

    return plan


def guarded(ports: Ports, guards: Guards) -> Ports:
    ports.environment = replace(ports.environment, guards=guards)
    return ports


def refused(ports: Ports, **overrides: str) -> GuardRefused:
    with pytest.raises(GuardRefused) as raised:
        up(ports, approve=never, afresh=yes, intent=Intent(overrides=overrides))
    return raised.value


def never(_: object) -> bool:
    raise AssertionError("somebody was asked about what is refused")


def test_all_objections_come_at_once_with_where_they_are_said_and_how_to_go_on(ports: Ports, terraform: Any) -> None:
    guarded(ports, Guards(branches=("main",), freeze=(WEEKEND,), reason_required=True))
    error = refused(ports)
    assert error.exit_code == 5
    assert [violation.guard for violation in error.violations] == ["branches", "freeze", "reason_required"]
    assert "opsctl.toml: environments -> local -> guards -> freeze" in error.where
    assert 'opsctl up local --override branches="…" --override freeze="…"' in error.next
    assert 'Say why: --why "…"' in error.next
    assert "reason_required=" not in error.next


def test_what_is_refused_before_the_plan_touched_nothing(ports: Ports, aws: Any, terraform: Any) -> None:
    refused(guarded(ports, Guards(freeze=(WEEKEND,))))
    assert (aws.buckets, aws.calls, terraform.applied) == ({}, [], 0)
    assert list(ports.environment.work.iterdir()) == []


def test_what_is_refused_by_its_plan_changes_nothing_leaves_no_lock_and_asks_nobody(
    ports: Ports, terraform: Any, plans: Any
) -> None:
    plans(DATABASE)
    error = refused(guarded(ports, Guards(protect_stateful=True)))
    assert DATABASE.address in error.where
    assert terraform.applied == 0
    assert ports.journal.records() == []
    assert not [key for key in ports.bucket.keys("") if "lock" in key]


def test_an_override_lets_it_pass_and_is_recorded_with_its_reason(ports: Ports, terraform: Any, plans: Any) -> None:
    plans(DATABASE)
    reasons = {"freeze": "hotfix INC-42", "protected": "moved to a cluster"}
    guarded(ports, Guards(freeze=(WEEKEND,), protect_stateful=True))
    up(ports, approve=yes, afresh=yes, intent=Intent(overrides=reasons))
    assert terraform.applied == 1
    [record] = ports.journal.records()
    assert record.entry.details["overrides"] == reasons


def test_an_override_of_one_guard_overrides_no_other(ports: Ports, terraform: Any, plans: Any) -> None:
    plans(DATABASE)
    guarded(ports, Guards(protect_stateful=True, max_destroys=0))
    assert [violation.guard for violation in refused(ports, protected="moved").violations] == ["max_destroys"]
    assert terraform.applied == 0


@pytest.mark.parametrize(
    ("name", "what", "next_"),
    [
        ("freze", "has no guard 'freze'. Did you mean freeze?", "freeze, protected, workflows"),
        ("accounts", "accounts can't be overridden", "freeze, protected, workflows"),
        ("smoke", "it speaks after the apply", "freeze, protected, workflows"),
        ("max_destroys", "has no guard 'max_destroys'", "freeze, protected, workflows"),
        ("protected", "--override protected is not needed", "what objects: nothing"),
        ("workflows", "--override workflows is not needed", "what objects: nothing"),
    ],
)
def test_an_override_of_what_does_not_object_is_an_error_that_says_what_there_is(
    ports: Ports, terraform: Any, plans: Any, name: str, what: str, next_: str
) -> None:
    plans(RULE)
    monday = parse_window("Mon 08:00", "Fri 16:00", UTC)
    guarded(ports, Guards(accounts=("111122223333",), freeze=(monday,), protect_stateful=True,
                          gates=("workflows", "smoke")))  # fmt: skip
    with pytest.raises(OverrideRefused) as raised:
        up(ports, approve=never, afresh=yes, intent=Intent(overrides={name: "because"}))
    assert raised.value.exit_code == 2
    assert what in raised.value.what
    assert next_ in raised.value.next
    assert terraform.applied == 0


def test_an_override_of_a_freeze_that_is_not_on_is_not_needed(ports: Ports, terraform: Any) -> None:
    guarded(ports, Guards(freeze=(parse_window("Mon 08:00", "Fri 16:00", UTC),)))
    with pytest.raises(OverrideRefused, match="freeze is not needed"):
        up(ports, approve=never, afresh=yes, intent=Intent(overrides={"freeze": "habit"}))


class Ticking:
    """A clock that a test sets."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def friday(ports: Ports) -> Ticking:
    """A minute before the weekend's freeze."""
    clock = Ticking(datetime(2026, 11, 20, 14, 59, tzinfo=UTC))
    ports.clock = clock
    return clock


def test_a_freeze_that_began_while_the_plan_was_made_is_met(
    ports: Ports, terraform: Any, plans: Any, friday: Ticking
) -> None:
    guarded(ports, Guards(freeze=(WEEKEND,)))
    plans(RULE)
    made = terraform.plan

    def slow(**settings: Any) -> Any:
        friday.sleep(120)
        return made(**settings)

    terraform.plan = slow
    assert "frozen until" in refused(ports).where
    assert terraform.applied == 0


def test_a_freeze_that_began_while_a_person_thought_is_met(
    ports: Ports, terraform: Any, plans: Any, friday: Ticking
) -> None:
    guarded(ports, Guards(freeze=(WEEKEND,)))
    plans(RULE)

    def thinking(_: object) -> bool:
        friday.sleep(120)
        return True

    with pytest.raises(GuardRefused):
        up(ports, approve=thinking, afresh=yes)
    assert terraform.applied == 0
    assert ports.journal.records() == []


def test_an_overridden_freeze_that_ended_meanwhile_is_no_error(ports: Ports, terraform: Any, plans: Any) -> None:
    clock = Ticking(datetime(2026, 11, 23, 6, 59, tzinfo=UTC))
    ports.clock = clock
    guarded(ports, Guards(freeze=(WEEKEND,)))
    plans(RULE)
    made = terraform.plan
    terraform.plan = lambda **settings: (clock.sleep(120), made(**settings))[1]
    up(ports, approve=yes, afresh=yes, intent=Intent(overrides={"freeze": "a minute early"}))
    assert terraform.applied == 1


def test_down_of_what_is_protected_is_refused_and_its_objects_stay(
    ports: Ports, terraform: Any, aws: Any, plans: Any
) -> None:
    bucket = losing("aws_s3_bucket.photos")
    aws.buckets[ports.bucket.name] = {}
    ports.bucket.write(ports.environment.state_key, STATE)
    aws.buckets["photos"] = {"uploads/1": b"x"}
    plans(bucket)
    guarded(ports, Guards(protected=("aws_s3_bucket",), max_destroys=0, gates=("workflows",)))
    with pytest.raises(GuardRefused) as raised:
        down(ports, approve=never, afresh=yes)
    assert [violation.guard for violation in raised.value.violations] == ["protected"]
    assert "opsctl down local --override protected" in raised.value.next
    assert aws.buckets["photos"] == {"uploads/1": b"x"}
    down(ports, approve=yes, afresh=yes, intent=Intent(overrides={"protected": "the shop closes"}))
    assert aws.buckets["photos"] == {}
    assert ports.journal.records()[-1].entry.details["overrides"] == {"protected": "the shop closes"}


STATE = b"""{"version": 4, "serial": 3, "lineage": "l", "terraform_version": "1.11.4", "outputs": {}, "resources": [
    {"mode": "managed", "type": "aws_s3_bucket", "name": "x", "instances": [{"attributes": {"id": "photos"}}]}]}"""


def test_a_state_machine_that_breaks_a_rule_closes_the_gate(ports: Ports, terraform: Any, plans: Any) -> None:
    plans(RULE)
    guarded(ports, Guards(gates=("workflows",)))
    folder = ports.environment.stack.parent / "modules" / "orders"
    folder.mkdir()
    machine = folder / "ship.asl.json"
    machine.write_text('{"StartAt": "A", "TimeoutSeconds": 9, "States": {"A": {"Type": "Succeed"}}}')
    up(ports, approve=yes, afresh=yes)
    machine.write_text('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}')
    [violation] = refused(ports).violations
    assert violation.guard == "workflows"
    assert "orders/ship.asl.json:  has no TimeoutSeconds" in violation.what
    assert violation.where == "guards -> gates"


def test_logic_in_a_mapping_template_closes_the_gate(ports: Ports, terraform: Any, plans: Any) -> None:
    guarded(ports, Guards(gates=("mapping-templates",)))
    plans(RULE)
    up(ports, approve=yes, afresh=yes)
    plans(RULE, template_logic=(TemplateLogic("aws_api_gateway_integration.a", "application/json", ("if",)),))
    assert "aws_api_gateway_integration.a: the mapping template" in refused(ports).where
    up(ports, approve=yes, afresh=yes, intent=Intent(overrides={"mapping-templates": "goes with #12"}))


OPEN_QUEUE = """
resource "aws_sqs_queue_policy" "orders" {
  queue_url = "https://sqs.eu-central-1.amazonaws.com/111122223333/orders"
  policy    = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "sqs:*", Resource = "*" }]
  })
}
"""
OPEN_PORT = """
resource "aws_security_group" "web" {
  name        = "web"
  description = "Everybody's shell"
  vpc_id      = "vpc-1"

  ingress {
    description = "SSH"
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""
WAIVER = """
[[waivers]]
rule = "*"
resource = "*"
owner = "ada"
reason = "goes with #12"
expires = {day}
"""


@pytest.mark.parametrize(("gate", "bad"), [("iam", OPEN_QUEUE), ("policy", OPEN_PORT)])
def test_what_is_open_to_everybody_closes_the_gate_until_somebody_answers_for_it(
    ports: Ports, plans: Any, gate: str, bad: str
) -> None:
    plans(RULE)
    ports.environment = replace(ports.environment, root=ports.environment.work)
    guarded(ports, Guards(gates=(gate,)))
    up(ports, approve=yes, afresh=yes)
    (ports.environment.stack / "main.tf").write_text(bad)
    assert "main.tf:" in refused(ports).where
    today = ports.clock.now().date()
    waivers = ports.environment.root / "policies.waivers.toml"
    waivers.write_text(WAIVER.format(day=today))
    up(ports, approve=yes, afresh=yes)
    waivers.write_text(WAIVER.format(day=today - timedelta(days=1)))
    [violation] = refused(ports).violations
    assert violation.guard == gate


def test_a_plan_shows_what_up_would_meet(ports: Ports, plans: Any, terraform: Any) -> None:
    plans(DATABASE)
    guarded(ports, Guards(freeze=(WEEKEND,), protect_stateful=True, reason_required=True))
    found = objections(ports, terraform.plan())
    assert [violation.guard for violation in found] == ["freeze", "reason_required", "protected"]
    assert found[0].to_json().keys() == {"guard", "what", "next", "overridable"}
    assert [violation.overridable for violation in found] == [True, False, True]


def test_git_is_asked_again_before_the_apply(ports: Ports, terraform: Any, plans: Any, monkeypatch: Any) -> None:
    answers = iter([MAIN, Repository("feature", "c")])
    monkeypatch.setattr("opsctl.environments.guards.checking.read_repository", lambda folder: next(answers))
    guarded(ports, Guards(branches=("main",)))
    plans(RULE)
    assert "branch feature" in refused(ports).where
