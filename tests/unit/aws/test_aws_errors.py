"""What AWS says, in words that a user can act on."""

import subprocess
import sys

import pytest

from opsctl.aws import (
    Access,
    AccessDenied,
    AwsError,
    CloudUnreachable,
    CredentialsExpired,
    CredentialsMissing,
    Identity,
    NotFound,
    Throttled,
    WrongAccount,
    check_account,
)
from opsctl.aws.errors import from_exception, from_response
from opsctl.exit_codes import ExitCode

AWS = Access("eu-central-1", "111122223333")
LOCAL = Access("eu-central-1", "111122223333", "http://127.0.0.1:4566")


def response(code, message="", status=400):
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ExpiredToken", 400, CredentialsExpired),
        ("ExpiredTokenException", 400, CredentialsExpired),
        ("InvalidClientTokenId", 403, CredentialsMissing),
        ("UnrecognizedClientException", 400, CredentialsMissing),
        ("AccessDenied", 403, AccessDenied),
        ("UnauthorizedOperation", 403, AccessDenied),
        ("403", 403, AccessDenied),
        ("Throttling", 400, Throttled),
        ("TooManyRequestsException", 429, Throttled),
        ("SlowDown", 503, Throttled),
        ("ResourceNotFoundException", 400, NotFound),
        ("NoSuchKey", 404, NotFound),
        ("404", 404, NotFound),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, NotFound),
        ("InvalidVpcID.NotFound", 400, NotFound),
        ("DBInstanceNotFoundFault", 404, NotFound),
        ("NotFoundException", 404, NotFound),
    ],
)
def test_each_answer_of_aws_has_its_own_error(code, status, kind):
    error = from_response(response(code, "what AWS says", status), "s3.get_object in eu-central-1")
    assert type(error) is kind
    assert error.code == code
    assert error.where.startswith("s3.get_object in eu-central-1")


def test_an_answer_that_nobody_foresaw_keeps_its_code_and_message():
    error = from_response(response("ValidationError", "1 is too small"), "rds.create_db_instance in eu-central-1")
    assert type(error) is AwsError
    assert error.what == "AWS refused the call (ValidationError): 1 is too small"


def test_a_denial_names_the_action_and_the_resource():
    message = (
        "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: s3:GetObject on resource: "
        '"arn:aws:s3:::photos/a.jpg" because no identity-based policy allows the s3:GetObject action'
    )
    error = from_response(response("AccessDenied", message, 403), "s3.get_object in eu-central-1")
    assert isinstance(error, AccessDenied)
    assert (error.action, error.resource) == ("s3:GetObject", "arn:aws:s3:::photos/a.jpg")
    assert error.what == "AWS denies s3:GetObject on arn:aws:s3:::photos/a.jpg."
    assert "s3:GetObject" in error.next


def test_a_denial_that_names_nothing_says_what_aws_said():
    error = from_response(response("403", "Forbidden", 403), "s3.head_object in eu-central-1")
    assert error.what == "AWS denies access: Forbidden"


class EndpointConnectionError(Exception):
    """Named as botocore's, which is how it is told."""


def test_a_local_cloud_that_does_not_answer_is_to_be_started():
    error = from_exception(EndpointConnectionError("refused"), "s3.list_buckets in eu-central-1", LOCAL)
    assert isinstance(error, CloudUnreachable)
    assert error.what == "http://127.0.0.1:4566 does not answer."
    assert error.next == "opsctl local start"


def test_aws_that_does_not_answer_is_a_matter_of_the_network():
    error = from_exception(EndpointConnectionError("refused"), "s3.list_buckets in eu-central-1", AWS)
    assert isinstance(error, CloudUnreachable)
    assert "network" in error.next


def test_credentials_of_another_account_are_refused():
    with pytest.raises(WrongAccount) as caught:
        check_account(Identity("999999999999", "arn", "id"), "111122223333")
    assert "999999999999" in caught.value.what
    assert "111122223333" in caught.value.what
    assert caught.value.exit_code is ExitCode.REFUSED


def test_credentials_of_the_right_account_pass():
    check_account(Identity("111122223333", "arn", "id"), "111122223333")


def test_importing_our_aws_package_does_not_import_boto3_or_botocore():
    program = (
        "import sys, opsctl.aws, opsctl.smoke; print([n for n in sys.modules if n in {'boto3','botocore','urllib3'}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
