"""What can go wrong between us and AWS, in words that a user can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from opsctl.aws.access import Access
from opsctl.errors import OpsctlError, Refused


class AwsError(OpsctlError):
    """A call to AWS failed.

    Attributes:
        code: AWS's own error code, or the name of botocore's exception.
    """

    code = ""


class CredentialsMissing(AwsError):
    """No credentials were found, or AWS doesn't know them."""


class CredentialsExpired(AwsError):
    """The credentials were good once."""


class AccessDenied(AwsError):
    """The credentials don't allow it. `action` and `resource` are empty when AWS does not name them."""

    action = resource = ""


class NotFound(AwsError):
    """What was asked for is not there."""


class Conflict(AwsError):
    """A condition on the write did not hold: somebody else was first (S3: If-Match; Lambda: RevisionId)."""


class Throttled(AwsError):
    """AWS kept on refusing for the rate of calls, through all retries."""


class CloudUnreachable(AwsError):
    """No answer from the endpoint, through all retries."""


class WrongAccount(Refused):
    """The credentials belong to another account than the environment's."""

    def __init__(self, actual: str, expected: str) -> None:
        super().__init__(
            f"The credentials belong to account {actual}; this environment lives in {expected}.",
            where="account_id in opsctl.toml",
            next="Choose the right profile (AWS_PROFILE=…), or correct account_id if the environment has moved.",
        )


MISSING = {
    "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoAuthTokenError",
    "InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException", "SignatureDoesNotMatch",
    "InvalidSignatureException", "AuthFailure", "MissingAuthenticationToken",
}  # fmt: skip
EXPIRED = {
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "UnauthorizedSSOTokenError",
    "SSOTokenLoadError", "TokenRetrievalError", "CredentialRetrievalError", "LoginRefreshRequired",
}  # fmt: skip
DENIED = {
    "AccessDenied", "AccessDeniedException", "AccessDeniedFault", "UnauthorizedOperation", "AuthorizationError",
    "NotAuthorized", "NotAuthorizedException", "UnauthorizedException", "403", "Forbidden",
}  # fmt: skip
# botocore.retries.standard.ThrottledRetryableChecker lists the same codes.
THROTTLED = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded",
    "BandwidthLimitExceeded", "LimitExceededException", "RequestThrottled", "SlowDown", "PriorRequestNotComplete",
    "EC2ThrottledException", "429",
}  # fmt: skip
CONFLICT = {
    "PreconditionFailed", "ConditionalRequestConflict", "ConditionalCheckFailedException", "412",
    "PreconditionFailedException",
}  # fmt: skip
NOT_FOUND = re.compile(r"^(404|NoSuch\w+|.*NotFound(Exception|Fault)?(\.\w+)?|.*NonExistentQueue|.*DoesNotExist)$")
UNREACHABLE = {
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "ConnectionError",
    "ProxyConnectionError", "SSLError", "HTTPClientError", "ResponseStreamingError",
}  # fmt: skip
# A denied call names both: "User: arn:… is not authorized to perform: s3:GetObject on resource: arn:… because …".
NOT_AUTHORIZED = re.compile(
    r"not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: \"?(?P<resource>[^\s\"]+))?"
)


def from_response(response: Mapping[str, Any], place: str) -> AwsError:
    """Our error for a service's error response (`ClientError.response`)."""
    code = str(response.get("Error", {}).get("Code", "Unknown"))
    message = str(response.get("Error", {}).get("Message") or code)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return _named(_kind(code, status), code, message, place)


def from_exception(error: Exception, place: str, access: Access) -> AwsError:
    """Our error for one of botocore's own exceptions (no answer, no credentials, a wrong parameter)."""
    code = type(error).__name__
    if code in UNREACHABLE:
        unreachable = CloudUnreachable(
            f"{access.endpoint_url or 'AWS'} does not answer.",
            where=f"{place}: {error}",
            next="opsctl local start" if access.is_local else "Check the network and the proxy settings.",
        )  # fmt: skip
        unreachable.code = code
        return unreachable
    return _named(_kind(code, None), code, str(error), place)


def _kind(code: str, status: int | None) -> type[AwsError]:
    if code in MISSING:
        return CredentialsMissing
    if code in EXPIRED:
        return CredentialsExpired
    if code in THROTTLED or status == 429:
        return Throttled
    if code in CONFLICT:
        return Conflict
    if NOT_FOUND.match(code) or status == 404:
        return NotFound
    return AccessDenied if code in DENIED else AwsError


def _named(kind: type[AwsError], code: str, message: str, place: str) -> AwsError:
    error: AwsError
    if kind is CredentialsMissing:
        error = kind(
            f"No AWS credentials that work: {message}", where=place,
            next="Log in (aws sso login, or set AWS_PROFILE), then run the command again.",
        )  # fmt: skip
    elif kind is CredentialsExpired:
        error = kind(f"The AWS credentials have expired: {message}", where=place,
                     next="Log in again (aws sso login), then run the command again.")  # fmt: skip
    elif kind is AccessDenied:
        error = _denied(message, place)
    elif kind is Throttled:
        error = kind(f"AWS limits the rate of calls: {message}", where=place, next="Wait a minute and try again.")
    elif kind is NotFound:
        error = kind(f"Not found: {message}", where=place)
    else:
        error = kind(f"AWS refused the call ({code}): {message}", where=place)
    error.code = code
    return error


def _denied(message: str, place: str) -> AccessDenied:
    found = NOT_AUTHORIZED.search(message)
    action, resource = (found["action"], (found["resource"] or "").rstrip(".,")) if found else ("", "")
    error = AccessDenied(
        f"AWS denies {action}{f' on {resource}' if resource else ''}." if action else f"AWS denies access: {message}",
        where=f"{place}: {message}",
        next=f"Ask for {action or 'that permission'}, or use another profile (AWS_PROFILE=…).",
    )
    error.action, error.resource = action, resource
    return error
