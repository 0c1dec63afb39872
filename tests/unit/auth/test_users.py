"""Users and sign-ins as opsctl sees them. The passwords themselves: tests/unit/functions/test_auth_sign_in.py."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.auth import SignInRefused, add_user, hash_password, new_password, sign_in
from opsctl.errors import UsageError
from opsctl.smoke.edge import Answer

PASSWORD = "correct horse battery"


class Nowhere:
    """A cloud that must not be called."""

    def call(self, *words: str, **parameters: Any) -> None:
        raise AssertionError(words)


@pytest.mark.parametrize("name", ["", "Ada", "a b", "failures#ada", "-ada", "a" * 65, "ada\n"])
def test_a_name_that_the_function_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="user name"):
        add_user(Nowhere(), "users", name, PASSWORD, ["orders:read"])  # type: ignore[arg-type]


@pytest.mark.parametrize("scopes", [[], ["orders"], ["orders:read", "admin"]])
def test_a_scope_that_nobody_knows_is_refused(scopes: list[str]) -> None:
    with pytest.raises(UsageError, match="Scopes must be"):
        add_user(Nowhere(), "users", "ada", PASSWORD, scopes)  # type: ignore[arg-type]


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 257])
def test_a_password_too_short_or_too_long_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(UsageError) as refused:
        add_user(Nowhere(), "users", "ada", password, ["orders:read"])  # type: ignore[arg-type]
    assert not password or password not in f"{refused.value} {refused.value.where} {refused.value.next}"


def test_no_two_users_have_the_same_salt_and_no_two_passwords_are_the_same() -> None:
    assert hash_password(PASSWORD) != hash_password(PASSWORD)
    assert len({new_password() for _ in range(20)}) == 20
    assert len(new_password()) >= 20


def edge(status: int, document: Any) -> Any:
    answer = Answer("POST", "/v1/auth/token", status, {}, json.dumps(document).encode(), 0.1)
    return SimpleNamespace(request=lambda *words, **settings: answer)


def test_a_sign_in_gives_the_token() -> None:
    assert sign_in(edge(200, {"access_token": "a.b.c"}), "ada", PASSWORD) == "a.b.c"


@pytest.mark.parametrize(
    ("status", "document", "why"),
    [
        (401, {"message": "no"}, "wrong user name or password"),
        (429, {"message": "no"}, "too many attempts"),
        (503, {}, "no signing key yet"),
        (200, "<html>", "the answer was 200"),
        (200, {}, "the answer was 200"),
    ],
)
def test_a_sign_in_that_gives_none_says_why_without_the_password(status: int, document: Any, why: str) -> None:
    with pytest.raises(SignInRefused, match=why) as refused:
        sign_in(edge(status, document), "ada", PASSWORD)
    assert refused.value.status == status
    assert PASSWORD not in f"{refused.value} {refused.value.where} {refused.value.next}"
