"""What Terraform says when it fails and what we make of it; the texts are Terraform's and the AWS provider's own."""

from pathlib import Path

import pytest

from opsctl.aws import CloudUnreachable, CredentialsExpired, CredentialsMissing
from opsctl.exit_codes import ExitCode
from opsctl.files import DiskFull
from opsctl.terraform.events import Diagnostic
from opsctl.terraform.failures import (
    ConfigurationInvalid,
    Failure,
    PlanStale,
    ProviderUnavailable,
    StateLocked,
    TerraformFailed,
    explain,
)

LOCKED = """Error message: operation error S3: PutObject, https response error StatusCode: 412, api error \
PreconditionFailed: At least one of the pre-conditions you specified did not hold
Lock Info:
  ID:        c9b1f8a2-0d4e-1111-2222-333344445555
  Path:      opsctl-state/local/terraform.tfstate
  Operation: OperationTypeApply
  Who:       eve@desk
  Version:   1.11.4
  Created:   2026-11-21 10:03:04.123456789 +0000 UTC
  Info:


Terraform acquires a state lock to protect the state from being written
by multiple users at the same time."""


def failure(summary, detail="", *, command="apply", file="", line=0, tail="", more=()):
    first = (Diagnostic(f"Error: {summary}", "error", summary, detail, file=file, line=line),) if summary else ()
    return Failure(command, Path("/stack"), Path("/work/logs/x.log"), first + tuple(more), tail)


@pytest.mark.parametrize(
    ("summary", "detail", "kind"),
    [
        ("Error acquiring the state lock", LOCKED, StateLocked),
        ("Saved plan is stale", "The given plan file can no longer be applied.", PlanStale),
        ("Failed to write plan file", "write /x: no space left on device", DiskFull),
        ("No valid credential sources found", "Please see https://…", CredentialsMissing),
        ("Retrieving AWS account details", "api error InvalidClientTokenId: Invalid token.", CredentialsMissing),
        ("reading S3 Bucket", "api error ExpiredToken: The provided token has expired.", CredentialsExpired),
        ("creating SQS Queue", 'dial tcp 127.0.0.1:4566: connect: connection refused', CloudUnreachable),
        ("Failed to query available provider packages", "Could not retrieve the list of available versions for "
         "provider hashicorp/aws: could not connect to the registry", ProviderUnavailable),
        ("Inconsistent dependency lock file", "provider: no version", ProviderUnavailable),
        ("creating SQS Queue (x)", "api error QueueDeletedRecently", TerraformFailed),
    ],
)  # fmt: skip
def test_every_known_cause_has_its_own_error_with_a_next_step(summary, detail, kind):
    error = explain(failure(summary, detail))
    assert type(error) is kind
    assert error.next


def test_a_held_lock_says_who_since_when_and_for_what():
    error = explain(failure("Error acquiring the state lock", LOCKED))
    assert (error.id, error.who, error.operation) == ("c9b1f8a2-0d4e-1111-2222-333344445555", "eve@desk", "apply")
    assert error.what == "The state is locked by eve@desk since 2026-11-21 10:03:04 UTC (apply)."
    assert error.exit_code == ExitCode.LOCKED


def test_wrong_code_is_a_usage_error_with_file_and_line():
    error = explain(
        failure("Unsupported argument", "An argument named x\nis not expected.", command="plan", file="a.tf", line=3)
    )
    assert isinstance(error, ConfigurationInvalid)
    assert error.where == "/stack/a.tf:3"
    assert error.what == "Unsupported argument: An argument named x is not expected."


def test_a_failed_resource_during_apply_is_not_called_wrong_code():
    error = explain(failure("creating SQS Queue", "no", command="apply", file="a.tf", line=3))
    assert isinstance(error, TerraformFailed)
    assert error.where == "/stack/a.tf:3"


def test_one_error_is_told_and_the_others_are_counted():
    second = Diagnostic("Error: b", "error", "b")
    assert explain(failure("a", more=[second])).what.endswith("(and 1 more)")


def test_a_crash_without_diagnostics_shows_its_last_words_and_the_log():
    error = explain(failure("", tail="panic: runtime error: nil pointer"))
    assert "panic: runtime error" in error.what
    assert error.where == "/work/logs/x.log"


def test_a_cloud_that_is_gone_is_told_apart_from_a_network_that_is():
    def refused(host):
        return explain(failure("x", f"dial tcp {host}: connect: connection refused"))

    assert "local cloud is gone" in refused("127.0.0.1:4566").what
    assert "local cloud" not in refused("52.1.2.3:443").what
