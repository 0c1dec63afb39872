"""Looking for drift: what it does beside Terraform, with a bucket in memory and a plan file as Terraform writes it."""

from __future__ import annotations

import json
import os
import signal
import threading
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.drift.looking import EnvironmentBusy, EnvironmentLost, look, look_everywhere
from opsctl.drift.report import Report, Unanswered
from opsctl.environments.ports import CloudNotRunning, Ports
from opsctl.environments.records import record_done
from opsctl.errors import Interrupted, OpsctlError
from opsctl.terraform.child import Stop


def state(serial: int = 3, **attributes: Any) -> bytes:
    resource = {"mode": "managed", "type": "aws_sns_topic", "name": "t", "instances": [{"attributes": attributes}]}
    document = {"version": 4, "serial": serial, "lineage": "l", "terraform_version": "1.11.4", "outputs": {}}
    return json.dumps(document | {"resources": [resource]}).encode()


class RefreshingTerraform:
    """Finds what the test says."""

    def __init__(self, work: Path, found: dict[str, Any]) -> None:
        self.work, self.found, self.meanwhile = work, found, lambda: None
        self.stop = SimpleNamespace(count=0)
        self.binary = self.provider = SimpleNamespace(version="1")

    def init(self, **settings: Any) -> None: ...

    def masked(self, text: str) -> str:
        return text.replace("planted", "(masked)")

    def refresh(self, *, out: Path, **settings: Any) -> None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("tfstate-prev", state(0, id="t", label="a"))
            archive.writestr("tfstate", state(3, **{"id": "t", "label": "a"} | self.found))
        self.meanwhile()


@pytest.fixture
def applied(ports: Ports) -> Ports:
    """An environment that was applied."""
    ports.aws.call("s3", "create_bucket", Bucket=ports.bucket.name)
    ports.bucket.write(ports.environment.state_key, state(id="t", label="a"))
    ports.aws.access = ports.access  # type: ignore[misc]
    ports.aws.lookup_events = lambda **asked: []  # type: ignore[attr-defined]
    return ports


def finding(ports: Ports, **found: Any) -> RefreshingTerraform:
    terraform = RefreshingTerraform(ports.environment.work / "drift", found)
    ports.terraform = lambda work: terraform  # type: ignore[assignment,return-value]
    return terraform


def test_an_environment_that_was_never_applied_is_absent(ports: Ports) -> None:
    assert (look(ports).phase, look(ports).exit_code) == ("absent", 0)


def test_a_smoke_test_after_it_hides_nobodys_change(applied: Ports) -> None:
    """What was before our last apply is our own doing; a smoke run applies nothing."""
    asked: list[Any] = []
    applied.aws.lookup_events = lambda **given: asked.append(given["StartTime"]) or []  # type: ignore[attr-defined]
    record_done(applied, "up", {})
    applied_at = applied.clock.now()
    applied.clock.now = lambda: applied_at + timedelta(hours=5)  # type: ignore[method-assign]
    record_done(applied, "smoke", {"failed": []})
    finding(applied, label="b")
    look(applied)
    assert set(asked) == {applied_at}


def test_drift_is_told_masked_and_the_plan_with_its_values_is_removed(applied: Ports) -> None:
    finding(applied, label="planted")
    report = look(applied)
    assert report.exit_code == 3
    assert report.to_json()["drift"][0]["attributes"][0]["after"] == '"(masked)"'
    assert not list(applied.environment.work.rglob("*.tfplan"))


def test_noise_alone_is_no_drift(applied: Ports) -> None:
    finding(applied, tags={})
    report = look(applied)
    assert (report.exit_code, [one.address for one in report.noise]) == (0, ["aws_sns_topic.t"])


def test_a_state_that_moved_on_while_we_looked_says_nothing(applied: Ports) -> None:
    terraform = finding(applied, label="b")
    terraform.meanwhile = lambda: applied.bucket.write(applied.environment.state_key, state(4, id="t"))
    with pytest.raises(EnvironmentBusy):
        look(applied)


@pytest.mark.parametrize(("operation", "busy"), [("OperationTypeApply", True), ("OperationTypePlan", False)])
def test_who_applies_makes_busy_and_who_plans_does_not(applied: Ports, operation: str, busy: bool) -> None:
    finding(applied)
    lock = {"ID": "1", "Who": "ada@there", "Operation": operation, "Created": "2026-11-21T11:59:00Z"}
    applied.bucket.write(f"{applied.environment.state_key}.tflock", json.dumps(lock).encode())
    if busy:
        with pytest.raises(EnvironmentBusy, match="ada@there"):
            look(applied)
    else:
        assert look(applied).exit_code == 0


def test_a_restarted_local_cloud_is_lost_and_not_drift(applied: Ports) -> None:
    applied.bucket.write("local/incarnation", b"an earlier one")
    with pytest.raises(EnvironmentLost):
        look(applied)


def test_one_that_fails_hides_nothing_of_the_others_and_keeps_its_place(applied: Ports) -> None:
    finding(applied, label="b")

    def reach(name: str) -> Ports:
        if name == "stopped":
            raise CloudNotRunning
        if name == "denied":
            raise OpsctlError("No credentials.")
        if name == "broken":
            raise KeyError("a value that may be secret")
        return applied

    outcomes = look_everywhere(["denied", "local", "stopped", "broken"], reach)
    assert [type(one) for one in outcomes] == [Unanswered, Report, Report, Unanswered]
    assert [int(one.exit_code) for one in outcomes] == [7, 3, 0, 7]
    assert "secret" not in json.dumps([one.to_json() for one in outcomes])


def test_one_interrupt_stops_all_and_begins_no_more(applied: Ports) -> None:
    begun: list[str] = []
    stop, both = Stop(), threading.Barrier(3, timeout=20)

    def reach(name: str) -> Ports:
        begun.append(name)
        both.wait()
        wait_until_asked()
        raise OpsctlError("stopped in order")

    def wait_until_asked() -> None:
        while not stop.count:
            threading.Event().wait(0.01)

    def interrupting() -> None:
        both.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupting, daemon=True).start()
    with pytest.raises(Interrupted):
        look_everywhere(["a", "b", "c", "d", "e"], reach, at_once=2, stop=stop)
    assert begun == ["a", "b"]
