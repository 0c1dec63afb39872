"""Which key signs, and what a token says. No AWS here.

The secret's document, written by auth-rotation, oldest key first:
`{"keys": [{"jwk": {private JWK, RFC 7517}, "signs_from": epoch seconds, "ends": epoch seconds or null}]}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

ALGORITHM = "ES256"


class NoKey(Exception):
    """There is no key to sign with yet: the first rotation has not ended."""


@dataclass(frozen=True)
class Issuer:
    """Who issues tokens, for whom, and for how long (seconds)."""

    name: str
    audience: str
    lifetime_seconds: int


def signing_key(document: Mapping[str, Any] | None, now: int) -> dict[str, Any]:
    """The newest key whose time to sign has come, as a private JWK. A younger one is published, and waits.

    Raises:
        NoKey
    """
    ready = [key for key in (document or {}).get("keys", []) if key["signs_from"] <= now]
    if not ready:
        raise NoKey
    jwk: dict[str, Any] = ready[-1]["jwk"]
    return jwk


def issue(
    issuer: Issuer, jwk: Mapping[str, Any], *, subject: str, scopes: Sequence[str], now: int, token_id: str
) -> str:
    """A signed token (RFC 7519) for `subject`, valid from now on."""
    claims = {
        "iss": issuer.name,
        "sub": subject,
        "aud": issuer.audience,
        "iat": now,
        "exp": now + issuer.lifetime_seconds,
        "jti": token_id,
        "scope": scope_text(scopes),
    }
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": jwk["kid"]}
    return jwt.encode(header, claims, ECKey.import_key(dict(jwk)), algorithms=[ALGORITHM])


def scope_text(scopes: Sequence[str]) -> str:
    """Scopes as RFC 6749 section 3.3 writes them: sorted, with a space between."""
    return " ".join(sorted(scopes))


def still_valid(jwks: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The published key set (RFC 7517) without keys whose last token has expired."""
    return {"keys": [key for key in jwks.get("keys", []) if key.get("exp", now + 1) > now]}
