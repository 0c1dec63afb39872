from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.network import OUTSIDE, Rule, Source, Target, allows

SERVICE = Source("10.0.64.7", frozenset({"sg-service"}), (Rule("tcp", (3306, 3306), group="sg-database"),))
DATABASE = Target("10.0.128.4", frozenset({"sg-database"}), (Rule("tcp", (3306, 3306), group="sg-service"),))


def test_each_side_names_the_others_group() -> None:
    assert allows(SERVICE, DATABASE, 3306)


def test_a_port_without_a_rule_is_closed() -> None:
    assert not allows(SERVICE, DATABASE, 3307)


def test_a_revoked_rule_on_either_side_closes() -> None:
    assert not allows(replace(SERVICE, egress=()), DATABASE, 3306)
    assert not allows(SERVICE, replace(DATABASE, ingress=()), 3306)


def test_a_stranger_comes_in_by_an_address_rule_only() -> None:
    assert not allows(OUTSIDE, DATABASE, 3306)
    open_to_all = replace(DATABASE, ingress=(Rule("-1", networks=("0.0.0.0/0",)),))
    assert allows(OUTSIDE, open_to_all, 3306)
    assert not allows(OUTSIDE, replace(DATABASE, ingress=(Rule("tcp", networks=("10.0.0.0/16",)),)), 3306)


def test_addresses_decide_where_the_rule_names_them() -> None:
    inside = replace(SERVICE, egress=(Rule("-1", networks=("52.216.0.0/15", "10.0.128.0/20")),))
    assert allows(inside, DATABASE, 3306)
    assert not allows(replace(inside, egress=(Rule("-1", networks=("52.216.0.0/15",)),)), DATABASE, 3306)


def test_rules_of_other_protocols_open_nothing() -> None:
    assert not allows(SERVICE, replace(DATABASE, ingress=(Rule("udp", group="sg-service"),)), 3306)


def test_a_target_without_groups_is_open_and_a_source_without_groups_is_seen_by_its_address() -> None:
    assert allows(SERVICE, Target("10.0.128.4"), 3306) is False  # its own egress names another group
    assert allows(OUTSIDE, Target("10.0.128.4"), 3306)
    ungrouped = Source("10.0.64.9")
    assert allows(ungrouped, replace(DATABASE, ingress=(Rule("tcp", networks=("10.0.64.0/24",)),)), 3306)


def test_an_ipv6_rule_says_nothing_of_an_ipv4_address() -> None:
    assert not allows(OUTSIDE, replace(DATABASE, ingress=(Rule("-1", networks=("::/0",)),)), 3306)


rules = st.builds(
    Rule,
    protocol=st.sampled_from(["tcp", "udp", "-1"]),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    group=st.sampled_from(["", "sg-service", "sg-database", "sg-other"]),
    networks=st.lists(st.sampled_from(["0.0.0.0/0", "10.0.0.0/16", "10.0.64.7/32", "::/0"]), max_size=2).map(tuple),
)  # fmt: skip
many = st.lists(rules, max_size=4).map(tuple)


@given(egress=many, ingress=many, more=rules, port=st.integers(0, 65535))
def test_a_further_rule_never_closes_what_was_open(
    egress: tuple[Rule, ...], ingress: tuple[Rule, ...], more: Rule, port: int
) -> None:
    source, target = replace(SERVICE, egress=egress), replace(DATABASE, ingress=ingress)
    if allows(source, target, port):
        assert allows(replace(source, egress=(*egress, more)), replace(target, ingress=(more, *ingress)), port)
    if not egress or not ingress:
        assert not allows(source, target, port)
