"""One opsctl at a time, and who it is."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from opsctl.exit_codes import ExitCode
from opsctl.terraform.lock import LockHeld, exclusive

HOLD = """
import sys
from pathlib import Path
from opsctl.terraform.lock import exclusive
with exclusive(Path(sys.argv[1]), command="opsctl up local"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "local" / "lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_second_one_is_told_who_since_when_and_for_what(tmp_path, holder):
    with pytest.raises(LockHeld) as caught, exclusive(tmp_path / "local" / "lock", command="plan"):
        pass
    assert caught.value.holder.pid == holder.pid
    assert caught.value.holder.command == "opsctl up local"
    assert "local is locked by" in caught.value.what
    assert f"process {holder.pid}: still running" in caught.value.where
    assert caught.value.exit_code == ExitCode.LOCKED


def test_a_killed_holder_holds_nothing(tmp_path, holder):
    holder.kill()
    holder.wait()
    with exclusive(tmp_path / "local" / "lock", command="plan"):
        pass


def test_one_that_waits_gets_it_when_the_other_ends(tmp_path, holder):
    holder.stdin.close()
    with exclusive(tmp_path / "local" / "lock", command="plan", wait_seconds=10):
        pass


def test_the_same_thread_may_take_it_again_and_lets_go_at_the_end(tmp_path):
    lock = tmp_path / "lock"
    with exclusive(lock, command="up"), exclusive(lock, command="apply"):
        pass
    with exclusive(lock, command="up"), pytest.raises(LockHeld), exclusive(lock, command="other", again=False):
        pass
    with exclusive(lock, command="up", again=False):
        pass


def test_two_threads_of_one_process_exclude_each_other(tmp_path):
    lock = tmp_path / "local" / "lock"

    def other(wait_seconds=0):
        with exclusive(lock, command="second", wait_seconds=wait_seconds), exclusive(lock, command="its apply"):
            return "in"

    with ThreadPoolExecutor(1) as pool:
        with exclusive(lock, command="first"):
            with pytest.raises(LockHeld, match="local is locked by"):
                pool.submit(other).result()
            waits = pool.submit(other, 10)
        assert waits.result() == "in"
