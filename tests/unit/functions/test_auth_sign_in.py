from __future__ import annotations

import base64
import hashlib
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.auth import hash_password

NOW = 1_800_000_000


@settings(max_examples=3, deadline=None)
@given(password=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_the_password_that_opsctl_keeps_is_the_one_that_opens(sign_in: ModuleType, password: str) -> None:
    kept = hash_password(password)
    assert sign_in.password_matches(password, kept)
    assert not sign_in.password_matches(password + "x", kept)


def test_nobody_costs_as_much_as_somebody_and_is_never_right(sign_in: ModuleType) -> None:
    assert hash_password("a").split("$")[:4] == sign_in.NOBODY.split("$")[:4]
    assert not sign_in.password_matches("a", None)


def test_nobody_has_no_password_even_if_it_were_known(sign_in: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "NOBODY", hash_password("a"))
    assert not sign_in.password_matches("a", None)


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "secret",
        "plain$secret",
        "scrypt$16384$8$5$AAAA",
        "scrypt$16383$8$5$AAAA$AAAA",
        "scrypt$16384$8$5$*$AAAA",
    ],
    ids=["empty", "plain", "another kind", "no hash", "no power of two", "no base64"],
)
def test_a_hash_that_can_not_be_used_opens_nothing(sign_in: ModuleType, kept: str) -> None:
    assert not sign_in.password_matches("secret", kept)


def test_a_hash_that_would_take_too_much_memory_opens_nothing_though_it_is_right(sign_in: ModuleType) -> None:
    """64 MiB and a little, which is more than the function has to give."""
    made = hashlib.scrypt(b"secret", salt=b"salt", n=65536, r=8, p=1, maxmem=2**27, dklen=32)
    salt, kept = (base64.b64encode(part).decode() for part in (b"salt", made))
    assert not sign_in.password_matches("secret", f"scrypt$65536$8$1${salt}${kept}")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (None, "username"),
        ([], "username"),
        ({"password": "x"}, "username"),
        ({"username": "", "password": "x"}, "username"),
        ({"username": "failures#ada", "password": "x"}, "username"),
        ({"username": "Ada", "password": "x"}, "username"),
        ({"username": "a" * 65, "password": "x"}, "username"),
        ({"username": ["ada"], "password": "x"}, "username"),
        ({"username": "ada"}, "password"),
        ({"username": "ada", "password": ""}, "password"),
        ({"username": "ada", "password": 5}, "password"),
        ({"username": "ada", "password": "x" * 257}, "password"),
    ],
)
def test_credentials_that_can_not_be_are_refused_by_name(sign_in: ModuleType, body: object, what: str) -> None:
    with pytest.raises(sign_in.BadRequest, match=what):
        sign_in.parse_credentials(body)


def test_a_password_is_in_no_text_about_its_credentials(sign_in: ModuleType) -> None:
    assert "opensesame" not in repr(sign_in.parse_credentials({"username": "ada", "password": "opensesame"}))


@pytest.mark.parametrize(
    ("count", "ago", "wait"),
    [(1, 0, 0), (4, 0, 0), (5, 0, 1), (6, 0, 2), (9, 0, 16), (9, 10, 6), (9, 16, 0), (13, 0, 256), (999, 0, 300)],
)
def test_who_guesses_waits_twice_as_long_each_time(sign_in: ModuleType, count: int, ago: int, wait: int) -> None:
    assert sign_in.wait_seconds({"count": count, "last_at": NOW - ago}, NOW) == wait


def test_who_never_failed_does_not_wait(sign_in: ModuleType) -> None:
    assert sign_in.wait_seconds(None, NOW) == 0
