"""How keys follow each other: what auth-rotation writes, auth-token signs with and shows, hour by hour."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = 1_800_000_000
PUBLICATION, TOKEN = 600, 900
JWK = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d", "use": "sig", "alg": "ES256"}


def rotated(keys: ModuleType, document: dict[str, Any] | None, name: str, now: int) -> dict[str, Any]:
    made: dict[str, Any] = keys.rotated(
        document, JWK | {"kid": name}, now=now, publication_seconds=PUBLICATION, token_seconds=TOKEN
    )
    return made


def published(keys: ModuleType, tokens: ModuleType, document: dict[str, Any], now: int) -> list[str]:
    return [key["kid"] for key in tokens.still_valid(keys.public(document), now)["keys"]]


def test_the_first_key_signs_at_once(keys: ModuleType, tokens: ModuleType) -> None:
    assert tokens.signing_key(rotated(keys, None, "a", NOW), NOW)["kid"] == "a"


@pytest.mark.parametrize("document", [None, {"keys": []}])
def test_nothing_signs_before_there_is_a_key(tokens: ModuleType, document: dict[str, Any] | None) -> None:
    with pytest.raises(tokens.NoKey):
        tokens.signing_key(document, NOW)


def test_a_new_key_is_published_before_it_signs_and_the_old_one_outlives_its_last_token(
    keys: ModuleType, tokens: ModuleType
) -> None:
    document = rotated(keys, rotated(keys, None, "a", NOW), "b", later := NOW + 86400)
    assert published(keys, tokens, document, later) == ["a", "b"]
    assert tokens.signing_key(document, later + PUBLICATION - 1)["kid"] == "a"
    assert tokens.signing_key(document, later + PUBLICATION)["kid"] == "b"
    last_token_ends = later + PUBLICATION + PUBLICATION // 10 + TOKEN
    assert published(keys, tokens, document, last_token_ends + 10) == ["a", "b"]
    assert published(keys, tokens, document, last_token_ends + PUBLICATION + keys.MARGIN_SECONDS) == ["b"]


def test_a_key_whose_time_is_over_is_left_out_of_the_next_document(keys: ModuleType) -> None:
    document = rotated(keys, rotated(keys, None, "a", NOW), "b", NOW + 86400)
    document = rotated(keys, document, "c", NOW + 2 * 86400)
    assert [entry["jwk"]["kid"] for entry in document["keys"]] == ["b", "c"]


def test_nothing_private_is_published(keys: ModuleType) -> None:
    document = keys.rotated(None, keys.new_key(), now=NOW, publication_seconds=PUBLICATION, token_seconds=TOKEN)
    [shown] = keys.public(document)["keys"]
    assert set(shown) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert "d" in document["keys"][0]["jwk"]


@settings(deadline=None)
@given(pauses=st.lists(st.integers(0, 3 * (PUBLICATION + TOKEN)), min_size=1, max_size=6), after=st.integers(0, 5000))
def test_whenever_a_token_is_signed_its_key_is_published_until_it_expires(
    keys: ModuleType, tokens: ModuleType, pauses: list[int], after: int
) -> None:
    """However often somebody rotates: also when it is signed with a document read a tenth of the publication ago."""
    now, document, history = NOW, rotated(keys, None, "0", NOW), []
    history.append((now, document))
    for number, pause in enumerate(pauses, start=1):
        now += pause
        document = rotated(keys, document, str(number), now)
        history.append((now, document))
    signed_at = now + after
    read_at = signed_at - PUBLICATION // 10
    read = [known for since, known in history if since <= read_at][-1:] or [history[0][1]]
    key = tokens.signing_key(read[0], signed_at)["kid"]
    for moment in (signed_at, signed_at + TOKEN):
        assert key in published(keys, tokens, document, moment)


def test_keys_that_were_not_published_are_noticed(keys: ModuleType) -> None:
    settings = {"publication_seconds": PUBLICATION, "token_seconds": TOKEN}
    first = keys.rotated(None, keys.new_key(), now=NOW, **settings)
    second = keys.rotated(first, keys.new_key(), now=NOW, **settings)
    keys.prove(second, keys.public(second))
    with pytest.raises(keys.NotPublished):
        keys.prove(second, keys.public(first))
    swapped = keys.public(second)
    swapped["keys"][0]["kid"], swapped["keys"][1]["kid"] = swapped["keys"][1]["kid"], swapped["keys"][0]["kid"]
    with pytest.raises(keys.NotPublished):
        keys.prove(second, swapped)
