"""Plans that are saved, looked at by others, and applied only if they still mean the same; by the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping

import botocore.session
import pytest

from tests.e2e.project import Project
from tests.integration.github.conftest import REPOSITORY, TOKEN, FakeGitHub, github

__all__ = ["github"]

# Without the provider of AWS a plan takes a second; what is tested here is the same for any resource.
STACK = """
terraform {
  backend "s3" {}
}

variable "slow_seconds" {
  type    = number
  default = 0
}
variable "origin_secret" {
  type      = string
  sensitive = true
}

resource "terraform_data" "orders" {
  input = { size = 1, secret = var.origin_secret }
}
resource "terraform_data" "photos" {
  for_each = toset(["eu", "us"])
  input    = each.key
}
"""
ACCOUNT = "210987654321"


@pytest.fixture
def project(small: Project) -> Project:
    (small.root / "terraform/stack/main.tf").write_text(STACK)
    return small


def change(project: Project, old: str, new: str) -> None:
    main = project.root / "terraform/stack/main.tf"
    assert old in main.read_text()
    main.write_text(main.read_text().replace(old, new))


def test_a_saved_plan_is_applied_only_while_it_is_all_that_would_be_done(project: Project) -> None:
    project.opsctl("plan", "local", "--out", "my.tfplan")
    # terragrunt#486, #1708: nothing but --yes or a person agrees.
    says_yes = {
        "CI": "true",
        "TF_IN_AUTOMATION": "1",
        "TF_CLI_ARGS": "-auto-approve",
        "TF_CLI_ARGS_apply": "-auto-approve",
    }
    silent = project.opsctl("up", "local", "--plan", "my.tfplan", **says_yes, status=5)
    assert "there is no terminal to ask at" in silent.stderr
    change(project, "size = 1", "size = 2")
    changed = project.opsctl("up", "local", "--plan", "my.tfplan", "--yes", status=5)
    assert "terraform_data.orders: would be created otherwise (input)" in changed.stderr
    assert "photos" not in changed.stderr.split("error:")[1]
    assert project.json("status", "local")["phase"] == "absent"
    change(project, "size = 2", "size = 1")
    done = project.opsctl("up", "local", "--plan", "my.tfplan", "--yes", "--no-smoke")
    assert "it means the same" in done.stderr
    assert "3 created" in done.stdout
    again = project.opsctl("up", "local", "--plan", "my.tfplan", "--yes", status=5)
    assert "terraform_data.orders: would no longer be created" in again.stderr


def test_a_plan_is_told_on_its_pull_request_and_the_token_is_kept_nowhere(project: Project, github: FakeGitHub) -> None:
    github.comments[7] = []
    where = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": REPOSITORY}
    assert "GITHUB_TOKEN" in project.opsctl("plan", "local", "--comment", "github", **where, status=2).stderr
    told = project.opsctl("plan", "local", "--comment", "github", "--pr", "7", **where, GITHUB_TOKEN=TOKEN)
    [comment] = github.comments[7]
    assert comment["body"].startswith("<!-- opsctl plan local -->\n### opsctl plan: local\n\n**3 to create.**")
    assert comment["html_url"] in told.stderr
    assert TOKEN not in told.stdout + told.stderr
    for file in (project.root / ".opsctl").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


def test_a_file_that_is_no_plan_of_this_environment_is_refused_before_anything_runs(project: Project) -> None:
    made = project.opsctl("plan", "local", "--out", "my.tfplan", "--comment", "markdown")
    assert made.stdout.startswith("### opsctl plan: local")
    file, beside = project.root / "my.tfplan", project.root / "my.tfplan.json"
    whole, binding = file.read_bytes(), beside.read_text()
    foreign = json.dumps(json.loads(binding) | {"environment": "prod"})
    for content, says_it_is, word in (
        (whole[:-100], binding, "cut off"), (whole, "{}", "not what opsctl wrote"),
        (whole, "[", "not what opsctl wrote"), (whole, foreign, "made for environment prod, not for local"),
    ):  # fmt: skip
        file.write_bytes(content)
        beside.write_text(says_it_is)
        refused = project.opsctl("up", "local", "--plan", "my.tfplan", "--yes", status=5)
        assert word in refused.stderr
        assert "terraform plan" not in refused.stderr
    beside.unlink()
    assert "was not copied with it" in project.opsctl("up", "local", "--plan", "my.tfplan", "--yes", status=5).stderr
    assert "no plan nowhere" in project.opsctl("up", "local", "--plan", "nowhere", "--yes", status=5).stderr
    kept = (project.root / "opsctl.toml").read_text()
    assert "not a plan that opsctl saved" in project.opsctl("plan", "local", "--out", "opsctl.toml", status=2).stderr
    assert (project.root / "opsctl.toml").read_text() == kept


def people(endpoint: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Two people of IAM Identity Center, as environment variables: sessions that the emulator hands out."""

    def client(service: str) -> object:
        return botocore.session.Session().create_client(
            service, region_name="eu-central-1", endpoint_url=endpoint, aws_access_key_id=ACCOUNT,
            aws_secret_access_key="x",
        )  # fmt: skip

    role = "AWSReservedSSO_Developer_0123456789abcdef"
    client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")  # type: ignore[attr-defined]

    def session(name: str) -> Mapping[str, str]:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        keys = client("sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]  # type: ignore[attr-defined]
        return {
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"], "AWS_SESSION_TOKEN": keys["SessionToken"],
        }  # fmt: skip

    return session("ada@example.com"), session("ben@example.com")


def test_a_plan_that_needs_a_colleague_is_applied_once_after_the_colleague_approved_it(project: Project) -> None:
    """The path of a real account, against the emulator: target "aws", two people's own credentials."""
    toml = project.root / "opsctl.toml"
    asks = "[environments.dev.guards]\napprovals = { required = 1 }\n"
    toml.write_text(toml.read_text().replace("[environments.dev.guards]\n", asks))
    project.opsctl("local", "start")
    ada, ben = people(project.json("local", "status")["endpoint_url"])
    project.opsctl("bootstrap", "dev", "--yes", **ada)
    project.opsctl("plan", "dev", "--out", "my.tfplan", **ada)
    missing = project.opsctl("up", "dev", "--plan", "my.tfplan", "--yes", **ada, status=5)
    assert "dev asks for 1 approval by somebody else; this plan has none" in missing.stderr
    assert "opsctl approve dev" in missing.stderr
    own = project.opsctl("approve", "dev", "--plan", "my.tfplan", "--yes", **ada, status=5)
    assert "somebody else than who made the plan" in own.stderr
    approved = json.loads(
        project.opsctl("approve", "dev", "--plan", "my.tfplan", "--minutes", "5", "--yes", "--json", **ben).stdout
    )
    assert approved["approver"].endswith("/ben@example.com")
    assert approved["requester"].endswith("/ada@example.com")
    own = project.opsctl("up", "dev", "--plan", "my.tfplan", "--yes", "--no-smoke", **ben, status=5)
    assert "is the requester's own" in own.stderr
    assert "3 created" in project.opsctl("up", "dev", "--plan", "my.tfplan", "--yes", "--no-smoke", **ada).stdout
    assert "no changes" in project.opsctl("up", "dev", "--yes", **ada).stdout
