from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.instances.capacity import POLICIES, Member, subnets_of_new, surplus

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SUBNETS = ("a", "b", "c")


def member(name: str, subnet: str = "a", minutes: int = 0, version: int = 1, *, protected: bool = False) -> Member:
    return Member(name, subnet, START + timedelta(minutes=minutes), version, protected)


def test_new_instances_spread_over_the_subnets() -> None:
    assert subnets_of_new([], SUBNETS, 4) == ["a", "b", "c", "a"]
    assert subnets_of_new([member("1", "a"), member("2", "b")], SUBNETS, 2) == ["c", "a"]


def test_the_oldest_template_goes_first_then_the_oldest_instance() -> None:
    members = [member("new", minutes=5, version=2), member("old", minutes=1), member("older", minutes=0, version=2)]
    assert [one.id for one in surplus(members, 2, ["OldestLaunchTemplate", "OldestInstance"])] == ["old", "older"]


def test_the_fullest_subnet_gives_first() -> None:
    members = [member("alone", "b", minutes=0), member("1", "a", minutes=5), member("2", "a", minutes=6)]
    assert [one.id for one in surplus(members, 1, ["OldestInstance"])] == ["1"]


def test_a_protected_instance_stays() -> None:
    assert surplus([member("1", protected=True), member("2", minutes=9)], 2, ["OldestInstance"]) == [
        member("2", minutes=9)
    ]


members = st.lists(
    st.builds(member, st.uuids().map(str), st.sampled_from(SUBNETS), st.integers(0, 99), st.integers(1, 3)),
    max_size=8,
    unique_by=lambda one: one.id,
)


@given(members, st.integers(0, 6), st.lists(st.sampled_from([*POLICIES, "ClosestToNextInstanceHour"]), max_size=3))
def test_a_group_gets_exactly_as_many_as_it_wants_and_stays_balanced(
    now: list[Member], wanted: int, policies: list[str]
) -> None:
    gone = surplus(now, len(now) - wanted, policies)
    stays = [one for one in now if one not in gone]
    new = subnets_of_new(stays, SUBNETS, wanted - len(stays))
    assert len(stays) + len(new) == wanted
    before, after = (
        Counter(dict.fromkeys(SUBNETS, 0) | Counter(subnets))
        for subnets in ([one.subnet for one in now], [*(one.subnet for one in stays), *new])
    )
    spread = max(after.values()) - min(after.values())
    assert spread <= max(1, max(before.values()) - min(before.values()))
