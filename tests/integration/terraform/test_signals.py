"""What test_signal_matrix.py does not show of a signal to opsctl: who is told what, and what the next command finds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.signals import slow_server
from opsctl.exit_codes import ExitCode
from opsctl.processes import is_alive
from opsctl.terraform.adoption import left_behind
from opsctl.terraform.lock import LockHeld, exclusive

SLOW = """
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "sleep 30"
  }
}
resource "terraform_data" "last" {
  depends_on = [terraform_data.slow]
}
"""


def test_ctrl_c_reaches_opsctl_alone_and_terraform_once(place):
    """A terminal sends it to the whole foreground group; Terraform is in a session of its own."""
    place.write(SLOW)
    driver = place.drive("apply")
    driver.waits_for("Executing")
    assert os.getpgid(driver.terraform_pid) != os.getpgid(driver.process.pid)
    os.killpg(driver.process.pid, signal.SIGINT)
    assert driver.ends() == ExitCode.INTERRUPTED
    assert "Two interrupts received" not in driver.said
    assert not place.is_locked


STUBBORN = """#!/usr/bin/env python3
import os, signal, sys, time
if sys.argv[1] != {argument!r}:
    os.execv({terraform!r}, ["terraform", *sys.argv[1:]])
signal.signal(signal.SIGINT, signal.SIG_IGN)
{more}
print('{{"@message":"working","type":"log"}}', flush=True)
time.sleep(60)
"""
MUST_BE_KILLED = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.mark.parametrize(
    ("command", "more", "loss"),
    [
        ("init", "", "what is half fetched is fetched anew by the next init"),
        ("plan", "", "the state's lock stays behind until the next opsctl on this machine"),
        ("apply", "", "what is half made is then missing from the state"),
        ("apply", MUST_BE_KILLED, "what is half made is then missing from the state"),
        ("destroy", "", "what is half destroyed is then still in the state"),
    ],
    ids=["init", "plan", "apply", "apply that must be killed", "destroy"],
)
def test_a_second_signal_ends_it_at_once_and_says_before_what_that_costs(place, monkeypatch, command, more, loss):
    """Real Terraform stops a local-exec at once; this one stands for a provider that hangs in a call."""
    stubborn = place.stack.parent / "terraform"
    argument = "apply" if command == "destroy" else command
    stubborn.write_text(STUBBORN.format(terraform=shutil.which("terraform"), more=more, argument=argument))
    stubborn.chmod(0o755)
    place.write('resource "terraform_data" "one" {}\n')
    if command == "destroy":
        assert place.drive("apply").ends() == 0
    monkeypatch.setenv("OPSCTL_TERRAFORM_BINARY", str(stubborn))
    driver = place.drive(command)
    driver.waits_for("Log: working")
    terraform = driver.terraform_pid
    driver.send(signal.SIGINT)
    driver.waits_for(f"Once more ends it at once: {loss}")
    assert is_alive(terraform)
    driver.send(signal.SIGINT)
    driver.waits_for(f"Ending Terraform at once: {loss}")
    if more:
        driver.send(signal.SIGINT)  # or 10 s
    assert driver.ends() == ExitCode.INTERRUPTED
    assert not is_alive(terraform)
    monkeypatch.delenv("OPSCTL_TERRAFORM_BINARY")
    after = place.drive(command)
    assert after.ends() == 0, after.said


def test_the_next_command_follows_the_terraform_of_a_killed_opsctl_and_goes_on(place):
    place.write(SLOW.replace("sleep 30", "sleep 2"))
    driver = place.drive("apply")
    driver.waits_for("Executing")
    terraform = driver.terraform_pid
    driver.send(signal.SIGKILL)
    driver.ends()
    assert is_alive(terraform)
    following = place.drive("plan")
    following.waits_for(f"terraform apply of an opsctl that died (process {terraform}, since ")
    assert following.ends() == 0, following.said
    assert not is_alive(terraform)
    assert "Adopted: An earlier terraform apply ended without its opsctl: it is done; 3 added, 0" in following.said
    assert "ApplyComplete: terraform_data.first" in following.said, "delivered from where the log begins"
    assert "PlannedChange" not in following.said.partition("Adopted:")[2], "the plan saw what the apply made"
    assert not place.is_locked
    assert len(place.resources) == 3
    assert left_behind(place.work) is None


def test_a_terraform_whose_opsctl_died_in_the_moment_of_starting_it_is_found(place):
    place.write(SLOW.replace("sleep 30", "sleep 1"))
    driver = place.drive("apply")
    driver.waits_for("Executing")
    terraform = driver.terraform_pid
    driver.send(signal.SIGKILL)
    driver.ends()
    run = place.work / "run.json"
    run.write_text(json.dumps(json.loads(run.read_text()) | {"pid": 0, "started_ticks": 0}))
    following = place.drive("plan")
    following.waits_for(f"terraform apply of an opsctl that died (process {terraform}, since ")
    assert following.ends() == 0, following.said
    assert len(place.resources) == 3


def test_a_log_that_was_cleaned_away_does_not_keep_the_next_command_from_waiting(place):
    place.write(SLOW.replace("sleep 30", "sleep 1"))
    driver = place.drive("apply")
    driver.waits_for("Executing")
    driver.send(signal.SIGKILL)
    driver.ends()
    shutil.rmtree(place.work / "logs")
    following = place.drive("plan")
    assert following.ends() == 0, following.said
    assert "it was cut off" in following.said, "nobody can tell how it ended"
    assert "PlannedChange" not in following.said
    assert len(place.resources) == 3


def test_the_secrets_of_a_killed_opsctl_are_masked_by_the_one_that_follows(place):
    """Which words are secret stands in the variables file and in the plan of the one that died."""
    place.write(
        SLOW.replace("sleep 30", "sleep 1; echo told=$SHOWN").replace(
            '  provisioner "local-exec" {',
            '  provisioner "local-exec" {\n    environment = { SHOWN = nonsensitive(var.key) }',
        )
        + 'variable "key" {\n  type      = string\n  sensitive = true\n}\n'
    )
    driver = place.drive("apply", variables='key = "horse-battery-staple"\n')
    driver.waits_for("Executing")
    driver.send(signal.SIGKILL)
    driver.ends()
    following = place.drive("init")
    assert following.ends() == 0, following.said
    assert "told=(masked)" in following.said
    logs = "".join(log.read_text() for log in (place.work / "logs").iterdir())
    assert "horse-battery-staple" not in following.said + logs


def test_another_environments_init_waits_for_the_init_of_a_killed_opsctl(place, monkeypatch, tmp_path):
    """Terraform locks neither the plugin cache nor the lock file (hashicorp/terraform#31964)."""
    monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(tmp_path))
    shared = tmp_path / "terraform-init.lock"
    with slow_server() as server:
        place.write(f'module "slow" {{\n  source = "{server.url}/module.zip"\n}}\n')
        driver = place.drive("init")
        place.until(lambda: server.asked, "Terraform to ask for the module")
        driver.send(signal.SIGKILL)
        driver.ends()
        with pytest.raises(LockHeld, match="locked by") as caught, exclusive(shared, command="init"):
            pass
        assert f"process {driver.process.pid}: gone, but what it started is still at work" in caught.value.where
        with exclusive(shared, command="init", wait_seconds=20):
            assert not is_alive(driver.terraform_pid)


def test_what_the_caller_ignores_stays_ignored(place):
    """As under nohup: the terminal closes, and the work goes on."""
    place.write(SLOW.replace("sleep 30", "sleep 1"))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        driver = place.drive("apply")
    finally:
        signal.signal(signal.SIGHUP, before)
    driver.waits_for("Executing")
    driver.send(signal.SIGHUP)
    assert driver.ends() == 0, driver.said
    assert len(place.resources) == 3


def test_a_reader_that_goes_away_does_not_stop_terraform(place):
    """`opsctl up | head`: the pipe breaks at the next line, Terraform goes on to its end."""
    place.write(SLOW.replace("sleep 30", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done"))
    place.work.mkdir()
    driver = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("driver.py"), place.stack, place.work, "apply"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    while "Executing" not in driver.stdout.readline():
        assert driver.poll() is None
    driver.stdout.close()
    assert driver.wait(20) != 0
    assert len(place.resources) == 3
    assert not place.is_locked
    assert left_behind(place.work) is None


def test_a_ctrl_c_while_following_stops_that_terraform_in_order(place):
    place.write(SLOW)
    driver = place.drive("apply")
    driver.waits_for("Executing")
    terraform = driver.terraform_pid
    driver.send(signal.SIGKILL)
    driver.ends()
    following = place.drive("plan")
    following.waits_for("Executing")
    following.send(signal.SIGINT)
    assert following.ends() == ExitCode.INTERRUPTED
    assert "Stopping: Terraform finishes the resources it is working on. Once more ends it at once" in following.said
    assert "Interrupted: terraform apply stopped in order; the state is kept." in following.said
    assert not is_alive(terraform)
    assert not place.is_locked
    assert "terraform_data.first" in place.resources
    after = place.drive("plan")
    assert after.ends() == 0, after.said
    assert "Adopted" not in after.said, "taken over once"


def test_handlers_are_the_callers_again_after_a_run(place):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    place.write("")
    place.terraform().init()
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_the_embedded_terraform_stops_in_order_too(place, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    place.write(SLOW)
    driver = place.drive("apply")
    driver.waits_for("Executing")
    assert "opsctl.terraform.embedded" in Path(f"/proc/{driver.terraform_pid}/cmdline").read_text()
    driver.send(signal.SIGTERM)
    assert driver.ends() == ExitCode.INTERRUPTED
    assert not place.is_locked
