"""Functions move step by step, are watched, and go back whole when something is wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from opsctl.aws.errors import AwsError, CloudUnreachable, Throttled
from opsctl.deploy import functions
from opsctl.deploy.deploying import Deployed, DeployReturned, MovedMeanwhile, NotAgreed, resume
from opsctl.deploy.events import Watched
from opsctl.deploy.function_versions import UnknownFunction, UnknownVersion
from opsctl.deploy.functions import AlarmBefore, FunctionMover, UnknownAlarm, deploy_functions, earlier_versions
from opsctl.deploy.judgement import Limits
from opsctl.deploy.movers import MOVERS
from opsctl.deploy.rolling_back import roll_back
from opsctl.environments.in_flight import InFlightStore
from opsctl.environments.ports import Ports
from opsctl.errors import UsageError
from tests.unit.deploy.conftest import Write
from tests.unit.deploy.memory_lambda import LATEST, Behaviour, LambdaAws, handler_in

GREET, PART = "shop-local-greet", "shop-local-part"
STRATEGIES = ("canary:10%:20s", "linear:40%:10s", "all-at-once")
BAD = {
    "fails": Behaviour(error_rate=1.0),
    "fails now and then": Behaviour(error_rate=0.3),
    "slow": Behaviour(milliseconds=900),
    "slow now and then": Behaviour(slow_rate=0.3),
}


def deploy(ports: Ports, *names: str, strategy: str = "canary:10%:20s", **named: Any) -> Deployed:
    return deploy_functions(
        ports, names or ("greet",), strategy=strategy, **{"bake_seconds": 10.0, "limits": Limits()} | named
    )


def assert_as_before(aws: LambdaAws, *names: str) -> None:
    for name in names or (GREET,):
        assert aws.weights(name) == {"1": 1.0}
        assert aws.code(name) == aws.code(name, "1"), "a later Terraform run would publish the bad code"


def wait_for(condition: Callable[[], bool]) -> None:
    """The exercise asks in a thread of its own, which knows only real time."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def told(ports: Ports) -> list[Any]:
    events: list[Any] = []
    ports.on_event = events.append
    return events


@pytest.mark.parametrize(
    ("strategy", "shares"),
    [("canary:10%:20s", [0.1, 1.0]), ("linear:40%:10s", [0.4, 0.8, 1.0]), ("all-at-once", [1.0])],
)  # fmt: skip
def test_a_healthy_version_is_promoted_by_the_steps_of_its_strategy(
    ports: Ports, up: LambdaAws, write: Write, strategy: str, shares: list[float]
) -> None:
    write("greet", "# greet second")
    done = deploy(ports, strategy=strategy)
    assert [weights.get("2") for _, weights in up.states] == pytest.approx(shares)
    assert up.weights(GREET) == {"2": 1.0}
    assert up.code(GREET) == up.code(GREET, "2")
    assert [str(move) for move in done.moves] == ["greet 1 → 2"]
    assert [d.verdict for d in done.decisions] == ["advance"] * (len(shares) - 1) + ["promote"]
    evidence = done.decisions[-1].evidence
    assert evidence["new"]["requests"] >= 20
    assert {"errors", "p99_ms"} <= set(evidence["new"])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("bad", sorted(BAD))
def test_a_bad_version_goes_back_and_its_code_with_it(
    ports: Ports, up: LambdaAws, write: Write, strategy: str, bad: str
) -> None:
    up.behaviours["broken"] = BAD[bad]
    write("greet", "# broken")
    with pytest.raises(DeployReturned) as caught:
        deploy(ports, strategy=strategy)
    assert_as_before(up)
    deployed = caught.value.deployed
    assert deployed.decisions[-1].verdict == "return"
    assert deployed.decisions[-1].evidence["new"]["requests"] > 0
    assert set(up.functions[GREET].versions) == {LATEST, "1", "2"}, "a version was deleted"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_version_that_turns_bad_at_the_last_step_goes_back_all_the_way(
    ports: Ports, up: LambdaAws, write: Write, strategy: str
) -> None:
    def spoil(now: float) -> None:
        if up.weights(GREET) == {"2": 1.0}:
            up.behaviours["late"] = BAD["fails"]

    up.clock.meanwhile = spoil  # type: ignore[attr-defined]
    write("greet", "# late")
    with pytest.raises(DeployReturned, match="at 100 %"):
        deploy(ports, strategy=strategy)
    assert_as_before(up)


def test_traffic_is_back_within_one_look_after_the_first_bad_ones(ports: Ports, up: LambdaAws, write: Write) -> None:
    up.behaviours["broken"] = BAD["fails"]
    write("greet", "# broken")
    with pytest.raises(DeployReturned):
        deploy(ports, strategy="all-at-once")
    failed = [event for event in up.functions[GREET].events if event[2]]
    assert len(failed) <= up.requests_per_second, "more than two looks' worth of requests were lost"


def test_fifty_healthy_deploys_are_all_promoted(ports: Ports, up: LambdaAws, write: Write) -> None:
    up.behaviours["release"] = Behaviour(error_rate=0.02, slow_rate=0.01)
    write("greet", "# release 0")
    deploy(ports, limits=Limits(minimum_requests=0, max_error_rate=0.2))
    for number in range(1, 51):
        write("greet", f"# release {number}")
        up.functions[GREET].events.clear()
        up.clock.sleep(20)
        strategy = ("canary:10%:10s", "linear:40%:5s", "all-at-once")[number % 3]
        assert deploy(ports, strategy=strategy, bake_seconds=5).outcome == "done"


def test_without_requests_nobody_can_tell_so_it_goes_back(ports: Ports, up: LambdaAws, write: Write) -> None:
    up.requests_per_second = 0
    write("greet", "# greet second")
    with pytest.raises(DeployReturned, match="nobody can tell whether it is good: 0 of 20 requests"):
        deploy(ports, limits=Limits(patience_seconds=30))
    assert_as_before(up)
    write("greet", "# greet third")
    assert deploy(ports, limits=Limits(minimum_requests=0)).outcome == "done"


def test_the_same_code_is_not_deployed_again(ports: Ports, up: LambdaAws, told: list[Any]) -> None:
    done = deploy(ports)
    assert (done.outcome, done.moves) == ("done", ())
    assert "runs already" in done.why
    assert set(up.functions[GREET].versions) == {LATEST, "1"}
    assert up.states == []


def test_settings_that_terraform_published_go_live_with_the_next_deploy(ports: Ports, up: LambdaAws) -> None:
    up.functions[GREET].versions[LATEST]["MemorySize"] = 512
    up.publish_version(GREET)
    done = deploy(ports)
    assert [str(move) for move in done.moves] == ["greet 1 → 2"], "version 2 was there already"
    assert up.weights(GREET) == {"2": 1.0}


def test_a_wrong_answer_to_the_direct_question_never_gets_traffic(ports: Ports, up: LambdaAws, write: Write) -> None:
    up.behaviours["rude"] = Behaviour(answer={"greeting": "go away"})
    rules = '[[pre_traffic]]\nevent = { who = "me" }\nexpect = { greeting = "hello" }\n'
    write("greet", "# rude", rules)
    with pytest.raises(DeployReturned, match=r"not as expected at answer\.greeting"):
        deploy(ports)
    assert not any("2" in weights for _, weights in up.states)
    assert_as_before(up)
    write("greet", "# polite", rules)
    assert deploy(ports).outcome == "done"


def test_a_check_that_fails_during_the_watch_takes_it_back(
    ports: Ports, up: LambdaAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any) -> dict[str, str]:
        return {"photo-record": "the answer is upside down" if "2" in up.weights(GREET) else ""}

    monkeypatch.setattr(functions, "require_checks", lambda *_: None)
    monkeypatch.setattr(functions, "FunctionMover", lambda: FunctionMover(run))
    write("greet", "# greet second", '[post_traffic]\nchecks = ["photo-record"]\n')
    with pytest.raises(DeployReturned, match="photo-record failed: the answer is upside down"):
        deploy(ports)
    assert_as_before(up)


def test_a_round_of_checks_is_waited_for_however_fast_the_deploys_clock_goes(
    ports: Ports, up: LambdaAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience_is_over = threading.Event()

    def run(*_: Any) -> dict[str, str]:
        assert patience_is_over.wait(30)
        return {"photo-path": ""}

    def watch_the_clock(now: float) -> None:
        if now > 400:
            patience_is_over.set()
            time.sleep(0.01)

    monkeypatch.setattr(functions, "require_checks", lambda *_: None)
    monkeypatch.setattr(functions, "FunctionMover", lambda: FunctionMover(run))
    up.clock.meanwhile = watch_the_clock  # type: ignore[attr-defined]
    write("greet", "# greet second")
    up.requests_per_second = 4
    few = Limits(patience_seconds=30)
    done = deploy(ports, strategy="all-at-once", checks=("photo-path",), limits=few)
    assert done.outcome == "done"
    assert done.decisions[-1].evidence["checks"] == "photo-path"
    assert done.decisions[-1].evidence["seconds"] > 40


def test_checks_that_can_not_be_run_prove_nothing(
    ports: Ports, up: LambdaAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any) -> dict[str, str]:
        raise AwsError("No answer.")

    monkeypatch.setattr(functions, "require_checks", lambda *_: None)
    monkeypatch.setattr(functions, "FunctionMover", lambda: FunctionMover(run))
    write("greet", "# greet second")
    with pytest.raises(DeployReturned, match=r"nobody can tell whether it is good: No answer\."):
        deploy(ports, checks=("photo-record",), limits=Limits(patience_seconds=20))
    assert_as_before(up)


def test_an_unknown_check_is_refused_before_anything_changes(ports: Ports, up: LambdaAws, write: Write) -> None:
    write("greet", "# greet second")
    with pytest.raises(UsageError, match="There is no check 'no-such-check'"):
        deploy(ports, checks=("no-such-check",))
    assert set(up.functions[GREET].versions) == {LATEST, "1"}


def test_an_alarm_that_fires_during_the_deploy_takes_it_back(ports: Ports, up: LambdaAws, write: Write) -> None:
    up.alarms = {"greet-errors": (GREET, "OK"), "part-errors": (PART, "ALARM")}

    def fire(now: float) -> None:
        if "2" in up.weights(GREET):
            up.alarms["greet-errors"] = (GREET, "ALARM")

    up.clock.meanwhile = fire  # type: ignore[attr-defined]
    write("greet", "# greet second")
    with pytest.raises(DeployReturned, match="greet-errors went to ALARM"):
        deploy(ports)
    assert_as_before(up)


def test_an_alarm_that_fires_already_keeps_a_deploy_from_beginning_unless_it_is_named(
    ports: Ports, up: LambdaAws, write: Write
) -> None:
    up.alarms = {"greet-errors": (GREET, "ALARM"), "orders-late": ("other", "OK")}
    write("greet", "# greet second")
    with pytest.raises(AlarmBefore, match="greet-errors") as caught:
        deploy(ports)
    assert "--ignore-alarm greet-errors" in caught.value.next
    assert_as_before(up)
    with pytest.raises(UnknownAlarm, match="greet-error"):
        deploy(ports, ignore_alarms=("greet-error",))
    done = deploy(ports, ignore_alarms=("greet-errors",), alarms=("orders-late",))
    assert done.decisions[-1].evidence["alarms"] == {"orders-late": "OK"}


@pytest.mark.parametrize("operation", ["get_metric_data", "describe_alarms", "both"])
@pytest.mark.parametrize("code", ["good", "broken"])
def test_looks_that_fail_are_noted_and_never_change_the_outcome(
    ports: Ports, up: LambdaAws, write: Write, told: list[Any], operation: str, code: str
) -> None:
    up.behaviours["broken"] = BAD["fails"]
    up.alarms = {"greet-errors": (GREET, "OK")}
    write("greet", f"# {code}")
    looks = {"get_metric_data": 0, "describe_alarms": 0}

    def sometimes(called: str) -> None:
        if "2" in up.weights(GREET) and called in looks:
            looks[called] += 1
            if operation in (called, "both") and looks[called] % 4:
                raise Throttled("Rate exceeded.")

    up.trouble = sometimes
    if code == "good":
        assert deploy(ports).outcome == "done"
    else:
        with pytest.raises(DeployReturned, match="requests failed"):
            deploy(ports)
        assert_as_before(up)
    assert any("Rate exceeded" in event.note for event in told if isinstance(event, Watched))


def test_what_was_never_seen_for_as_long_as_one_is_patient_goes_back(ports: Ports, up: LambdaAws, write: Write) -> None:
    def blind(called: str) -> None:
        if called == "get_metric_data":
            raise Throttled("Rate exceeded.")

    up.trouble = blind
    write("greet", "# greet second")
    with pytest.raises(DeployReturned, match="nobody can tell whether it is good: CloudWatch's figures") as caught:
        deploy(ports, limits=Limits(patience_seconds=15))
    assert_as_before(up)
    evidence = caught.value.deployed.decisions[-1].evidence
    assert evidence["blind_looks"] == evidence["looks"] > 20


def test_functions_move_in_the_order_that_they_ask_for(ports: Ports, up: LambdaAws, write: Write) -> None:
    write("greet", "# greet second", 'after = ["part"]\n')
    write("part", "# part second")
    done = deploy(ports, "greet", "part", strategy="all-at-once")
    assert [move.name for move in done.moves] == ["part", "greet"]
    assert [name for name, _ in up.states] == [PART, GREET]
    write("part", "# part second", 'after = ["greet"]\n')
    with pytest.raises(UsageError, match="wait for each other"):
        deploy(ports, "greet", "part")


def test_one_that_fails_takes_those_before_it_back_the_last_first(ports: Ports, up: LambdaAws, write: Write) -> None:
    up.behaviours["broken"] = BAD["fails"]
    write("part", "# part second")
    write("greet", "# broken")
    with pytest.raises(DeployReturned):
        deploy(ports, "part", "greet", strategy="all-at-once")
    assert_as_before(up, PART, GREET)
    assert [(name, max(weights)) for name, weights in up.states] == [
        (PART, "2"), (GREET, "2"), (GREET, "1"), (PART, "1")
    ]  # fmt: skip


def test_names_that_nobody_knows_are_refused_with_the_nearest_one(ports: Ports, up: LambdaAws) -> None:
    with pytest.raises(UnknownFunction, match="Did you mean greet"):
        deploy(ports, "gret")
    with pytest.raises(UnknownFunction):
        FunctionMover().current(ports, {}, "gret")


def test_nothing_changes_when_nobody_agrees(ports: Ports, up: LambdaAws, write: Write) -> None:
    write("greet", "# greet second")
    with pytest.raises(NotAgreed):
        deploy(ports, approve=lambda moves: False)
    assert set(up.functions[GREET].versions) == {LATEST, "1"}
    assert_as_before(up)


def test_what_somebody_else_deployed_while_we_asked_is_left_alone(ports: Ports, up: LambdaAws, write: Write) -> None:
    write("greet", "# greet second")

    def others(moves: Any) -> bool:
        up.publish_version(GREET)
        up.update_alias(GREET, "live", "2", str(up.functions[GREET].revision), {"AdditionalVersionWeights": {}})
        return True

    with pytest.raises(MovedMeanwhile, match="greet was at 1 a moment ago, and is at 2 now"):
        deploy(ports, approve=others)
    assert up.weights(GREET) == {"2": 1.0}


def test_whoever_moves_the_alias_by_hand_during_a_deploy_has_the_last_word(
    ports: Ports, up: LambdaAws, write: Write
) -> None:
    number = up.publish_version(GREET)["Version"]

    def by_hand(now: float) -> None:
        if "3" in up.weights(GREET):
            revision = str(up.functions[GREET].revision)
            up.update_alias(GREET, "live", number, revision, {"AdditionalVersionWeights": {}})

    up.clock.meanwhile = by_hand  # type: ignore[attr-defined]
    write("greet", "# greet second")
    with pytest.raises(DeployReturned, match=r"nobody can tell|Somebody else moved"):
        deploy(ports, limits=Limits(patience_seconds=10))
    assert up.weights(GREET) == {number: 1.0}
    assert up.code(GREET) == up.code(GREET, number)


def test_a_rollback_goes_to_an_earlier_version_at_once_and_its_code_too(
    ports: Ports, up: LambdaAws, write: Write
) -> None:
    for number in (2, 3):
        write("greet", f"# release {number}")
        deploy(ports, strategy="all-at-once")
    up.states.clear()
    begun = up.clock.seconds
    done = roll_back(ports, ["greet"], to="1")
    assert up.clock.seconds - begun <= 0.5
    assert [str(move) for move in done.moves] == ["greet 3 → 1"]
    assert up.states == [(GREET, {"1": 1.0})]
    assert_as_before(up)
    assert earlier_versions(ports, "greet") == ("3", "2", "1")
    with pytest.raises(UnknownVersion, match="no version '9'") as caught:
        roll_back(ports, ["greet"], to="9")
    assert caught.value.next == "There are: 3, 2, 1."


def test_a_deploy_that_was_killed_is_resumed_with_what_it_had_built(
    ports: Ports, up: LambdaAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(now: float) -> None:
        if up.weights(GREET).get("2") == 0.1:
            raise Killed

    write("greet", "# greet second")
    up.clock.meanwhile = die  # type: ignore[attr-defined]
    with pytest.raises(Killed):
        deploy(ports)
    left = InFlightStore(ports.bucket, "local").read()
    assert left is not None
    assert left.step == "10 %"
    assert up.weights(GREET) == {"1": 0.9, "2": 0.1}
    up.clock.meanwhile = lambda now: None  # type: ignore[attr-defined]
    write("greet", "# somebody went on writing")
    assert "function" in MOVERS
    assert resume(ports).outcome == "done"
    assert up.weights(GREET) == {"2": 1.0}
    assert handler_in(up.code(GREET)) == "# greet second"


@pytest.mark.parametrize("operation", ["get_alias", "update_alias", "publish_version", "get_function_configuration"])
@pytest.mark.parametrize("code", ["good", "broken"])
def test_an_aws_that_is_out_of_order_for_a_while_changes_no_outcome_either(
    ports: Ports, up: LambdaAws, write: Write, operation: str, code: str
) -> None:
    up.behaviours["broken"] = BAD["fails"]
    write("greet", f"# {code}")
    calls = 0

    def at_times(called: str) -> None:
        nonlocal calls
        if called == operation and InFlightStore(ports.bucket, "local").read():
            calls += 1
            if calls % 5:
                raise Throttled("Rate exceeded.")

    up.trouble = at_times
    if code == "good":
        assert deploy(ports).outcome == "done"
        assert up.weights(GREET) == {"2": 1.0}
    else:
        with pytest.raises(DeployReturned, match="requests failed"):
            deploy(ports)
        assert_as_before(up)
    assert calls > 1


def test_a_quiet_function_is_exercised_until_its_sample_is_there(ports: Ports, up: LambdaAws, write: Write) -> None:
    up.requests_per_second = 0
    up.clock.meanwhile = lambda now: time.sleep(0.01)  # type: ignore[attr-defined]
    write("greet", "# greet second", "[[pre_traffic]]\nevent = {}\n")
    limits = Limits(minimum_requests=30)
    done = deploy(ports, strategy="all-at-once", bake_seconds=0.5, exercise=("pre-traffic",), limits=limits)
    assert done.decisions[-1].evidence["new"]["requests"] >= 30


def test_a_change_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    ports: Ports, up: LambdaAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = up.update_alias

    def lose_the_answer(**parameters: Any) -> None:
        change(**parameters)
        raise CloudUnreachable("No answer.")

    monkeypatch.setattr(up, "update_alias", lose_the_answer)
    write("greet", "# greet second")
    assert deploy(ports).outcome == "done"
    assert [weights.get("2") for _, weights in up.states] == [0.1, 1.0]


def test_a_quiet_function_is_exercised_with_its_own_questions_and_wrong_answers_count(
    ports: Ports, up: LambdaAws, write: Write
) -> None:
    up.requests_per_second = 0
    rules = '[[pre_traffic]]\nevent = {}\nexpect = { greeting = "hello" }\n'
    named: Any = {"strategy": "all-at-once", "exercise": ("pre-traffic",), "limits": Limits(minimum_requests=5)}
    up.clock.meanwhile = lambda now: wait_for(lambda: up.calls.count("invoke") > 20)  # type: ignore[attr-defined]
    write("greet", "# greet second", rules)
    assert deploy(ports, **named).outcome == "done"

    def spoil(now: float) -> None:
        if "3" in up.weights(GREET):
            up.behaviours["later rude"] = Behaviour(answer={"greeting": "go away"})
            asked = up.calls.count("invoke")
            wait_for(lambda: up.calls.count("invoke") > asked)

    up.clock.meanwhile = spoil  # type: ignore[attr-defined]
    write("greet", "# later rude", rules)
    with pytest.raises(DeployReturned, match=r"pre-traffic failed: its answer is not as expected at answer\.greeting"):
        deploy(ports, **named)
    assert up.weights(GREET) == {"2": 1.0}
    write("part", "# part second")
    with pytest.raises(UsageError, match="part has nothing to be exercised with"):
        deploy(ports, "part", exercise=("pre-traffic",))


def test_a_figure_that_cloudwatch_could_not_give_is_no_zero(ports: Ports, up: LambdaAws, write: Write) -> None:
    """GetMetricData answers 200 with a status for each metric: without values, and not because there were none."""

    def broken(*arguments: Any, **named: Any) -> Any:
        for result in LambdaAws.get_metric_data(up, *arguments, **named):
            yield {**result, "Values": [], "StatusCode": "InternalError"} if "errors" in result["Id"] else result

    up.get_metric_data = broken  # type: ignore[method-assign]
    up.behaviours["broken"] = BAD["fails"]
    write("greet", "# broken")
    with pytest.raises(DeployReturned, match="nobody can tell"):
        deploy(ports)
    assert_as_before(up)
