"""Two opsctl processes on one environment with the real Terraform, begun at drawn moments. `make bench` plays 20."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.environments import SITUATIONS, play_real


@pytest.mark.parametrize(("first", "second"), SITUATIONS, ids=lambda name: name)
def test_two_commands_at_once_apply_once_at_a_time_and_leave_nothing_behind(
    tmp_path: Path, first: str, second: str
) -> None:
    assert play_real(tmp_path, first, second, delay_seconds=0.3).wrong == ()
