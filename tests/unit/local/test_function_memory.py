"""A worker that takes more memory than its function has is found out, whoever looks first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from opsctl.local.gaps.function_memory import outgrew
from opsctl.proc import peak_memory


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_worker_within_its_limit_has_not_outgrown_it_and_one_above_has(worker: subprocess.Popen[bytes]) -> None:
    assert not outgrew(worker, 1024)
    assert not outgrew(worker, None)
    while (peak_memory(worker.pid) or 0) < 2 * 2**20:  # it has yet to start
        assert worker.poll() is None
    assert outgrew(worker, 1)


def test_a_worker_that_a_look_ended_after_its_answer_has_outgrown_it(worker: subprocess.Popen[bytes]) -> None:
    """Nobody has waited for it yet: it is there, and its peak is not."""
    worker.kill()
    assert outgrew(worker, 1024)
