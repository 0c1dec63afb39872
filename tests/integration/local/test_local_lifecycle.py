"""Starting, stopping and losing the local cloud's process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from local_clouds import ACCOUNT, REGION, client_of, processes_of, zipped

from opsctl import processes
from opsctl.local import CloudDidNotStart, Event, LocalCloud, PortTaken, State
from opsctl.local import cloud as module
from opsctl.smoke.edge import Edge


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    monkeypatch.setenv("OPSCTL_LOCAL_PORT", "0")
    made = LocalCloud(tmp_path, ACCOUNT, REGION)
    yield made
    made.stop()


def test_a_start_is_quick_healthy_on_loopback_only_and_a_second_one_finds_it(cloud: LocalCloud) -> None:
    started = cloud.start()
    assert started.started_now
    assert started.seconds < 15  # 2 s on a quiet machine; the benchmark holds the 5 s
    again = LocalCloud(cloud.work, ACCOUNT, REGION).start()
    assert (again.pid, again.incarnation, again.started_now) == (started.pid, started.incarnation, False)
    status = cloud.status()
    assert (status.state, status.port, status.workers) == (State.RUNNING, started.port, 0)
    assert 30 < status.daemon_mb < 500
    listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"}
    assert f"0100007F:{started.port:04X}" in listening
    assert f"00000000:{started.port:04X}" not in listening


def test_two_starts_at_once_make_one_cloud(cloud: LocalCloud) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: LocalCloud(cloud.work, ACCOUNT, REGION).start(), range(2)))
    assert found[0].pid == found[1].pid
    assert sorted(running.started_now for running in found) == [False, True]


def test_a_taken_port_is_named_and_another_one_used(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        wanted = other.getsockname()[1]
        monkeypatch.setenv("OPSCTL_LOCAL_PORT", str(wanted))
        started = cloud.start(on_event=events.append)
    assert events[0] == PortTaken(wanted, started.port)
    assert started.port != wanted


def invoke_a_function(cloud: LocalCloud) -> None:
    functions = client_of(cloud.start(), "lambda")
    functions.create_function(
        FunctionName="f", Runtime="python3.11", Handler="handler.handler", Role=f"arn:aws:iam::{ACCOUNT}:role/x",
        Code={"ZipFile": zipped("def handler(event, context): return event")},
    )  # fmt: skip
    assert functions.invoke(FunctionName="f", Payload=b'{"a": 1}')["Payload"].read() == b'{"a": 1}'


def test_stop_leaves_no_process_and_is_safe_to_repeat(cloud: LocalCloud) -> None:
    invoke_a_function(cloud)
    assert cloud.status().workers == 1
    stopped = cloud.stop()
    assert (stopped.processes, stopped.killed) == (2, 0)
    assert processes_of(cloud.work) == []
    assert cloud.status().state is State.STOPPED
    assert cloud.stop().processes == 0


def test_a_viewer_who_keeps_its_connection_does_not_have_to_be_waited_for(cloud: LocalCloud) -> None:
    running = cloud.start()
    api = client_of(running, "apigateway").create_rest_api(name="kept")["id"]
    edge = Edge(
        f"https://127.0.0.1:{running.edge_port}", f"{api}.execute-api.{REGION}.amazonaws.com",
        authority_file=running.authority_file,
    )  # fmt: skip
    assert edge.request("GET", "/v1").status == 403
    assert cloud.stop().killed == 0


def test_a_killed_cloud_is_seen_as_died_and_its_functions_are_ended_by_the_next_stop(cloud: LocalCloud) -> None:
    invoke_a_function(cloud)
    running = cloud.start()
    worker = next(pid for pid in processes_of(cloud.work) if pid != running.pid)
    os.kill(worker, signal.SIGSTOP)  # so that it cannot notice by itself that its parent is gone
    os.kill(running.pid, signal.SIGKILL)
    while processes.is_alive(running.pid):
        pass
    assert cloud.status().state is State.DIED
    # Killed, or ended by the hang-up that the kernel sends to a stopped process whose parent dies.
    assert cloud.stop().processes == 1
    assert processes_of(cloud.work) == []


def test_a_cloud_that_died_is_replaced_by_an_empty_one_with_another_incarnation(cloud: LocalCloud) -> None:
    first = cloud.start()
    client_of(first, "sqs").create_queue(QueueName="q")
    os.kill(first.pid, signal.SIGKILL)
    second = cloud.start()
    assert second.incarnation != first.incarnation
    assert client_of(second, "sqs").list_queues().get("QueueUrls", []) == []


def test_a_recycled_process_id_is_neither_believed_nor_harmed(cloud: LocalCloud) -> None:
    started = cloud.start()
    cloud.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = module._Record(stranger.pid, "0", started.port, ACCOUNT, REGION, started.incarnation)
    cloud._write(record)
    assert cloud.status().state is State.DIED
    cloud.stop()
    assert stranger.poll() is None
    stranger.communicate(b"\n")


def test_a_cloud_that_cannot_start_says_why_with_its_last_lines(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken" / "ministack").mkdir(parents=True)
    (tmp_path / "broken" / "ministack" / "__init__.py").write_text("raise RuntimeError('a broken emulator')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    with pytest.raises(CloudDidNotStart) as caught:
        cloud.start()
    assert "a broken emulator" in caught.value.what
    assert caught.value.where == str(cloud.log_file)
    assert cloud.status().state is State.STOPPED
    assert processes_of(cloud.work) == []


def test_the_callers_credentials_do_not_reach_the_cloud(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-a-real-account")
    monkeypatch.setenv("AWS_PROFILE", "production")
    started = cloud.start()
    environment = Path(f"/proc/{started.pid}/environ").read_bytes()
    assert b"of-a-real-account" not in environment
    assert b"AWS_PROFILE" not in environment


def test_the_log_can_be_read_while_it_runs_and_after(cloud: LocalCloud) -> None:
    assert cloud.logs() == ""
    cloud.start()
    assert "Ready" in cloud.logs(5)
    cloud.stop()
    assert len(cloud.logs(2).splitlines()) == 2


def test_a_cloud_whose_folder_is_thrown_away_ends_by_itself(cloud: LocalCloud) -> None:
    """As when a clone is removed with `rm -rf` while its environment is up."""
    started = cloud.start()
    shutil.rmtree(cloud.work)
    deadline = time.monotonic() + 30
    while processes.is_alive(started.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
        for child in list(subprocess._active):  # type: ignore[attr-defined]
            child.poll()
    assert not processes.is_alive(started.pid)
