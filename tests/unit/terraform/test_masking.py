"""Known secrets are masked however they are spelt."""

import base64
import json
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.terraform.masking import MASK, Masker, secrets_in, sensitive_variables

SECRET = 'p"ss & <word>\\\n+/='


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET, json.dumps(SECRET)[1:-1], base64.b64encode(SECRET.encode()).decode(), urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=""), urllib.parse.quote_plus(SECRET),
        json.dumps(SECRET)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
    ],
    ids=["plain", "json", "base64", "url path", "url", "form", "go json"],
)  # fmt: skip
def test_a_secret_is_masked_in_every_spelling(spelling):
    assert Masker([SECRET])(f"a {spelling} z") == f"a {MASK} z"


@given(st.text(min_size=6), st.text(), st.text())
def test_no_secret_is_left_whatever_stands_around_it(secret, before, after):
    masked = Masker([secret])(before + secret + after)
    assert secret not in masked.replace(MASK, "\0") or secret in MASK


def test_short_values_are_left_alone_and_nothing_known_changes_nothing():
    assert Masker(["local"])("a local file") == "a local file"
    assert Masker([])("text") == "text"


def test_sensitive_variables_and_names_that_say_so_are_secrets(tmp_path):
    (tmp_path / "variables.tf").write_text(
        'variable "origin_secret" {\n  type      = string\n  sensitive = true\n}\n'
        'variable "region" {\n  description = "not sensitive = true"\n}\n'
    )
    environment = {
        "TF_VAR_origin_secret": "a", "TF_VAR_region": "b", "AWS_SECRET_ACCESS_KEY": "c", "AWS_SESSION_TOKEN": "d",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "e", "HOME": "f", "DB_PASSWORD": "g",
    }  # fmt: skip
    assert sensitive_variables(tmp_path) == {"origin_secret"}
    assert secrets_in(environment, tmp_path) == {"a", "c", "d", "g"}
    assert secrets_in({}, Path("/nonexistent")) == set()
