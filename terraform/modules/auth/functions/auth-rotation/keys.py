"""How signing keys follow each other. No AWS here.

    rotation          + publication          + publication + token + margin
       |  published, waits  |  signs …              (of the next key's signing)
       old key signs ───────┤ its tokens are still good ────────┤ gone

The document in the secret, oldest key first:
`{"keys": [{"jwk": {private JWK, RFC 7517}, "signs_from": epoch seconds, "ends": epoch seconds or null}]}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
# Clocks, and the authorizer's leeway.
MARGIN_SECONDS = 60


class NotPublished(Exception):
    """What would sign is not what others check with."""


def new_key() -> dict[str, Any]:
    """A private P-256 key as a JWK; its id is its thumbprint (RFC 7638)."""
    key = ECKey.generate_key("P-256", private=True)
    return {**key.as_dict(private=True), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM}


def rotated(
    document: Mapping[str, Any] | None,
    jwk: Mapping[str, Any],
    *,
    now: int,
    publication_seconds: int,
    token_seconds: int,
) -> dict[str, Any]:
    """The document with a new key. It is published now and signs once everybody can know it; the first one at once.

    The key before it signs until then, and ends when its last token has expired. It is left out of the first document
    that is made after that.
    """
    kept = [key for key in (document or {}).get("keys", []) if key["ends"] is None or key["ends"] > now]
    signs_from = now + publication_seconds if kept else now
    # Who signs may have read the secret up to a publication's time ago.
    ends = signs_from + publication_seconds + token_seconds + MARGIN_SECONDS
    before = [key if key["ends"] is not None else {**key, "ends": ends} for key in kept]
    return {"keys": [*before, {"jwk": dict(jwk), "signs_from": signs_from, "ends": None}]}


def public(document: Mapping[str, Any]) -> dict[str, Any]:
    """The key set that everybody may see (RFC 7517). A key that is followed by another has its end in `exp`."""
    return {"keys": [_public(entry) for entry in document["keys"]]}


def _public(entry: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: entry["jwk"][name] for name in ("kty", "crv", "x", "y", "kid", "use", "alg")}
    return shown if entry["ends"] is None else {**shown, "exp": entry["ends"]}


def prove(document: Mapping[str, Any], published: Mapping[str, Any]) -> None:
    """What each key signs can be checked with what is published.

    Raises:
        NotPublished
    """
    found = {key["kid"]: key for key in published["keys"]}
    for entry in document["keys"]:
        jwk = entry["jwk"]
        if jwk["kid"] not in found:
            raise NotPublished(jwk["kid"])
        signed = jwt.encode({"alg": ALGORITHM}, {"probe": True}, ECKey.import_key(jwk), algorithms=[ALGORITHM])
        try:
            jwt.decode(signed, ECKey.import_key(found[jwk["kid"]]), algorithms=[ALGORITHM])
        except JoseError:
            raise NotPublished(jwk["kid"]) from None
