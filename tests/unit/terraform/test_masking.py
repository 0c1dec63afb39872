"""Known secrets are masked however they are spelt."""

import base64
import json
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.terraform.masking import (
    MASK,
    Masker,
    secrets_in,
    secrets_in_state,
    secrets_in_variables_files,
    sensitive_variables,
)

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


def decided_by(secret: bytes, before: bytes, after: bytes) -> str:
    """The base64 characters of before + secret + after that hold bits of the secret alone."""
    first, last = -(-8 * len(before) // 6), 8 * (len(before) + len(secret)) // 6
    return base64.b64encode(before + secret + after).decode()[first:last]


@given(st.text(min_size=8), st.binary(max_size=9), st.binary(max_size=9))
def test_a_secret_is_masked_inside_something_larger_that_was_encoded(secret, before, after):
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    shown = decided_by(secret.encode(), before, after)
    for form in (encoded, encoded.translate(str.maketrans("+/", "-_"))):
        masked = Masker([secret])(f"a {form} z")
        assert shown not in masked
        assert MASK in masked


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=6))
def test_a_secret_in_json_within_json_is_masked(secret):
    nested = json.dumps({"body": json.dumps({"password": secret})})
    assert json.loads(Masker([secret])(nested)) == {"body": json.dumps({"password": MASK})} or secret in '{"password": '


def test_each_line_of_a_key_is_masked_alone():
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkq\n-----END PRIVATE KEY-----\n"
    assert Masker([key])("line 2: MIIEvgIBADANBgkq.") == f"line 2: {MASK}."


def test_a_masker_may_learn_more():
    mask = Masker(["first-secret"])
    mask.add(["second-secret"])
    assert mask("first-secret second-secret") == f"{MASK} {MASK}"


TFVARS = """
# pw = "commented-out"
region = "eu-central-1"
pw     = "a \\"quoted\\" secret"
pin    = 12345678
nested = {
  "user" = "lovelace", password: "nested-secret" /* pw = "x" */
  keys   = ["key-number-one", <<-EOT
    heredoc secret
    region = "within"
  EOT
  ]
}
zone = "after-nested"
"""


def test_values_of_sensitive_variables_are_found_in_variables_files(tmp_path):
    (tmp_path / "variables.tf").write_text(
        "".join(f'variable "{name}" {{\n  sensitive = true\n}}\n' for name in ("pw", "pin", "nested", "auto"))
        + 'variable "region" {}\nvariable "zone" {}\n'
    )
    (tmp_path / "x.auto.tfvars.json").write_text('{"auto": {"a": ["automatic-secret"]}, "zone": "not-secret"}')
    file = tmp_path / "local.tfvars"
    file.write_text(TFVARS)
    assert secrets_in_variables_files(tmp_path, [file, tmp_path / "missing.tfvars"]) == {
        'a "quoted" secret', "12345678", "lovelace", "nested-secret", "key-number-one",
        '    heredoc secret\n    region = "within"\n', "automatic-secret",
    }  # fmt: skip


def test_what_a_state_calls_sensitive_is_a_secret():
    state = {
        "version": 4,
        "outputs": {"key": {"value": ["output-secret"], "sensitive": True}, "url": {"value": "http://x"}},
        "resources": [
            {"instances": [{
                "attributes": {
                    "id": "db-1", "password": "attribute-secret",
                    "input": {"value": {"p": '{"inner": "json-secret"}'}, "type": ["object", {"p": "string"}]},
                    "list": [{"x": 1}, {"x": "listed-secret"}],
                },
                "sensitive_attributes": [
                    [{"type": "get_attr", "value": "password"}],
                    [{"type": "get_attr", "value": "input"}, {"type": "get_attr", "value": "p"}],
                    [{"type": "get_attr", "value": "list"},
                     {"type": "index", "value": {"value": 1, "type": "number"}}, {"type": "get_attr", "value": "x"}],
                    [{"type": "get_attr", "value": "gone"}, {"type": "get_attr", "value": "too"}],
                ],
            }]},
        ],
    }  # fmt: skip
    assert secrets_in_state(json.dumps(state)) == {
        "output-secret", "attribute-secret", '{"inner": "json-secret"}', "json-secret", "listed-secret"
    }  # fmt: skip
