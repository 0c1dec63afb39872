"""A token for a user, through an environment's edge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.smoke.edge import Edge


class SignInRefused(OpsctlError):
    """The edge gave no token. Neither password nor answer is in the message."""

    def __init__(self, username: str, status: int) -> None:
        reason = {401: "wrong user name or password", 429: "too many attempts: wait", 503: "no signing key yet"}
        super().__init__(
            f"{username} could not sign in: {reason.get(status, f'the answer was {status}')}.",
            where="POST /v1/auth/token",
        )
        self.status = status


def sign_in(edge: Edge, username: str, password: str) -> str:
    """A token (a secret), good for 15 minutes.

    Raises:
        SignInRefused
        EdgeUnreachable
    """
    answer = edge.request(
        "POST", "/v1/auth/token", headers={"Content-Type": "application/json"},
        body=json.dumps({"username": username, "password": password}).encode(),
    )  # fmt: skip
    document = answer.json()
    if answer.status != 200 or not isinstance(document, dict) or "access_token" not in document:
        raise SignInRefused(username, answer.status)
    return str(document["access_token"])
