"""Text transformations: AWS's examples and wording, and what holds of any bytes."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.waf.transformations import TRANSFORMATIONS, transform

EXAMPLES = [
    ("BASE64_DECODE", b"YmFk", b"bad"),
    ("BASE64_DECODE", b"YmFk!YmFk", b"bad"),
    ("BASE64_DECODE_EXT", b"Y.m F\nk", b"bad"),
    ("CMD_LINE", b'c^m"d  /C  , dir;(x', b"cmd/c dir(x"),
    ("COMPRESS_WHITE_SPACE", b"a \t\n\xa0 b", b"a b"),
    ("CSS_DECODE", b"ja\\vascript", b"javascript"),
    ("CSS_DECODE", b"\\000061lert", b"alert"),
    ("ESCAPE_SEQ_DECODE", b"\\x41\\102\\n", b"AB\n"),
    ("HEX_DECODE", b"626164", b"bad"),
    ("HTML_ENTITY_DECODE", b"&lt;a&gt; &quot;&nbsp;&#x41;&#66;", b'<a> "\xa0AB'),
    ("JS_DECODE", b"\\u0061l\\x65rt\\'", b"alert'"),
    ("JS_DECODE", b"\\uff1cscript", b"<script"),
    ("LOWERCASE", b"BaD", b"bad"),
    ("MD5", b"bad", hashlib.md5(b"bad").digest()),
    ("NORMALIZE_PATH", b"/a/./b//../c", b"/a/c"),
    ("NORMALIZE_PATH_WIN", b"\\a\\..\\b", b"/b"),
    ("REMOVE_NULLS", b"b\0ad", b"bad"),
    ("REPLACE_COMMENTS", b"1/*x*/OR/*y", b"1 OR "),
    ("REPLACE_NULLS", b"b\0ad", b"b ad"),
    ("SQL_HEX_DECODE", b"0x414243 x", b"ABC x"),
    ("URL_DECODE", b"a%20b+c%zz", b"a b c%zz"),
    ("URL_DECODE_UNI", b"%u003cscript%3e", b"<script>"),
    ("UTF8_TO_UNICODE", "é<".encode(), b"%u00e9<"),
    ("UPPERCASE", b"bad", b"BAD"),
    ("TRIM", b" bad\n", b"bad"),
]


@pytest.mark.parametrize(("name", "given_text", "expected"), EXAMPLES)
def test_a_transformation_does_what_aws_says(name: str, given_text: bytes, expected: bytes) -> None:
    assert transform(given_text, (name,)) == expected


@pytest.mark.parametrize("name", TRANSFORMATIONS)
@given(text=st.binary(max_size=200))
def test_any_bytes_can_be_transformed(name: str, text: bytes) -> None:
    assert isinstance(transform(text, (name,)), bytes)


@given(text=st.binary(max_size=200))
def test_what_was_encoded_is_decoded(text: bytes) -> None:
    assert transform(base64.b64encode(text), ("BASE64_DECODE",)) == text
    assert transform(text.hex().encode(), ("HEX_DECODE",)) == text
    assert transform(quote_from_bytes(text).encode(), ("URL_DECODE",)) == text
    assert transform(quote_from_bytes(text).encode(), ("URL_DECODE_UNI",)) == text
    assert transform(b"".join(b"&#%d;" % byte for byte in text), ("HTML_ENTITY_DECODE",)) == text
    assert transform(b"".join(b"\\x%02x" % byte for byte in text), ("JS_DECODE",)) == text


@given(path=st.lists(st.sampled_from(["a", "b", "..", ".", ""]), max_size=8).map(lambda parts: "/" + "/".join(parts)))
def test_a_normalized_path_has_nothing_left_to_normalize(path: str) -> None:
    once = transform(path.encode(), ("NORMALIZE_PATH",))
    assert transform(once, ("NORMALIZE_PATH",)) == once
    assert b".." not in once.split(b"/")
    assert b"//" not in once
