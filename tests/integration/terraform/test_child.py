"""Following a process: every line is delivered, in order, also the last one without an end."""

from __future__ import annotations

import sys

import pytest

from opsctl import processes
from opsctl.clock import SystemClock
from opsctl.terraform.child import Stop, follow


def lines_of(program: str, folder) -> list[str]:
    log, heard = folder / "log", []
    child = processes.start([sys.executable, "-c", program], env=None, cwd=None, output=log)
    status = follow(
        child, log, offset=0, on_line=heard.append, stop=Stop(), on_stop=lambda count: None, clock=SystemClock()
    )
    assert status == 0
    return heard


@pytest.mark.parametrize(
    ("program", "lines"),
    [
        ("", []),
        ("print('a', end='')", ["a"]),
        ("print('a'); print('b', end='')", ["a", "b"]),
        ("import time; print('a', end='', flush=True); time.sleep(0.2); print('b')", ["ab"]),
        ("print(); print()", ["", ""]),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xc3')", ["\ufffd\ufffd"]),
    ],
    ids=["nothing", "half a line", "a line and a half", "a line in two pieces", "empty lines", "not text"],
)
def test_lines_are_put_together_and_the_last_one_needs_no_end(program, lines, tmp_path):
    assert lines_of(program, tmp_path) == lines


def test_none_of_many_lines_is_lost(tmp_path):
    assert lines_of("for i in range(50000): print(i)", tmp_path) == [str(i) for i in range(50000)]
