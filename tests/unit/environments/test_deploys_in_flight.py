"""The frame of deploys: a step is written down before it is done, so nobody is ever left not knowing what was begun."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsctl.deploy import DeployReturned, HalfDone, NothingInFlight, NotUp, begin, resume
from opsctl.deploy.deploying import LeftInFlight
from opsctl.deploy.movers import MOVERS
from opsctl.deploy.rolling_back import NothingBefore, before, deploys, roll_back, versions_of
from opsctl.environments.in_flight import (
    CorruptDeploy,
    Decision,
    InFlight,
    InFlightStore,
    Move,
    UnfinishedDeploy,
    require_none_in_flight,
)
from opsctl.environments.locks.locking import look
from opsctl.environments.ports import Ports
from opsctl.environments.records import record_done
from opsctl.errors import OpsctlError, Refused, UsageError
from opsctl.journal import Record
from tests.unit.environments.dials import DialMover, DyingAws, Killed

STATE = {
    "version": 4, "serial": 1, "lineage": "l", "terraform_version": "1.11.4", "outputs": {},
    "resources": [{"mode": "managed", "type": "a_dial", "instances": [{"attributes": {"id": "x"}}]}],
}  # fmt: skip
BOTH = (Move("function", "left", "1"), Move("function", "right", "4"))
DIALS = ("tests.unit.environments.dials", "DialMover")
BEFORE, AFTER = {"left": {"1": 100}, "right": {"4": 100}}, {"left": {"2": 100}, "right": {"5": 100}}


@pytest.fixture
def aws() -> DyingAws:
    return DyingAws()


@pytest.fixture(autouse=True)
def dials(aws: DyingAws, ports: Ports, monkeypatch: pytest.MonkeyPatch) -> DyingAws:
    """An environment that is up, with two dials."""
    monkeypatch.setitem(MOVERS, "function", DIALS)
    set_up(aws, ports, monkeypatch)
    return aws


def set_up(aws: DyingAws, ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DialMover, "world", aws, raising=False)
    aws.buckets = {ports.bucket.name: {ports.environment.state_key: json.dumps(STATE).encode()}}
    aws.dials, aws.breaks, aws.tidied, aws.left, aws.effects = {**BEFORE}, {}, set(), None, 0


def deploy(ports: Ports, moves: tuple[Move, ...] = BOTH, **named: Any) -> Any:
    return begin(ports, DialMover(), moves, strategy="halves", **named)


def records(ports: Ports) -> list[tuple[str, str, Any]]:
    found = [record.entry for record in ports.journal.newest() if isinstance(record, Record)]
    return [(entry.command, entry.result, entry.details.get("outcome")) for entry in reversed(found)]


def test_a_deploy_moves_everything_in_order_and_records_it_with_its_evidence(ports: Ports, dials: DyingAws) -> None:
    done = deploy(ports)
    assert dials.dials == AFTER
    assert [str(move) for move in done.moves] == ["left 1 → 2", "right 4 → 5"]
    assert records(ports) == [("deploy", "done", "done")]
    [entry] = deploys(ports)
    assert [(d["step"], d["verdict"], d["evidence"]) for d in entry.details["decisions"]] == [
        ("50 %", "promote", {"errors": 0}), ("50 %", "promote", {"errors": 0}),
    ]  # fmt: skip
    assert InFlightStore(ports.bucket, "local").read() is None
    assert look(ports) is None


def test_a_bad_version_is_taken_back_with_everything_that_moved_before_it(ports: Ports, dials: DyingAws) -> None:
    dials.breaks = {"5": "7 of 20 requests failed"}
    with pytest.raises(DeployReturned, match="7 of 20 requests failed") as caught:
        deploy(ports)
    assert dials.dials == BEFORE
    assert caught.value.deployed.outcome == "returned"
    assert records(ports) == [("deploy", "failed", "returned")]
    assert next(deploys(ports)).details["returned_because"] == "7 of 20 requests failed"


@pytest.mark.parametrize("trouble", [OpsctlError("no such key"), KeyError("Version"), KeyboardInterrupt()], ids=repr)
def test_whatever_keeps_it_from_going_on_leads_back(
    ports: Ports, dials: DyingAws, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    def turn(name: str, shares: Any, turn: Callable[..., None] = dials.turn) -> None:
        turn(name, shares)
        if shares == {"5": 100}:
            raise trouble

    monkeypatch.setattr(dials, "turn", turn)
    with pytest.raises(DeployReturned):
        deploy(ports)
    assert dials.dials == BEFORE
    require_none_in_flight(ports.bucket, "local")


def test_when_the_way_back_fails_too_it_says_so_and_can_be_tried_again(
    ports: Ports, dials: DyingAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    dials.breaks = {"2": "it is slow"}

    def refuse(*_: Any) -> None:
        raise OpsctlError("Throttled.")

    monkeypatch.setattr(DialMover, "back", refuse)
    with pytest.raises(HalfDone, match="Throttled") as caught:
        deploy(ports)
    assert "opsctl deploy resume local --back" in caught.value.next
    with pytest.raises(UnfinishedDeploy):
        deploy(ports)
    monkeypatch.undo()
    monkeypatch.setitem(MOVERS, "function", DIALS)
    monkeypatch.setattr(DialMover, "world", dials, raising=False)
    with pytest.raises(DeployReturned):
        resume(ports)
    assert dials.dials == BEFORE


def test_a_running_deploy_hears_that_it_shall_go_back(ports: Ports, dials: DyingAws) -> None:
    store = InFlightStore(ports.bucket, "local")

    def ask(event: object) -> None:
        if found := store.read():
            store.wish_return("another deploy", "wrong one")
            if found.step == "100 %" and found.position == 0:
                store.wish_return(found.id, "customers complain")

    with pytest.raises(DeployReturned, match="customers complain"):
        deploy(replace(ports, on_event=ask))
    assert dials.dials == BEFORE
    assert "local/deploy.return.json" not in dials.buckets[ports.bucket.name]


def test_nothing_is_deployed_to_what_is_not_up(ports: Ports, dials: DyingAws) -> None:
    del dials.buckets[ports.bucket.name][ports.environment.state_key]
    with pytest.raises(NotUp, match="nothing to deploy to"):
        deploy(ports)
    assert records(ports) == []


def test_an_object_that_is_no_deploy_is_said_to_be_none(ports: Ports, dials: DyingAws) -> None:
    for body in (b"{", b"[]", b'{"moves": []}', b"\xff", json.dumps({"moves": [{}], "decisions": []}).encode()):
        dials.buckets[ports.bucket.name]["local/deploy.json"] = body
        with pytest.raises(CorruptDeploy) as caught:
            deploy(ports)
        assert "local/deploy.json" in caught.value.where


def finish(ports: Ports) -> None:
    resume(ports)


def take_back(ports: Ports) -> None:
    with pytest.raises(DeployReturned):
        resume(ports, back=True)


def roll_it_back(ports: Ports) -> None:
    roll_back(ports, ["left"])


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
@pytest.mark.parametrize("then", [finish, take_back, roll_it_back])
def test_a_deploy_killed_anywhere_is_finished_or_taken_back_and_always_known(
    ports: Ports, dials: DyingAws, monkeypatch: pytest.MonkeyPatch, then: Callable[[Ports], None], bad: bool
) -> None:
    """Death before every single call and effect, one after the other."""
    dials.breaks = {"5": "it is slow"} if bad else {}
    run_to_end(ports)
    total = dials.effects
    assert total > 30
    for left in range(total):
        set_up(dials, ports, monkeypatch)
        dials.breaks = {"5": "it is slow"} if bad else {}
        dials.left = left
        with pytest.raises(Killed):
            run_to_end(ports)
        dials.left = None
        in_flight = InFlightStore(ports.bucket, "local").read()
        assert in_flight or dials.dials in (BEFORE, AFTER), f"killed at {left}: {dials.dials}, and nobody knows"
        if in_flight is None:
            continue
        with contextlib.suppress(DeployReturned):
            then(ports)
        assert dials.dials == (AFTER if then is finish and not bad and not in_flight.returning else BEFORE), left
        assert InFlightStore(ports.bucket, "local").read() is None
        assert look(ports) is None
        if dials.dials == BEFORE:
            moved = {move.name for move in BOTH[: in_flight.reached + 1]}
            assert dials.tidied >= moved, f"killed at {left}: the way back forgot one"
        assert len(records(ports)) == 2, f"killed at {left}: its record or that of its end is missing"


def run_to_end(ports: Ports) -> None:
    with contextlib.suppress(DeployReturned):
        deploy(ports)


def test_a_second_interrupt_leaves_it_in_flight_and_says_so(
    ports: Ports, dials: DyingAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    dials.breaks = {"2": "it is slow"}

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DialMover, "back", interrupt)
    with pytest.raises(LeftInFlight, match="half done") as caught:
        deploy(ports)
    assert "opsctl deploy resume local --back" in caught.value.next
    with pytest.raises(UnfinishedDeploy):
        require_none_in_flight(ports.bucket, "local")


def test_more_things_than_a_record_can_name_are_refused(ports: Ports, dials: DyingAws) -> None:
    dials.dials = {f"d{number}": {"1": 100} for number in range(21)}
    with pytest.raises(UsageError, match="20 at most"):
        deploy(ports, tuple(Move("function", name, "1") for name in dials.dials))
    assert records(ports) == []


def test_of_many_decisions_the_last_ones_are_recorded_and_a_cut_record_breaks_no_rollback(
    ports: Ports, dials: DyingAws
) -> None:
    names = [f"d{number}" for number in range(20)]
    dials.dials = {name: {"1": 100} for name in names}
    dials.breaks = {"2": ""}
    deploy(ports, tuple(Move("function", name, "1") for name in names))
    entry = next(deploys(ports))
    assert [one["move"] for one in entry.details["decisions"]] == names[-18:]
    assert roll_back(ports, ["d19"]).moves[0].after == "1"
    record_done(ports, "deploy", {"moves": [*entry.details["moves"], "and 3 more"], "outcome": "done"})
    assert roll_back(ports, ["d7"]).moves[0].after == "1"


def test_a_second_rollback_goes_further_back_and_never_forth_again(ports: Ports, dials: DyingAws) -> None:
    deploy(ports, (Move("function", "left", "1"),))
    deploy(ports, (Move("function", "left", "2"),))
    assert roll_back(ports, ["left"]).moves[0].after == "2"
    assert roll_back(ports, ["left"]).moves[0].after == "1"
    with pytest.raises(NothingBefore):
        roll_back(ports, ["left"])


def test_up_refuses_to_build_on_what_is_half_done(ports: Ports, dials: DyingAws) -> None:
    dials.left = 20
    with pytest.raises(Killed):
        deploy(ports)
    dials.left = None
    with pytest.raises(UnfinishedDeploy, match=r"left 1 → 2, right 4 → \?") as caught:
        require_none_in_flight(ports.bucket, "local")
    assert "opsctl deploy resume local" in caught.value.next


def test_resume_without_anything_half_done_says_so(ports: Ports) -> None:
    with pytest.raises(NothingInFlight, match="half done"):
        resume(ports)


def test_rollback_goes_to_what_ran_before_the_last_deploy_and_there_and_back_again(
    ports: Ports, dials: DyingAws
) -> None:
    deploy(ports)
    deploy(ports, (Move("function", "left", "2"),))
    assert roll_back(ports, ["left"]).moves == (Move("function", "left", "3", "2"),)
    assert dials.dials["left"] == {"2": 100}
    assert roll_back(ports, ["left"], to="1").command == "rollback"
    assert dials.dials == AFTER | {"left": {"1": 100}}
    assert list(versions_of(deploys(ports), "function", "left")) == ["2", "3", "1"]


def test_rollback_without_anything_before_says_so_and_changes_nothing(ports: Ports, dials: DyingAws) -> None:
    with pytest.raises(NothingBefore, match="nothing is known to go back to") as caught:
        roll_back(ports, ["left"])
    assert "--to VERSION" in caught.value.next
    with pytest.raises(NothingBefore, match="already"):
        roll_back(ports, ["left"], to="1")
    with pytest.raises(UsageError, match="no dial middle"):
        roll_back(ports, ["middle"])
    with pytest.raises(UsageError, match="no version new"):
        roll_back(ports, ["left"], to="new")
    assert (dials.dials, records(ports)) == (BEFORE, [])


def test_rollback_without_a_name_means_the_last_deploy(ports: Ports, dials: DyingAws) -> None:
    with pytest.raises(NothingBefore, match="Nothing was deployed yet"):
        roll_back(ports)
    deploy(ports)
    roll_back(ports)
    assert dials.dials == BEFORE
    with pytest.raises(UsageError, match="One kind"):
        roll_back(ports, ["left", "site"])


def test_a_rollback_that_nobody_agrees_to_changes_nothing(ports: Ports, dials: DyingAws) -> None:
    deploy(ports)
    asked: list[Any] = []
    with pytest.raises(Refused, match="not agreed"):
        roll_back(ports, ["left"], approve=lambda moves: bool(asked.append(moves)))
    assert asked == [(Move("function", "left", "2", "1"),)]
    assert dials.dials == AFTER


def test_a_returned_deploy_is_nothing_to_roll_back_to(ports: Ports, dials: DyingAws) -> None:
    deploy(ports)
    dials.breaks = {"3": "it is slow"}
    with pytest.raises(DeployReturned):
        deploy(ports, (Move("function", "left", "2"),))
    assert before(ports, "function", "left", "2") == "1"


text = st.text(max_size=20)
decisions = st.builds(Decision, text, text, text, text, text, st.dictionaries(text, st.integers() | text, max_size=3))


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    moves=st.lists(st.builds(Move, text, text, text, text), min_size=1, max_size=3),
    decided=st.lists(decisions, max_size=3), words=st.tuples(text, text, text, text),
)  # fmt: skip
def test_what_is_written_down_is_read_back(
    moves: list[Move], decided: list[Decision], words: tuple[str, str, str, str]
) -> None:
    written = InFlight(
        "id", "local", "deploy", "dial", words[0], tuple(moves), "who", "user", "2026-11-22T02:00:00+00:00", words[1],
        position=len(moves) - 1, reached=len(moves) - 1, step=words[2], returning=words[3], decisions=tuple(decided),
        settings={"seconds": 3},
    )  # fmt: skip
    assert InFlight.from_json(written.to_json()) == written
