"""The payment provider, an HTTP API: POST /charges and /refunds, each with an Idempotency-Key.

Authorised by the API key in Secrets Manager or, where there is none, by the function's own role (SigV4), which a
sandbox behind a function URL asks for.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools.utilities import parameters
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

URL = os.environ["PAYMENT_PROVIDER_URL"].rstrip("/")
SECRET_ARN = os.environ.get("PAYMENT_PROVIDER_SECRET_ARN", "")
TIMEOUT_SECONDS = float(os.environ["PAYMENT_TIMEOUT_SECONDS"])

_session = boto3.Session()
# No retries here: each attempt is the breaker's business.
_http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2.0, read=TIMEOUT_SECONDS))


class Unavailable(Exception):
    """No answer, or one that says nothing about the payment: it may have been taken or not."""


@dataclass(frozen=True)
class Answer:
    """What the provider decided. `reason` is its own word for a refusal."""

    declined: bool
    charge_id: str = ""
    reason: str = ""


def charge(transaction_id: str, amount_cents: int, method: str, correlation_id: str) -> Answer:
    """Raises: Unavailable."""
    status, body = _post(
        "/charges", transaction_id, correlation_id,
        {"amount_cents": amount_cents, "method": method, "reference": transaction_id},
    )  # fmt: skip
    if status < 300:
        return Answer(declined=False, charge_id=str(body.get("charge_id", "")))
    return Answer(declined=True, reason=str(body.get("error", f"refused with {status}"))[:200])


def refund(transaction_id: str, correlation_id: str) -> Answer:
    """Raises: Unavailable, also when the provider refuses: what can't be given back is never settled."""
    status, body = _post("/refunds", f"refund-{transaction_id}", correlation_id, {"reference": transaction_id})
    if status >= 300:
        raise Unavailable(f"a refund was refused with {status}")
    return Answer(declined=False, reason=str(body.get("status", "")))


def _post(path: str, key: str, correlation_id: str, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    headers = {"content-type": "application/json", "idempotency-key": key, "x-correlation-id": correlation_id}
    body = json.dumps(document).encode()
    try:
        answer = _http.request("POST", URL + path, body=body, headers=_authorised(URL + path, headers, body))
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"no answer from the payment provider: {type(error).__name__}") from error
    if answer.status >= 500 or answer.status in (401, 403, 408, 409, 425, 429):
        raise Unavailable(f"the payment provider answered {answer.status}")
    try:
        found = json.loads(answer.data)
    except ValueError as error:
        raise Unavailable(f"the payment provider answered {answer.status} without JSON") from error
    return answer.status, found if isinstance(found, dict) else {}


def _authorised(url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    if SECRET_ARN:
        return headers | {"authorization": f"Bearer {parameters.get_secret(SECRET_ARN, max_age=300)}"}
    request = AWSRequest("POST", url, headers=headers, data=body)
    SigV4Auth(_session.get_credentials().get_frozen_credentials(), "lambda", _session.region_name).add_auth(request)
    return dict(request.headers.items())
