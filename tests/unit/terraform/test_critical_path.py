"""The longest chain of an apply, and what each module adds to it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from opsctl.terraform.critical_path import Step, critical_path, dependencies_of, seconds_of, shares, without_keys

SECONDS = {
    "module.net.vpc.this": 10.0,
    "module.db.instance.this": 80.0,
    "module.db.user.this": 5.0,
    "module.q.queue.a": 25.0,
}
WAITS = {
    "module.db.instance.this": frozenset({"module.net.vpc.this"}),
    "module.db.user.this": frozenset({"module.db.instance.this", "module.net.vpc.this"}),
    "module.q.queue.a": frozenset(),
}


def event(kind, address, at):
    return json.dumps(
        {"type": kind, "@timestamp": f"2026-11-21T10:00:{at:02}Z", "hook": {"resource": {"addr": address}}}
    )


def test_the_chain_is_the_one_that_everything_else_fits_beside():
    assert critical_path(SECONDS, WAITS) == (
        Step("module.net.vpc.this", 10.0, 10.0),
        Step("module.db.instance.this", 80.0, 90.0),
        Step("module.db.user.this", 5.0, 95.0),
    )


def test_a_module_adds_only_what_the_chain_would_be_shorter_without_it():
    found = {share.name: (share.own_seconds, share.added_seconds) for share in shares(SECONDS, WAITS)}
    assert found == {"net": (10.0, 10.0), "db": (95.0, 70.0), "q": (25.0, 0.0)}


def test_a_log_gives_the_slowest_instance_of_each_block():
    log = [
        event("apply_start", 'module.q.queue.a["x"]', 0),
        event("apply_start", 'module.q.queue.a["y"]', 1),
        event("apply_complete", 'module.q.queue.a["x"]', 5),
        event("apply_complete", 'module.q.queue.a["y"]', 31),
        event("apply_start", "never.ended", 1),
        '{"type": "apply_complete", "torn',
        "apply_ words",
    ]
    assert seconds_of(log) == {"module.q.queue.a": 30.0}


def test_a_state_tells_who_waits_for_whom_whatever_the_keys():
    state = {
        "resources": [
            {"module": 'module.q["a"]', "mode": "managed", "type": "queue", "name": "this",
             "instances": [{"dependencies": ["module.q.queue.dead", "data.aws_region.here"]}]},
            {"mode": "data", "type": "aws_region", "name": "here", "instances": [{}]},
        ]
    }  # fmt: skip
    assert dependencies_of(state) == {
        "module.q.queue.this": frozenset({"module.q.queue.dead", "data.aws_region.here"}),
        "data.aws_region.here": frozenset(),
    }


def test_keys_with_brackets_and_quotes_are_keys():
    assert without_keys(r'module.a["x[\"y\"]"].b.c[12]') == "module.a.b.c"


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20),
    st.lists(st.integers(0, 9), min_size=10, max_size=10),
)
def test_the_chain_is_as_long_as_its_steps_and_no_dependency_is_overtaken(edges, seconds):
    waits = {
        str(high): frozenset(str(min(a, b)) for a, b in edges if max(a, b) == high and a != b) for high in range(10)
    }
    taken = {str(number): float(value) for number, value in enumerate(seconds)}
    chain = critical_path(taken, waits)
    assert sum(step.seconds for step in chain) == (chain[-1].ends_at if chain else 0)

    def longest(name: str) -> float:
        return taken[name] + max(map(longest, waits[name]), default=0.0)

    assert (chain[-1].ends_at if chain else 0) == max(map(longest, taken))
