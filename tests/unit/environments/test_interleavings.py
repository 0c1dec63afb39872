"""Two `up`, `down` or `plan` at once, in every order that Hypothesis can think of: no double apply, no lost record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from opsctl.environments import down, up
from opsctl.journal import Journal
from tests.unit.environments.interleaved import Story, World, play

EXAMPLES = 1000

PROCESS = st.integers(0, 1)
ONE_HOST, TWO_HOSTS = ("here", "here"), ("here", "there")


def stories(
    *, commands: Sequence[str], hosts: Sequence[tuple[str, str]], turns: int, kills: bool = False
) -> st.SearchStrategy[Story]:
    return st.builds(
        Story,
        commands=st.tuples(*[st.sampled_from(commands)] * 2),
        hosts=st.sampled_from(hosts),
        was_up=st.booleans(),
        lock_wait_seconds=st.sampled_from([0, 3]),
        turns=st.lists(st.tuples(PROCESS, st.integers(1, 30)), max_size=turns).map(tuple),
        kills=st.one_of(st.just(()), st.tuples(st.tuples(PROCESS, st.integers(1, 60)))) if kills else st.just(()),
    )


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(story=stories(commands=("up", "down", "plan"), hosts=[ONE_HOST, TWO_HOSTS], turns=12, kills=True))
def test_no_interleaving_of_two_commands_applies_twice_or_loses_a_record(story: Story) -> None:
    assert play(story) == []


@contextlib.contextmanager
def no_lock(*_: Any) -> Iterator[None]:
    yield


def without_the_environments_lock(story: Story) -> list[str]:
    with mock.patch.object(up, "locked", no_lock), mock.patch.object(down, "locked", no_lock):
        return play(story)


def without_any_lock(story: Story) -> list[str]:
    def unguarded(world: World) -> None:
        world.state_lock = world.serial_check = False

    with mock.patch.object(up, "locked", no_lock), mock.patch.object(down, "locked", no_lock):
        return play(story, unguarded)


def without_a_word_before_it_begins(story: Story) -> list[str]:
    with mock.patch.object(Journal, "begin"):
        return play(story)


@pytest.mark.parametrize(
    ("broken", "finds"),
    [
        (without_the_environments_lock, "the state has changed since"),
        (without_any_lock, "two applies at the same time"),
        (without_a_word_before_it_begins, "0 records of the apply"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_the_search_finds_what_a_missing_protection_lets_through(
    broken: Callable[[Story], list[str]], finds: str
) -> None:
    """A check of the checker. The counterexample is shrunk to a schedule that a person can follow."""

    def goes_wrong(story: Story) -> bool:
        return any(finds in wrong for wrong in broken(story))

    short = stories(commands=["up"], hosts=[TWO_HOSTS], turns=3, kills=True)
    found = find(short, goes_wrong, settings=settings(max_examples=EXAMPLES, deadline=None, database=None))
    assert len(found.turns) <= 2
