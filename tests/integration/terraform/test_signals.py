"""What a signal to opsctl leaves behind: a valid state, no lock, no process."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from opsctl.exit_codes import ExitCode
from opsctl.processes import is_alive
from opsctl.terraform.adoption import left_behind

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_during_apply_stops_terraform_in_order(place, number):
    place.write(SLOW)
    driver = place.drive("apply")
    driver.waits_for("Executing")
    terraform = driver.terraform_pid
    driver.send(number)
    assert driver.ends() == ExitCode.INTERRUPTED
    assert "Interrupting: Stopping" in driver.said
    assert "Once more" in driver.said
    assert not is_alive(terraform)
    assert not place.is_locked
    assert "terraform_data.first" in str([f"{r['type']}.{r['name']}" for r in place.state["resources"]])
    place.write(SLOW.replace("sleep 30", "true"))
    again = place.drive("apply")
    assert again.ends() == 0, again.said
    assert len(place.state["resources"]) == 3


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
if sys.argv[1] != "apply":
    os.execv({terraform!r}, ["terraform", *sys.argv[1:]])
signal.signal(signal.SIGINT, signal.SIG_IGN)
{more}
print('{{"@message":"working","type":"log"}}', flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("more", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"], ids=["ends", "must be killed"])
def test_a_second_signal_ends_it_at_once_and_says_so_before(place, monkeypatch, more):
    """Real Terraform stops a local-exec at once; this one stands for a provider that hangs in a call."""
    stubborn = place.stack.parent / "terraform"
    stubborn.write_text(STUBBORN.format(terraform=shutil.which("terraform"), more=more))
    stubborn.chmod(0o755)
    monkeypatch.setenv("OPSCTL_TERRAFORM_BINARY", str(stubborn))
    place.write(SLOW)
    driver = place.drive("apply")
    driver.waits_for("Log: working")
    terraform = driver.terraform_pid
    driver.send(signal.SIGINT)
    driver.waits_for("Once more")
    assert is_alive(terraform)
    driver.send(signal.SIGINT)
    driver.waits_for("Ending Terraform at once")
    if more:
        driver.send(signal.SIGINT)  # or 10 s
    assert driver.ends() == ExitCode.INTERRUPTED
    assert not is_alive(terraform)


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
