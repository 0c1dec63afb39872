"""Tokens as auth-token signs them, keys as auth-rotation makes them, and what auth-authorizer makes of both."""

from __future__ import annotations

import base64
import hmac
import json
import string
from collections.abc import Callable
from hashlib import sha256
from types import ModuleType
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://t.example.com", "opsctl-t-api"
STAGE = "arn:aws:execute-api:eu-central-1:111122223333:abc123/v1"
ALL = ("photos:write", "orders:read", "orders:write", "approvals:write")


@pytest.fixture(scope="module")
def key(keys: ModuleType) -> dict[str, Any]:
    made: dict[str, Any] = keys.new_key()
    return made


@pytest.fixture(scope="module")
def sign(tokens: ModuleType, key: dict[str, Any]) -> Callable[..., str]:
    def sign(*, scopes: tuple[str, ...] = ALL, now: int = NOW, name: str = ISSUER, audience: str = AUDIENCE) -> str:
        issuer = tokens.Issuer(name, audience, 900)
        return str(tokens.issue(issuer, key, subject="ada", scopes=scopes, now=now, token_id="t-1"))

    return sign


@pytest.fixture(scope="module")
def check(access: ModuleType, keys: ModuleType, key: dict[str, Any]) -> Callable[..., Any]:
    published = {key["kid"]: keys.public(keys.rotated(None, key, now=NOW, publication_seconds=600, token_seconds=900))}

    def find(key_id: str) -> Any:
        return published[key_id]["keys"][0] if key_id in published else None

    def check(token: str, *, now: int = NOW, scheme: str = "Bearer ") -> Any:
        return access.check(scheme + token, find, issuer=ISSUER, audience=AUDIENCE, now=now)

    return check


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def forged(header: dict[str, Any], claims: dict[str, Any], signature: Callable[[bytes], bytes]) -> str:
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(signature(signed.encode()))}"


def test_a_token_says_who_for_whom_until_when_and_what_for(sign: Callable[..., str], check: Callable[..., Any]) -> None:
    token = sign(scopes=("photos:write", "orders:read"))
    assert claims_of(token) == {
        "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 900, "jti": "t-1",
        "scope": "orders:read photos:write",
    }  # fmt: skip
    bearer = check(token)
    assert (bearer.subject, bearer.scopes, bearer.expires_at) == ("ada", ("orders:read", "photos:write"), NOW + 900)


@settings(deadline=None)
@given(data=st.data())
def test_a_token_with_any_character_changed_is_refused(
    access: ModuleType, sign: Callable[..., str], check: Callable[..., Any], data: st.DataObject
) -> None:
    token = sign()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_.= \n"))
    assume(other != token[place])
    with pytest.raises(access.Refused):
        check(token[:place] + other + token[place + 1 :])


def test_a_signature_has_one_spelling(access: ModuleType, sign: Callable[..., str], check: Callable[..., Any]) -> None:
    """64 bytes end in a character of which 4 bits say nothing: decoders take 16 spellings for one."""
    token = sign()
    for last in set(string.ascii_letters + string.digits + "-_") - {token[-1]}:
        with pytest.raises(access.Refused):
            check(token[:-1] + last)


@settings(deadline=None)
@given(text=st.text(max_size=80))
def test_what_is_no_token_is_refused_and_nothing_else_happens(
    access: ModuleType, check: Callable[..., Any], text: str
) -> None:
    with pytest.raises(access.Refused):
        check(text)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS256", "ES384", ""])
def test_a_token_that_chooses_its_own_algorithm_is_refused(
    access: ModuleType, keys: ModuleType, key: dict[str, Any], sign: Callable[..., str], check: Callable[..., Any],
    algorithm: str,
) -> None:  # fmt: skip
    public = json.dumps(keys.public({"keys": [{"jwk": key, "ends": None}]})["keys"][0]).encode()
    token = forged(
        {"alg": algorithm, "typ": "JWT", "kid": key["kid"]},
        claims_of(sign()),
        lambda signed: hmac.digest(public, signed, sha256),
    )
    with pytest.raises(access.Refused, match="another algorithm"):
        check(token)


def test_a_token_without_a_signature_is_refused(
    access: ModuleType, key: dict[str, Any], sign: Callable[..., str], check: Callable[..., Any]
) -> None:
    token = sign()
    for unsigned in (token.rpartition(".")[0] + ".", forged({"alg": "none"}, claims_of(token), lambda _: b"")):
        with pytest.raises(access.Refused):
            check(unsigned)


def test_a_token_of_another_key_is_refused_though_it_names_ours(
    access: ModuleType, tokens: ModuleType, keys: ModuleType, key: dict[str, Any], check: Callable[..., Any]
) -> None:
    other = {**keys.new_key(), "kid": key["kid"]}
    token = tokens.issue(
        tokens.Issuer(ISSUER, AUDIENCE, 900), other, subject="ada", scopes=ALL, now=NOW, token_id="t-1"
    )
    with pytest.raises(access.Refused, match="BadSignatureError"):
        check(token)


def test_a_token_of_an_unknown_key_is_refused(
    access: ModuleType, tokens: ModuleType, keys: ModuleType, check: Callable[..., Any]
) -> None:
    token = tokens.issue(
        tokens.Issuer(ISSUER, AUDIENCE, 900), keys.new_key(), subject="ada", scopes=ALL, now=NOW, token_id="t-1"
    )
    with pytest.raises(access.Refused, match="unknown key"):
        check(token)


@pytest.mark.parametrize(
    ("settings", "at", "good"),
    [
        ({}, NOW + 900, True),
        ({}, NOW + 909, True),
        ({}, NOW + 911, False),
        ({}, NOW - 9, True),
        ({}, NOW - 11, False),
        ({"name": "https://evil.example.com"}, NOW, False),
        ({"audience": "another-api"}, NOW, False),
    ],
    ids=["last second", "within the leeway", "expired", "a clock behind", "from the future", "issuer", "audience"],
)
def test_a_token_is_good_for_its_time_its_issuer_and_its_audience(
    access: ModuleType, sign: Callable[..., str], check: Callable[..., Any],
    settings: dict[str, str], at: int, good: bool,
) -> None:  # fmt: skip
    token = sign(**settings)  # type: ignore[arg-type]
    if good:
        assert check(token, now=at).subject == "ada"
    else:
        with pytest.raises(access.Refused):
            check(token, now=at)


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "jti"])
def test_a_token_that_leaves_something_out_is_refused(
    access: ModuleType, tokens: ModuleType, key: dict[str, Any], sign: Callable[..., str], check: Callable[..., Any],
    claim: str,
) -> None:  # fmt: skip
    claims = {name: value for name, value in claims_of(sign()).items() if name != claim}
    token = tokens.jwt.encode({"alg": "ES256", "kid": key["kid"]}, claims, tokens.ECKey.import_key(key))
    with pytest.raises(access.Refused):
        check(token)


@pytest.mark.parametrize("scheme", ["", "Basic ", "bearer", "Bearer  "])
def test_another_scheme_is_refused(
    access: ModuleType, sign: Callable[..., str], check: Callable[..., Any], scheme: str
) -> None:
    with pytest.raises(access.Refused, match="no bearer token"):
        check(sign(), scheme=scheme)


def allowed(policy: dict[str, Any], method: str, path: str) -> bool:
    """What IAM would say, time aside: a star stands for any text, slashes too."""
    from fnmatch import fnmatchcase

    [statement] = policy["policyDocument"]["Statement"]
    resources = [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
    matches = any(fnmatchcase(f"{STAGE}/{method}{path}", resource) for resource in resources)
    return matches and statement["Effect"] == "Allow"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/photos", "photos:write"),
        ("POST", "/photos/presign", "photos:write"),
        ("GET", "/orders", "orders:read"),
        ("GET", "/orders/42", "orders:read"),
        ("HEAD", "/orders/42", "orders:read"),
        ("POST", "/orders", "orders:write"),
        ("PUT", "/orders/42", "orders:write"),
        ("PATCH", "/orders/42", "orders:write"),
        ("DELETE", "/orders/42", "orders:write"),
        ("POST", "/checkouts", "orders:write"),
        ("GET", "/checkouts/42", "orders:read"),
        ("POST", "/approvals/42", "approvals:write"),
        ("GET", "/approvals/42", None),
        ("DELETE", "/checkouts/42", None),
        ("DELETE", "/photos/42", None),
        ("POST", "/auth/token", None),
        ("POST", "/ordersmore", None),
    ],
)
def test_a_scope_opens_its_own_methods_and_no_other(
    access: ModuleType, method: str, path: str, scope: str | None
) -> None:
    for given_scope in ALL:
        bearer = access.Bearer("ada", (given_scope,), NOW + 900, "t-1")
        policy = access.policy(bearer, f"{STAGE}/GET/anything")
        assert allowed(policy, method, path) is (given_scope == scope)


@settings(deadline=None)
@given(
    scopes=st.lists(st.sampled_from([*ALL, "", "orders", "admin", "photos:*"]), max_size=6),
    first=st.tuples(st.sampled_from(["GET", "POST", "DELETE"]), st.sampled_from(["/orders", "/photos", "/orders/a/b"])),
    second=st.tuples(st.sampled_from(["GET", "PUT", "POST"]), st.sampled_from(["/orders/7", "/photos/presign", "/"])),
)
def test_a_policy_is_the_same_whichever_method_asked_for_it(
    access: ModuleType, scopes: list[str], first: tuple[str, str], second: tuple[str, str]
) -> None:
    bearer = access.Bearer("ada", tuple(scopes), NOW + 900, "t-1")
    one, other = (access.policy(bearer, f"{STAGE}/{method}{path}") for method, path in (first, second))
    assert one == other
    assert (one["policyDocument"]["Statement"][0]["Effect"] == "Allow") == bool(set(scopes) & set(ALL))
    assert one["context"] == {"sub": "ada", "scope": " ".join(scopes)}


def test_a_policy_ends_with_its_token_though_it_is_kept_for_longer(access: ModuleType) -> None:
    policy = access.policy(access.Bearer("ada", ALL, NOW + 900, "t-1"), f"{STAGE}/GET/orders")
    [statement] = policy["policyDocument"]["Statement"]
    assert statement["Condition"] == {"DateLessThan": {"aws:CurrentTime": "2027-01-15T08:15:10Z"}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_made_up_key_ids_cost_one_fetch_in_ten_seconds(published_keys: ModuleType) -> None:
    clock, fetches = Clock(), []

    def fetch() -> dict[str, Any]:
        fetches.append(clock.now)
        return {"keys": [{"kid": "old"}]}

    known = published_keys.PublishedKeys(fetch, clock)
    for number in range(100):
        clock.now = number / 10
        assert known.find(f"made-up-{number}") is None
        assert known.find("old")
    assert fetches == [0.0]
    clock.now = 10.0
    assert known.find("made-up") is None
    assert fetches == [0.0, 10.0]


def test_a_key_that_was_published_since_is_found(published_keys: ModuleType) -> None:
    clock, listed = Clock(), [{"kid": "old"}]
    known = published_keys.PublishedKeys(lambda: {"keys": list(listed)}, clock)
    assert known.find("old")
    listed.append({"kid": "new"})
    clock.now = 10.0
    assert known.find("new") == {"kid": "new"}


def test_a_key_is_not_found_after_its_end(published_keys: ModuleType) -> None:
    clock = Clock()
    known = published_keys.PublishedKeys(lambda: {"keys": [{"kid": "old", "exp": 100}]}, clock)
    assert known.find("old")
    clock.now = 100.0
    assert known.find("old") is None


def test_what_is_known_serves_while_nothing_can_be_fetched(published_keys: ModuleType) -> None:
    clock, broken = Clock(), [False]

    def fetch() -> dict[str, Any]:
        if broken[0]:
            raise OSError("away")
        return {"keys": [{"kid": "old"}]}

    known = published_keys.PublishedKeys(fetch, clock)
    broken[0] = True
    with pytest.raises(OSError, match="away"):
        known.find("old")
    broken[0] = False
    assert known.find("old")
    broken[0], clock.now = True, 301.0
    assert known.find("old")
