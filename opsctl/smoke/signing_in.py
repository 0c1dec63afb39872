"""Tokens and keys as a smoke test sees them: what is let in, and each thing that is refused, on its own."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from opsctl.auth import add_user, remove_user
from opsctl.smoke import guards
from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.edge import Answer
from opsctl.smoke.visitor import TOO_MANY, Visitor

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

ORDERS = "/v1/orders?limit=1"
LONG_AGO_SECONDS = 60
"""A token that ended this long ago is refused: the authorizer allows clocks to differ by 10 s."""
P256_BYTES = 32


def no_token(trial: Trial) -> Mapping[str, Any]:
    good = trial.get(ORDERS)
    expect(good.status == 200, f"a good token: {good}")
    answer = trial.get(ORDERS, token="")
    expect_unauthorized("no token", answer)
    expect(answer.headers.get("www-authenticate"), "401 came without WWW-Authenticate")
    return {"status": answer.status}


def expired_token(trial: Trial) -> Mapping[str, Any]:
    """Two tokens that differ in nothing but their time, signed with the environment's own key."""
    entry = _signing_key(trial)
    now = int(time.time())
    good, expired = (
        sign(trial, entry["jwk"], seconds_left=seconds) for seconds in (LONG_AGO_SECONDS, -LONG_AGO_SECONDS)
    )
    control = trial.get(ORDERS, token=good)
    expect(control.status == 200, f"a token that is still good: {control}")
    expect_unauthorized("an expired token", trial.get(ORDERS, token=expired))
    return {"expired_at": now - LONG_AGO_SECONDS}


def forged_token(trial: Trial) -> Mapping[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import ec

    token = trial.visitor.token
    key_id = _decoded(token, 0)["kid"]
    forged = {
        "a changed signature": guards.changed(token),
        "alg none": guards.unsigned(token),
        "somebody else's signature": _signed(
            ec.generate_private_key(ec.SECP256R1()), {"alg": "ES256", "kid": key_id}, _decoded(token, 1)
        ),
    }
    expect(trial.get(ORDERS, token=token).status == 200, "a good token was refused")
    for name, bad in forged.items():
        expect_unauthorized(name, trial.get(ORDERS, token=bad))
    return {"refused": sorted(forged)}


def missing_scope(trial: Trial) -> Mapping[str, Any]:
    reader = Visitor(trial.target, trial.edge, ("orders:read",))
    trial.afterwards("a second user", reader.leave)
    allowed = trial.get(ORDERS, token=reader.token)
    expect(allowed.status == 200, f"a reader may not read: {allowed}")
    answer = trial.request("POST", "/v1/orders", body=b"{}", content_type="application/json", token=reader.token)
    expect(answer.status == 403, f"a token without the scope: {answer}")
    return {"status": answer.status}


def sign_in(trial: Trial) -> Mapping[str, Any]:
    """A wrong password, and the keys by which everybody can check a token that a right one got."""
    table, name = trial.target.output("auth.users_table"), f"smoke-{trial.id}"
    trial.afterwards(f"user {name}", partial(remove_user, trial.aws, table, name))
    add_user(trial.aws, table, name, secrets.token_urlsafe(24), ("orders:read",))
    body = json.dumps({"username": name, "password": secrets.token_urlsafe(24)}).encode()

    def knock() -> Answer | None:
        answer = trial.request("POST", "/v1/auth/token", body=body, content_type="application/json", token="")
        return None if answer.status == TOO_MANY else answer

    expect_unauthorized("a wrong password", trial.until("our turn to sign in", knock))
    key_id = _decoded(trial.visitor.token, 0)["kid"]
    published = trial.get("/v1/auth/jwks", token="", api_key="")
    expect(published.status == 200, str(published))
    keys = (published.json() or {}).get("keys", [])
    expect(key_id in [key.get("kid") for key in keys], "the key that signs tokens is not among the published ones")
    expect(not any("d" in key for key in keys), "a published key has its private part")
    return {"published_keys": len(keys)}


def api_key(trial: Trial) -> Mapping[str, Any]:
    good = trial.get(ORDERS)
    expect(good.status == 200, f"the environment's own API key: {good}")
    for name, key in {"no API key": "", "a wrong API key": "0" * 40}.items():
        answer = trial.get(ORDERS, api_key=key)
        expect(answer.status == 403, f"{name}: {answer}")
    return {"refused": ["no API key", "a wrong API key"]}


def usage_plan(trial: Trial) -> Mapping[str, Any]:
    """What the plan says, not what it does: to see it act takes more requests than its rate."""
    target, aws = trial.target, trial.aws
    plan = aws.call("apigateway", "get_usage_plan", usagePlanId=target.output("api.usage_plan_id"))
    stage = {"apiId": target.output("api.id"), "stage": target.output("api.stage")}
    expect(
        stage in [{name: of.get(name) for name in stage} for of in plan.get("apiStages", [])],
        f"{plan['name']} is not for the stage {stage['stage']}",
    )
    keys = aws.pages("apigateway", "get_usage_plan_keys", "items[].id", usagePlanId=plan["id"])
    expect(target.output("api.api_key_id") in list(keys), f"the environment's API key is not in {plan['name']}")
    settings = aws.call("apigateway", "get_stage", restApiId=stage["apiId"], stageName=stage["stage"])["methodSettings"]
    limit, whole = plan.get("throttle") or {}, settings["*/*"]
    for name, most in (("rateLimit", whole["throttlingRateLimit"]), ("burstLimit", whole["throttlingBurstLimit"])):
        expect(0 < limit.get(name, 0) <= most, f"{plan['name']} has the {name} {limit.get(name)}; the stage has {most}")
    expect((plan.get("quota") or {}).get("limit"), f"{plan['name']} has no quota")
    return {"throttle": limit, "quota": plan["quota"]}


def expect_unauthorized(name: str, answer: Answer) -> None:
    """401, nothing else."""
    expect(answer.status == 401, f"{name}: {answer}")


def sign(trial: Trial, jwk: Mapping[str, Any], *, seconds_left: int) -> str:
    """A token as auth-token makes them (a secret), for reading orders.

    Args:
        jwk: a private P-256 key (RFC 7518, section 6.2).
        seconds_left: until it expires; negative: since it did.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    said, now = trial.target.output("auth.token"), int(time.time())
    claims = {
        "iss": said["issuer"], "aud": said["audience"], "sub": f"smoke-{trial.id}", "jti": secrets.token_hex(8),
        "iat": now + min(0, seconds_left) - said["seconds"], "exp": now + seconds_left, "scope": "orders:read",
    }  # fmt: skip
    private = ec.derive_private_key(int.from_bytes(_bytes(jwk["d"])), ec.SECP256R1())
    return _signed(private, {"alg": "ES256", "kid": jwk["kid"]}, claims)


def _signing_key(trial: Trial) -> dict[str, Any]:
    """The key that signs now (a secret)."""
    secret = trial.target.output("auth.signing_keys_secret")
    document = json.loads(trial.aws.call("secretsmanager", "get_secret_value", SecretId=secret)["SecretString"])
    signing = [entry for entry in document["keys"] if entry["signs_from"] <= time.time()]
    if not signing:
        raise CheckFailed(f"{secret} holds no key that signs")
    found: dict[str, Any] = signing[-1]
    return found


def _signed(key: EllipticCurvePrivateKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A JWT under ES256: r and s of 32 bytes each (RFC 7518, section 3.4)."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    signed = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"{signed}.{_text(r.to_bytes(P256_BYTES) + s.to_bytes(P256_BYTES))}"


def _decoded(token: str, part: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_bytes(token.split(".")[part]))
    return found


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
