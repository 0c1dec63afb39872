"""Five signals × four commands, one run of each; `make bench` plays 20. All at once: they mostly wait."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from benchmarks.signals import Cell, Seen, cells, play_all

MATRIX = cells("opsctl", 1)


@pytest.fixture(scope="module")
def seen() -> Mapping[Cell, Seen]:
    return dict(play_all(MATRIX))


@pytest.mark.parametrize("cell", MATRIX, ids=str)
def test_nothing_is_lost_or_left_and_the_next_command_works(seen, cell):
    left = seen[cell]
    trouble = "\n".join(left.trouble)
    assert not left.stale_lock, trouble
    assert not left.invalid_state, trouble
    assert not left.lost_lines, trouble
    assert not left.still_running, trouble
    assert not left.trouble, trouble
