"""The life of an environment, with everything outside in memory."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from opsctl.builds.function_rules import FunctionsRefused
from opsctl.environments.down import SomethingLeft, down
from opsctl.environments.environment import Target
from opsctl.environments.events import Notice
from opsctl.environments.lost_cloud import StaleState
from opsctl.environments.planning import MissingFile
from opsctl.environments.ports import Ports
from opsctl.environments.state_bucket import StateBucket
from opsctl.environments.status import read_status
from opsctl.environments.up import NotApproved, up
from opsctl.errors import Interrupted, OpsctlError
from opsctl.terraform.planned_functions import PlannedFunction


def yes(_: object) -> bool:
    return True


def no(_: object) -> bool:
    return False


def state(ports: Ports, *resources: tuple[str, str]) -> None:
    """Put a state with these (type, id) into the bucket."""
    document = {
        "version": 4, "serial": 3, "lineage": "l", "terraform_version": "1.11.4",
        "outputs": {"edge": {"value": {"url": "http://edge"}}},
        "resources": [
            {"mode": "managed", "type": kind, "name": "x", "instances": [{"attributes": {"id": name}}]}
            for kind, name in resources
        ],
    }  # fmt: skip
    ports.bucket.write(ports.environment.state_key, json.dumps(document).encode())


def up_with(ports: Ports, terraform: Any, *resources: tuple[str, str]) -> None:
    terraform.changes = {"created": len(resources)}
    terraform.on_apply = lambda: state(ports, *resources)
    up(ports, approve=yes, afresh=no)


def test_up_applies_what_was_approved_and_records_it(ports: Ports, terraform: Any) -> None:
    terraform.changes = {"created": 2}
    terraform.on_apply = lambda: state(ports, ("aws_vpc", "vpc-1"), ("aws_sqs_queue", "q"))
    deployment = up(ports, approve=yes, afresh=no)
    assert deployment.changed
    assert deployment.outputs == {"edge": {"url": "http://edge"}}
    [record] = ports.journal.records()
    assert (record.entry.command, record.entry.result) == ("up", "done")
    assert record.entry.details["plan_sha256"] == "f" * 64
    assert record.entry.who.endswith("user/ada")


def test_a_second_up_changes_nothing_and_asks_nobody(ports: Ports, terraform: Any) -> None:
    up_with(ports, terraform, ("aws_vpc", "vpc-1"))
    terraform.changes = {}

    def ask(_: object) -> bool:
        raise AssertionError("somebody was asked about an empty plan")

    assert not up(ports, approve=ask, afresh=no).changed
    assert terraform.applied == 1
    assert len(ports.journal.records()) == 1


def test_packages_are_where_lambda_takes_them_from_before_functions_are_made(
    ports: Ports, terraform: Any, aws: Any
) -> None:
    folder = ports.environment.stack.parent / "modules/photos/functions/thumbnail"
    folder.mkdir(parents=True)
    for name in ("handler.py", "requirements.txt"):
        (folder / name).write_text("")
    terraform.changes = {"created": 1}
    seen: list[str] = []
    terraform.on_apply = lambda: seen.extend(aws.buckets[ports.bucket.name])
    up(ports, approve=yes, afresh=no)
    assert "packages/local/thumbnail.zip" in seen


def test_a_function_that_carries_a_secret_is_refused_before_anybody_is_asked(ports: Ports, terraform: Any) -> None:
    ports.packages.mkdir()
    with zipfile.ZipFile(ports.packages / "thumbnail.zip", "w") as package:
        package.writestr("config/.env", "PASSWORD=1")
    terraform.functions = (
        PlannedFunction("aws_lambda_function.thumbnail", "", "thumbnail", "thumbnail.zip", handed_over=False),
    )
    terraform.changes = {"created": 1}

    def ask(_: object) -> bool:
        raise AssertionError("somebody was asked about a plan that must not be applied")

    with pytest.raises(FunctionsRefused, match="thumbnail carries a secret"):
        up(ports, approve=ask, afresh=no)
    assert terraform.applied == 0


def test_a_plan_that_nobody_approved_is_not_applied(ports: Ports, terraform: Any) -> None:
    terraform.changes = {"created": 1}
    with pytest.raises(NotApproved) as raised:
        up(ports, approve=no, afresh=no)
    assert raised.value.exit_code == 5
    assert terraform.applied == 0
    assert ports.journal.records() == []


@pytest.mark.parametrize(
    ("error", "result"), [(OpsctlError("quota"), "failed"), (Interrupted("stopped"), "interrupted")]
)
def test_an_apply_that_fails_is_recorded_and_its_own_error_is_kept(
    ports: Ports, terraform: Any, error: OpsctlError, result: str
) -> None:
    terraform.changes = {"created": 1}

    def fail() -> None:
        raise error

    terraform.on_apply = fail
    with pytest.raises(type(error)) as raised:
        up(ports, approve=yes, afresh=no)
    assert raised.value is error
    assert ports.journal.records()[-1].entry.result == result


def test_a_missing_variables_file_is_named_before_anything_runs(ports: Ports, terraform: Any) -> None:
    ports.environment.variables_file.unlink()
    with pytest.raises(MissingFile) as raised:
        up(ports, approve=yes, afresh=no)
    assert raised.value.where == str(ports.environment.variables_file)
    assert raised.value.exit_code == 2


def test_a_restarted_cloud_is_noticed_and_nothing_is_touched_without_consent(ports: Ports, terraform: Any) -> None:
    up_with(ports, terraform, ("aws_vpc", "vpc-1"))
    ports.incarnation = "second"
    assert read_status(ports).phase == "lost"
    with pytest.raises(StaleState) as raised:
        up(ports, approve=yes, afresh=no)
    assert "up local --yes" in raised.value.next
    assert ports.bucket.state() is not None


def test_with_consent_the_old_state_and_lock_are_archived_the_journal_goes_on_and_up_begins_afresh(
    ports: Ports, terraform: Any
) -> None:
    up_with(ports, terraform, ("aws_vpc", "vpc-1"))
    ports.bucket.write("local/terraform.tfstate.tflock", b"{}")
    ports.incarnation = "second"
    seen: list[object] = []
    ports.on_event = seen.append
    up_with_consent = up(ports, approve=yes, afresh=yes)
    assert up_with_consent.changed
    archived = [key for key in ports.bucket.keys("archive/") if key.startswith("archive/local-20261121T120000Z/")]
    assert {key.rpartition("/")[2] for key in archived} == {
        "terraform.tfstate", "terraform.tfstate.tflock", "incarnation"
    }  # fmt: skip
    assert ports.bucket.read(f"{ports.environment.state_key}.tflock") is None
    assert any(isinstance(event, Notice) and "archive/local" in event.text for event in seen)
    assert [record.entry.command for record in ports.journal.records()] == ["up", "start afresh", "up"]
    assert "archive/local" in ports.journal.records()[1].entry.details["archive"]
    assert ports.journal.verify("").whole


def test_a_cloud_that_died_in_the_first_apply_is_noticed_though_there_is_no_state_yet(
    ports: Ports, terraform: Any
) -> None:
    def die() -> None:
        raise OpsctlError("the endpoint does not answer")

    terraform.changes, terraform.on_apply = {"created": 1}, die
    with pytest.raises(OpsctlError):
        up(ports, approve=yes, afresh=no)
    ports.incarnation = "second"
    assert read_status(ports).phase == "lost"


def test_down_empties_the_buckets_destroys_and_finds_nothing_left(ports: Ports, terraform: Any, aws: Any) -> None:
    up_with(ports, terraform, ("aws_s3_bucket", "photos"), ("aws_vpc", "vpc-1"))
    aws.buckets["photos"] = {f"uploads/{number}": b"x" for number in range(2345)}
    terraform.changes, terraform.on_apply = {"deleted": 2}, lambda: state(ports)
    removal = down(ports, approve=yes, afresh=no)
    assert (removal.deleted, removal.emptied) == (2, 2345)
    assert aws.buckets["photos"] == {}
    assert aws.calls.count("delete_objects") == 3
    assert read_status(ports).phase == "absent"


def test_down_that_nobody_approved_leaves_the_objects_alone(ports: Ports, terraform: Any, aws: Any) -> None:
    up_with(ports, terraform, ("aws_s3_bucket", "photos"))
    aws.buckets["photos"] = {"uploads/1": b"x"}
    terraform.changes = {"deleted": 1}
    with pytest.raises(NotApproved):
        down(ports, approve=no, afresh=no)
    assert aws.buckets["photos"] == {"uploads/1": b"x"}


def test_something_that_still_carries_the_tags_fails_the_down_and_is_named(
    ports: Ports, terraform: Any, aws: Any
) -> None:
    up_with(ports, terraform, ("aws_vpc", "vpc-1"))
    terraform.changes, terraform.on_apply = {"deleted": 1}, lambda: state(ports)
    aws.tagged = ["arn:aws:sns:eu-central-1:111122223333:forgotten"]
    with pytest.raises(SomethingLeft) as raised:
        down(ports, approve=yes, afresh=no)
    assert "forgotten" in raised.value.where


def test_a_key_pending_deletion_is_a_remainder_and_no_failure(ports: Ports, terraform: Any, aws: Any) -> None:
    arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
    aws.tagged = [arn]
    removal = down(ports, approve=yes, afresh=no)
    assert removal.leftovers.remainders == ((arn, "key pending deletion until 2026-12-01"),)


def test_a_terminated_instance_is_a_remainder_and_one_that_runs_a_failure(ports: Ports, aws: Any) -> None:
    aws.instances = {"i-1": "terminated", "i-2": "running"}
    ended, running = (f"arn:aws:ec2:eu-central-1:111122223333:instance/{one}" for one in aws.instances)
    aws.tagged = [ended]
    [(arn, why)] = down(ports, approve=yes, afresh=no).leftovers.remainders
    assert (arn, why.partition(";")[0]) == (ended, "terminated")
    aws.tagged = [ended, running]
    with pytest.raises(SomethingLeft) as raised:
        down(ports, approve=yes, afresh=no)
    assert (ended in raised.value.where, running in raised.value.where) == (False, True)


def test_on_aws_a_deleted_resource_that_is_still_listed_gets_time_to_vanish(ports: Ports, aws: Any) -> None:
    ports.environment = replace(ports.environment, target=Target.AWS)
    ports.bucket = StateBucket(ports.environment, aws)
    arn, answers = "arn:aws:sns:eu-central-1:111122223333:deleted", 3

    def listing(**filters: Any) -> list[str]:
        nonlocal answers
        answers -= 1
        return [arn] if answers > 0 else []

    aws.get_resources = listing
    assert down(ports, approve=yes, afresh=no).leftovers.forgotten == ()


def test_status_shows_who_holds_the_lock(ports: Ports, terraform: Any) -> None:
    up_with(ports, terraform, ("aws_vpc", "vpc-1"))
    lock = {"ID": "1", "Who": "ada@laptop", "Operation": "OperationTypeApply", "Created": "2026-11-21T11:59:00.5Z"}
    ports.bucket.write("local/terraform.tfstate.tflock", json.dumps(lock).encode())
    found = read_status(ports)
    assert found.phase == "busy"
    assert found.lock is not None
    assert (found.lock["who"], found.lock["state"]) == ("ada@laptop", "unknown")
