"""Whether a token is good, and what it lets its bearer do. No AWS here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

# The one algorithm that we sign with. What a token says of itself chooses nothing: `none`, and HS256 with the public
# key as its secret, are not in this list (RFC 8725, sections 2.1 and 3.1).
ALGORITHMS = ["ES256"]
# The clocks of the functions that sign and check differ by less.
LEEWAY_SECONDS = 10
LONGEST_TOKEN = 4096

READ, WRITE = ("GET", "HEAD", "OPTIONS"), ("POST", "PUT", "PATCH", "DELETE")
# What each scope allows: methods and paths, a star standing for any text. Which method a path really has is for its
# backend to say (405), not for us.
ROUTES: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "photos:write": ((("POST",), ("/photos", "/photos/presign")),),
    "orders:read": ((READ, ("/orders", "/orders/*", "/checkouts/*")),),
    "orders:write": ((WRITE, ("/orders", "/orders/*", "/checkouts")),),
    "approvals:write": ((("POST",), ("/approvals/*",)),),
}

_BEARER = re.compile(r"Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")


class Refused(Exception):
    """The token is not good: 401. The message says why, for our logs, and holds nothing of the token."""


@dataclass(frozen=True)
class Bearer:
    """Whom a good token belongs to. `expires_at` is in epoch seconds."""

    subject: str
    scopes: tuple[str, ...]
    expires_at: int
    token_id: str


def check(
    authorization: str, find_key: Callable[[str], Mapping[str, Any] | None], *, issuer: str, audience: str, now: int
) -> Bearer:
    """Who bears this token.

    Args:
        authorization: the header's value, `Bearer <token>`.
        find_key: the published key (public JWK) of an id, None if there is none.
        now: epoch seconds.

    Raises:
        Refused
    """
    match = _BEARER.fullmatch(authorization)
    if not match or len(match[1]) > LONGEST_TOKEN:
        raise Refused("no bearer token")
    token = match[1]
    try:
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in ALGORITHMS:
            raise Refused("another algorithm")
        key = find_key(str(header.get("kid", "")))
        if key is None:
            raise Refused("unknown key")
        claims = jwt.decode(token, ECKey.import_key(dict(key)), algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            now=lambda: now, leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer}, aud={"essential": True, "value": audience},
            sub={"essential": True}, exp={"essential": True}, iat={"essential": True}, jti={"essential": True},
        ).validate(claims)  # fmt: skip
        return Bearer(
            str(claims["sub"]), tuple(str(claims.get("scope", "")).split()), int(claims["exp"]), str(claims["jti"])
        )
    except (JoseError, ValueError, TypeError) as error:
        raise Refused(type(error).__name__) from None


def policy(bearer: Bearer, method_arn: str) -> dict[str, Any]:
    """API Gateway's answer: everything that the scopes allow in this stage, until the token expires.

    API Gateway keeps it for other methods and paths too, by the token, for five minutes. So it may not depend on the
    method that was called, and it ends by itself: without the condition a token would live on in that cache.

    Args:
        method_arn: arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>
    """
    stage = "/".join(method_arn.split("/")[:2])
    allowed = [
        f"{stage}/{method}{path}"
        for scope in sorted(set(bearer.scopes) & ROUTES.keys())
        for methods, paths in ROUTES[scope]
        for method in methods
        for path in paths
    ]
    statement: dict[str, Any] = {"Action": "execute-api:Invoke"}
    if allowed:
        until = datetime.fromtimestamp(bearer.expires_at + LEEWAY_SECONDS, UTC)
        statement |= {
            "Effect": "Allow",
            "Resource": allowed,
            "Condition": {"DateLessThan": {"aws:CurrentTime": until.strftime("%Y-%m-%dT%H:%M:%SZ")}},
        }
    else:
        statement |= {"Effect": "Deny", "Resource": f"{stage}/*"}
    return {
        "principalId": bearer.subject,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"sub": bearer.subject, "scope": " ".join(bearer.scopes)},
    }
