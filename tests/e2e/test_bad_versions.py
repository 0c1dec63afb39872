"""A version that turns bad, in any way and at any step, is taken back; one that is healthy never is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from function_traffic import ALARM, CHECK, FUNCTION, NAME, RIGHT, STACK, Callers, Faults, Shares, write_function

from opsctl import smoke
from opsctl.config import load_config
from opsctl.deploy.deploying import Deployed, DeployReturned
from opsctl.deploy.functions import deploy_functions
from opsctl.deploy.judgement import Limits
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.in_flight import InFlightStore
from opsctl.environments.ports import Ports, connect
from opsctl.smoke import checks as smoke_checks
from opsctl.smoke.check import Check, CheckFailed, Trial
from tests.e2e.project import PROJECT, Project, make_project

SECONDS_TO_RETURN = 10.0
"""From the first request that a bad version spoilt, beside one poll."""
BAKE_SECONDS = 60.0  # a second here, as the strategies' minutes are
SLOW_BAKE_SECONDS = 300.0
"""Callers who wait for answers ask for less: in a second here too few for anybody to tell."""
CANARY, LINEAR, AT_ONCE = "canary:20%:1m", "linear:34%:1m", "all-at-once"
STAGES = {CANARY: ("20 %", "100 %"), LINEAR: ("34 %", "68 %", "100 %"), AT_ONCE: ("100 %",)}
"""Of each strategy: the step at which a version may turn bad. The last one is after its promotion."""
TROUBLES = ("errors", "slow", "memory", "wrong")
SELDOM_ANSWERED = ("slow", "memory")  # a worker that was killed has to start again


@dataclass
class Answering:
    """The project, up, and how it is deployed to."""

    project: Project
    terraform: Path
    ports: Ports

    def deploy(self, listener: Any, strategy: str, *, bake_seconds: float = BAKE_SECONDS, **settings: Any) -> Deployed:
        ports = replace(self.ports, on_event=listener)
        return deploy_functions(ports, [NAME], strategy=strategy, bake_seconds=bake_seconds, **settings)

    def live(self) -> tuple[str, dict[str, float]]:
        """Main version of the alias, and weights of others."""
        alias = self.ports.aws.call("lambda", "get_alias", FunctionName=FUNCTION, Name="live")
        return alias["FunctionVersion"], dict((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {})

    def code(self, qualifier: str) -> str:
        of = {"FunctionName": FUNCTION, "Qualifier": qualifier}
        return str(self.ports.aws.call("lambda", "get_function_configuration", **of)["CodeSha256"])


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    root = tmp_path_factory.mktemp("answering")
    terraform = root / "terraform"
    shutil.copytree(Path(__file__).parent / "small", terraform)
    shutil.copytree(PROJECT / "terraform" / "modules" / "function", terraform / "modules" / "function")
    main = terraform / "stack" / "main.tf"
    text = main.read_text().replace("value = { url", 'value = { domain_name = "nowhere.example", url')
    main.write_text(text + STACK)
    write_function(terraform)
    project = make_project(root, terraform)
    try:
        project.opsctl("up", "local", "--yes", "--no-smoke")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPSCTL_TERRAFORM", str(terraform))
            config = load_config(root)
            yield Answering(project, terraform, connect(config, load_environment(config, "local"), on_event=ignore))
    finally:
        project.opsctl("local", "stop", status=None)


@pytest.fixture
def callers(answering: Answering) -> Iterator[Callers]:
    config = load_config(answering.project.root)
    own = connect(config, load_environment(config, "local"), on_event=ignore, start=False).aws
    with Callers(own) as calling:
        yield calling


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, callers: Callers) -> str:
    """A smoke check as any other, of this function; its name."""

    def ask(trial: Trial) -> dict[str, Any]:
        for _ in range(20):
            if callers.ask().is_lost:
                raise CheckFailed(f"the answer was not {RIGHT}")
        return {}

    one = Check(CHECK, "The function answers what is right.", ask, budget_seconds=20)
    monkeypatch.setattr(smoke_checks, "CHECKS", (one,))
    defaults = smoke.run.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "checks", (one,))
    return CHECK


def assert_as_before(answering: Answering, before: str) -> None:
    assert answering.live() == (before, {})
    assert answering.code("$LATEST") == answering.code(before)
    assert InFlightStore(answering.ports.bucket, answering.ports.environment.name).read() is None


CASES = [(strategy, stage, trouble) for strategy, stages in STAGES.items() for stage in stages for trouble in TROUBLES]


@pytest.mark.parametrize(("strategy", "stage", "trouble"), CASES)
def test_a_version_that_turns_bad_is_taken_back_and_spoils_no_more_than_its_share(
    answering: Answering, callers: Callers, check: str, strategy: str, stage: str, trouble: str
) -> None:
    before, _ = answering.live()
    write_function(answering.terraform, heeds=True)
    shares, checks = Shares(stage, callers, trouble), [check] if trouble == "wrong" else []
    few = trouble in SELDOM_ANSWERED
    minutes, bake = ("5m", SLOW_BAKE_SECONDS) if few else ("1m", BAKE_SECONDS)
    with pytest.raises(DeployReturned) as returned:
        answering.deploy(shares, strategy.replace("1m", minutes), bake_seconds=bake, checks=checks)
    callers.trouble = ""
    [move], decision = returned.value.deployed.moves, returned.value.deployed.decisions[-1]
    # What one step had too few answers of, the next one sees.
    stages = STAGES[strategy]
    seen_at = stages[stages.index(stage) :] if few else (stage,)
    assert decision.verdict == "return", decision
    assert decision.step in seen_at, decision
    assert decision.evidence["new"]["requests"] > 0 or decision.evidence["failed"]
    record = answering.ports.journal.last()
    assert record
    kept = record.entry.details["decisions"][-1]
    assert kept | {"evidence": None} == vars(decision) | {"evidence": None}
    assert kept["evidence"]["new"] == decision.evidence["new"]
    assert_as_before(answering, before)

    calls = list(callers.calls)
    lost = [call for call in calls if call.is_lost]
    assert {call.version for call in lost} <= {move.after}, "only the new version loses anything"
    while_bad = [call for call in calls if call.ended > shares.bad_at]
    assert len(lost) <= shares.bound(while_bad), (len(lost), len(while_bad), shares.since)
    evident = min((call.ended for call in lost), default=shares.back_at)
    assert shares.back_at - evident <= SECONDS_TO_RETURN + 0.5
    assert not [call for call in calls if call.begun > shares.back_at and call.version != before]


@pytest.mark.parametrize("trouble", ["errors", "memory", "wrong"])
def test_a_version_that_is_bad_from_the_beginning_never_gets_a_request(
    answering: Answering, callers: Callers, trouble: str
) -> None:
    before, _ = answering.live()
    write_function(answering.terraform, trouble=trouble)
    with pytest.raises(DeployReturned) as returned:
        answering.deploy(Shares(), CANARY)
    assert returned.value.deployed.decisions[-1].step == "pre-traffic"
    assert_as_before(answering, before)
    assert {(call.version, call.is_lost) for call in callers.calls} <= {(before, False)}


def test_healthy_versions_are_never_taken_back_and_get_no_more_than_their_share(
    answering: Answering, callers: Callers
) -> None:
    for strategy in (CANARY, LINEAR, AT_ONCE, CANARY, LINEAR):
        write_function(answering.terraform, heeds=True)
        shares, first = Shares(), len(callers.calls)
        deployed = answering.deploy(shares, strategy)
        [move] = deployed.moves
        assert (deployed.outcome, answering.live()) == ("done", (move.after, {}))
        split = [call for call in callers.calls[first:] if shares.of(call) < 1]
        assert sum(call.version == move.after for call in split) <= shares.bound(split)
    write_function(answering.terraform)
    answering.deploy(ignore, AT_ONCE)
    assert not [call for call in callers.calls if call.is_lost]


READING = (("cloudwatch", "GetMetricData"), ("cloudwatch", "DescribeAlarms"), ("lambda", "GetAlias"))
TWO_OF_THREE = dict.fromkeys(READING, (True, True, False))
"""Each call comes through at its third try."""
BLIND_AT_TIMES = {
    ("cloudwatch", "GetMetricData"): (True,) * 4 + (False,) * 2,
    ("cloudwatch", "DescribeAlarms"): (False, *(True,) * 4),
}


@pytest.mark.parametrize(
    ("pattern", "status", "code"),
    [(TWO_OF_THREE, 400, "ThrottlingException"), (BLIND_AT_TIMES, 500, "InternalFailure")],
    ids=["each call is throttled twice", "CloudWatch fails at times"],
)
@pytest.mark.parametrize("heeds", [False, True], ids=["healthy", "bad"])
def test_what_can_not_be_read_at_times_changes_no_outcome(
    answering: Answering, callers: Callers, heeds: bool, pattern: Any, status: int, code: str
) -> None:
    before, _ = answering.live()
    write_function(answering.terraform, heeds=heeds)
    listener = Shares("20 %", callers, "errors")
    with Faults(answering.ports.aws, status, code, pattern).on() as faults:
        if heeds:
            with pytest.raises(DeployReturned):
                answering.deploy(listener, CANARY)
        else:
            assert answering.deploy(listener, CANARY).outcome == "done"
    callers.trouble = ""
    assert faults.hit > 3
    assert (answering.live()[0] == before) == heeds
    assert answering.live()[1] == {}


def test_a_version_of_which_nothing_can_be_read_is_taken_back(answering: Answering, callers: Callers) -> None:
    before, _ = answering.live()
    write_function(answering.terraform)
    nothing = {("cloudwatch", "GetMetricData"): (True,)}
    with (
        Faults(answering.ports.aws, 500, "InternalFailure", nothing).on(),
        pytest.raises(DeployReturned, match="nobody can tell"),
    ):
        answering.deploy(ignore, CANARY, limits=Limits(patience_seconds=120))
    assert_as_before(answering, before)


def test_an_alarm_that_goes_off_takes_it_back(answering: Answering, callers: Callers) -> None:
    before, _ = answering.live()
    write_function(answering.terraform)

    def listener(event: Any) -> None:
        if getattr(event, "waits_for", None) is not None:
            answering.ports.aws.call(
                "cloudwatch", "set_alarm_state", AlarmName=ALARM, StateValue="ALARM", StateReason="a test"
            )

    with pytest.raises(DeployReturned, match=ALARM):
        answering.deploy(listener, CANARY)
    answering.ports.aws.call("cloudwatch", "set_alarm_state", AlarmName=ALARM, StateValue="OK", StateReason="a test")
    assert_as_before(answering, before)


def test_the_command_ends_with_1_and_history_has_the_decision_with_its_evidence(
    answering: Answering, callers: Callers
) -> None:
    before, _ = answering.live()
    write_function(answering.terraform, heeds=True)
    callers.trouble = "errors"
    said = answering.project.json("deploy", "function", "local", NAME, "--strategy", AT_ONCE, "--yes", status=1)
    assert (said["outcome"], said["moves"][0]["before"]) == ("returned", before)
    record = answering.project.json("history", "local", "--deploys")["records"][0]
    assert record["details"]["decisions"] == said["decisions"]
    assert said["decisions"][-1]["evidence"]["new"]["errors"] > 0
    assert_as_before(answering, before)


def test_after_all_of_it_terraform_has_nothing_to_change(answering: Answering) -> None:
    assert "No changes" in answering.project.opsctl("plan", "local").stdout
