"""What an instance refresh launches and ends next: never out of its bounds, always to an end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from opsctl.local.instances.refresh import (
    ACTIVE,
    PATIENCE,
    Configuration,
    Fleet,
    Preferences,
    Refresh,
    Seen,
    Status,
    cancel,
    decide,
    roll_back,
)

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
OLD, NEW = Configuration("lt-1", "service", "1", 1), Configuration("lt-1", "service", "2", 2)


class World:
    """A group whose instances get healthy after `healthy_after` seconds (None: never), and its refresh."""

    def __init__(self, size: int, preferences: Preferences, healthy_after: float | None = 3) -> None:
        self.now, self.desired, self.healthy_after = BEGIN, size, healthy_after
        self.ringing: tuple[str, ...] = ()
        self.count = 0
        self.instances: dict[str, Seen] = {}
        self.heals: dict[str, datetime | None] = {}
        for _ in range(size):
            self.launch(OLD, BEGIN - timedelta(hours=1))
        self.refresh = Refresh("r", preferences, NEW, OLD, BEGIN, BEGIN)
        self.statuses = [self.refresh.status]

    def launch(self, configuration: Configuration, at: datetime | None = None) -> None:
        self.count += 1
        name, when = f"i-{self.count:03}", at or self.now
        self.instances[name] = Seen(name, when, (configuration.template_id, configuration.number), at is not None)
        wait = self.healthy_after if configuration is NEW or self.healthy_after is not None else 3
        self.heals[name] = None if wait is None else when + timedelta(seconds=wait)

    def fleet(self) -> Fleet:
        for name, one in self.instances.items():
            heals = self.heals[name]
            if not one.healthy and heals is not None and self.now >= heals:
                self.instances[name] = replace(one, healthy=True)
        return Fleet(self.desired, tuple(self.instances.values()), self.ringing)

    def ready(self) -> int:
        return sum(
            one.healthy and (self.now - one.launched).total_seconds() >= self.refresh.preferences.warmup
            for one in self.instances.values()
        )

    def members(self) -> int:
        return sum(not one.standby for one in self.instances.values())

    def tick(self, seconds: float = 1) -> None:
        """Pass the time, decide, and do what was decided: never out of the bounds."""
        self.now += timedelta(seconds=seconds)
        fleet = self.fleet()
        fewest, most = self.refresh.preferences.bounds(self.desired)
        ready, members = self.ready(), self.members()
        decision = decide(self.refresh, fleet, self.now)
        self.refresh = decision.refresh
        self.statuses += [self.refresh.status] if self.refresh.status is not self.statuses[-1] else []
        for name in decision.end:
            del self.instances[name]
        one_at_a_time = self.refresh.preferences.max_healthy is None
        assert self.ready() >= min(ready, fewest) - one_at_a_time, decision
        for _ in range(decision.launch):
            assert self.refresh.target is not None
            self.launch(self.refresh.target)
        assert self.members() <= max(most, members - len(decision.end)), decision
        assert 0 <= self.refresh.percent <= 100
        assert self.refresh.to_update >= 0

    def run(self, seconds: int = 400) -> list[Status]:
        """Until it ends. Gives the states that it went through."""
        for _ in range(seconds):
            if not self.refresh.active:
                break
            self.tick()
        return self.statuses

    def numbers(self) -> list[int]:
        return sorted(one.template[1] for one in self.instances.values())


def world(size: int = 2, healthy_after: float | None = 3, **preferences: Any) -> World:
    return World(
        size, Preferences(**({"min_healthy": 100, "max_healthy": 150, "warmup": 2} | preferences)), healthy_after
    )


def test_every_instance_is_replaced_launching_before_ending() -> None:
    group = world()
    group.tick()
    assert group.numbers() == [1, 1, 2]
    group.tick(3)
    assert group.numbers() == [1, 2, 2]
    assert group.refresh.percent == 50
    assert group.run() == [Status.PENDING, Status.IN_PROGRESS, Status.SUCCESSFUL]
    assert group.numbers() == [2, 2]
    assert (group.refresh.percent, group.refresh.to_update) == (100, 0)


def test_an_instance_counts_only_when_it_is_healthy_and_warmed_up() -> None:
    group = world(warmup=10)
    group.tick()
    group.tick(9)
    assert group.refresh.percent == 0
    assert "i-003 is warming up" in group.refresh.reason
    group.tick(1)
    assert group.refresh.percent == 50
    group = world(healthy_after=20, warmup=10)
    group.tick()
    group.tick(15)
    assert group.refresh.percent == 0
    assert "i-003 is not healthy" in group.refresh.reason


def test_an_old_instance_that_still_warms_up_is_not_ended_before_another_is_ready() -> None:
    group = world(warmup=60)
    for name, one in group.instances.items():
        group.instances[name] = replace(one, launched=BEGIN)
    group.tick()
    assert group.numbers() == [1, 1, 2]
    while 1 in group.numbers():
        assert sum(one.healthy for one in group.instances.values()) >= 2
        group.tick()
    assert group.run()[-1] is Status.SUCCESSFUL


def test_without_a_maximum_an_instance_is_ended_while_its_replacement_starts() -> None:
    group = world(size=10, max_healthy=None, min_healthy=80)
    group.tick()
    assert group.numbers() == [1] * 8 + [2] * 2
    group.run()
    assert group.numbers() == [2] * 10


@pytest.mark.parametrize(("size", "minimum", "maximum"), [(1, 100, 100), (2, 90, 100), (1, 0, 100)])
def test_where_no_instance_could_be_replaced_within_the_bounds_one_more_is_launched_first(
    size: int, minimum: int, maximum: int
) -> None:
    group = world(size=size, min_healthy=minimum, max_healthy=maximum)
    group.tick()
    assert len(group.instances) == (size + 1 if minimum else 1)
    assert group.run()[-1] is Status.SUCCESSFUL


def test_a_checkpoint_pauses_for_its_delay_and_the_last_one_ends_it() -> None:
    group = world(size=4, max_healthy=200, checkpoints=(25, 50), checkpoint_delay=60)
    group.tick()
    group.tick(4)
    group.tick()
    assert group.numbers() == [1, 1, 1, 2]
    assert "Checkpoint of 25 percent reached" in group.refresh.reason
    for _ in range(59):
        group.tick()
    assert group.numbers() == [1, 1, 1, 2]
    group.run()
    assert group.refresh.status is Status.SUCCESSFUL
    assert group.numbers() == [1, 1, 2, 2]
    assert (group.refresh.percent, group.refresh.to_update) == (50, 2)


def test_a_group_that_grows_during_a_pause_grows_by_the_new_version() -> None:
    group = world(size=4, checkpoints=(25, 100), checkpoint_delay=60)
    group.tick()
    group.tick(4)
    group.tick()
    group.desired = 6
    group.tick()
    assert group.numbers() == [1, 1, 1, 2, 2, 2]


def test_a_refresh_bakes_before_it_succeeds() -> None:
    group = world(bake=30)
    assert group.run() == [Status.PENDING, Status.IN_PROGRESS, Status.BAKING, Status.SUCCESSFUL]
    assert group.refresh.ended is not None
    assert group.refresh.baked_at is not None
    assert group.refresh.ended >= group.refresh.baked_at


def test_what_is_lost_while_it_bakes_is_replaced_by_the_new_version_even_in_its_last_step() -> None:
    group = world(bake=1)
    while group.refresh.status is not Status.BAKING:
        group.tick()
    del group.instances[max(group.instances)]
    assert group.run()[-1] is Status.SUCCESSFUL
    assert group.numbers() == [2, 2]


@pytest.mark.parametrize("when", [Status.IN_PROGRESS, Status.BAKING])
@pytest.mark.parametrize("auto", [True, False])
def test_an_alarm_fails_it_and_with_auto_rollback_turns_it_round(when: Status, auto: bool) -> None:
    group = world(bake=30, alarms=("errors",), auto_rollback=auto)
    while group.refresh.status is not when:
        group.tick()
    group.tick(4)
    group.ringing = ("errors",)
    group.tick()
    assert "errors" in group.refresh.reason
    assert group.run()[-1] is (Status.ROLLBACK_SUCCESSFUL if auto else Status.FAILED)
    assert group.numbers() == [1, 1] if auto else 2 in group.numbers()


def test_instances_that_never_become_healthy_fail_it_and_the_old_ones_go_on_serving() -> None:
    group = world(healthy_after=None, auto_rollback=True)
    assert group.run() == [
        Status.PENDING, Status.IN_PROGRESS, Status.ROLLBACK_IN_PROGRESS, Status.ROLLBACK_SUCCESSFUL,
    ]  # fmt: skip
    assert list(group.instances) == ["i-001", "i-002"]
    assert group.refresh.rollback is not None
    assert "i-003 is not healthy" in group.refresh.rollback.reason
    began = group.refresh.rollback.started - BEGIN
    assert PATIENCE <= began <= PATIENCE + timedelta(seconds=5)
    group = world(healthy_after=None)
    assert group.run()[-1] is Status.FAILED


def test_progress_goes_back_to_nothing_during_a_rollback() -> None:
    group = world(size=4)
    while group.refresh.percent < 50:
        group.tick()
    group.refresh = roll_back(group.refresh, group.fleet(), "by hand", group.now)
    assert (group.refresh.percent, group.refresh.to_update) == (50, 2)
    seen = [50]
    while group.refresh.active:
        group.tick()
        seen.append(group.refresh.percent)
    assert group.refresh.status is Status.ROLLBACK_SUCCESSFUL
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 0
    assert group.refresh.rollback is not None
    assert (group.refresh.rollback.percent, group.refresh.rollback.remaining) == (50, 2)


def test_skip_matching_replaces_only_what_differs() -> None:
    group = world(size=2, skip_matching=True)
    group.instances["i-002"] = replace(group.instances["i-002"], template=("lt-1", 2))
    group.tick()
    assert group.refresh.to_update == 1
    assert group.run()[-1] is Status.SUCCESSFUL
    assert "i-002" in group.instances
    assert "i-001" not in group.instances
    group = world(size=0, skip_matching=True)
    assert group.run() == [Status.PENDING, Status.SUCCESSFUL]


@pytest.mark.parametrize(
    ("choice", "status"), [("Wait", Status.FAILED), ("Refresh", Status.SUCCESSFUL), ("Ignore", Status.SUCCESSFUL)]
)
def test_an_instance_protected_from_scale_in_is_waited_for_replaced_or_left(choice: str, status: Status) -> None:
    group = world(protected=choice)
    group.instances["i-001"] = replace(group.instances["i-001"], protected=True)
    assert group.run()[-1] is status
    assert ("i-001" in group.instances) is (choice != "Refresh")


@pytest.mark.parametrize(
    ("choice", "status"), [("Wait", Status.FAILED), ("Terminate", Status.SUCCESSFUL), ("Ignore", Status.SUCCESSFUL)]
)
def test_an_instance_in_standby_is_waited_for_ended_or_left(choice: str, status: Status) -> None:
    group = world(standby=choice)
    group.instances["i-001"] = replace(group.instances["i-001"], standby=True)
    group.desired = 1
    assert group.run()[-1] is status
    assert ("i-001" in group.instances) is (choice != "Terminate")


def test_a_cancelled_refresh_replaces_nothing_more_and_waits_for_what_it_launched() -> None:
    group = world()
    group.tick()
    group.refresh = cancel(group.refresh, True, group.now)
    group.tick()
    assert group.refresh.status is Status.CANCELLING
    assert group.run()[-1] is Status.CANCELLED
    assert group.numbers() == [1, 1, 2]
    group = world()
    group.tick()
    assert cancel(group.refresh, False, group.now).status is Status.CANCELLED


class Refreshes(RuleBasedStateMachine):
    """Anything may happen to a group while it is refreshed. `World.tick` asserts the bounds."""

    @initialize(
        size=st.integers(0, 7), minimum=st.integers(0, 100), surge=st.none() | st.integers(0, 100),
        warmup=st.integers(0, 9), healthy_after=st.integers(0, 9), bake=st.integers(0, 9), auto=st.booleans(),
        checkpoints=st.lists(st.integers(1, 99), unique=True, max_size=2).map(lambda found: (*sorted(found), 100)),
        skip=st.booleans(),
    )  # fmt: skip
    def begin(self, size: int, minimum: int, surge: int | None, warmup: int, healthy_after: int, bake: int, auto: bool,
              checkpoints: Iterable[int], skip: bool) -> None:  # fmt: skip
        preferences = Preferences(
            min_healthy=minimum, max_healthy=None if surge is None else 100 + min(surge, minimum), warmup=warmup,
            checkpoints=tuple(checkpoints), checkpoint_delay=20, bake=bake, auto_rollback=auto, skip_matching=skip,
            alarms=("errors",),
        )  # fmt: skip
        self.world = World(size, preferences, healthy_after)

    @rule(seconds=st.sampled_from([0, 1, 5, 30]))
    def time_passes(self, seconds: int) -> None:
        if self.world.refresh.active:
            self.world.tick(seconds)

    @rule(data=st.data())
    def an_instance_falls_ill_and_is_taken_out(self, data: st.DataObject) -> None:
        if self.world.instances:
            del self.world.instances[data.draw(st.sampled_from(sorted(self.world.instances)))]

    @rule(desired=st.integers(0, 9))
    def the_group_is_scaled(self, desired: int) -> None:
        self.world.desired = desired

    @rule()
    def an_alarm_rings(self) -> None:
        self.world.ringing = ("errors",)

    @precondition(lambda self: self.world.refresh.status in ACTIVE - {Status.ROLLBACK_IN_PROGRESS, Status.CANCELLING})
    @rule()
    def somebody_rolls_it_back(self) -> None:
        self.world.refresh = roll_back(self.world.refresh, self.world.fleet(), "by hand", self.world.now)

    @precondition(lambda self: self.world.refresh.active)
    @rule()
    def somebody_cancels_it(self) -> None:
        self.world.refresh = cancel(self.world.refresh, True, self.world.now)

    @invariant()
    def it_says_when_it_ended(self) -> None:
        assert (self.world.refresh.ended is None) is self.world.refresh.active

    def teardown(self) -> None:
        """Left alone it ends: at one configuration, unless it was given up in between."""
        if not hasattr(self, "world"):
            return
        active = self.world.refresh.active
        self.world.run()
        assert not self.world.refresh.active
        expected = {Status.SUCCESSFUL: 2, Status.ROLLBACK_SUCCESSFUL: 1}.get(self.world.refresh.status)
        if expected and active:
            assert set(self.world.numbers()) <= {expected}
            assert len(self.world.instances) >= self.world.desired  # the group itself ends what is too much


TestRefreshes = Refreshes.TestCase
TestRefreshes.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
