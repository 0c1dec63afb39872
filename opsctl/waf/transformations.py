"""AWS WAF's text transformations: bytes to bytes.

Source: AWS WAF developer guide, "Using text transformations in AWS WAF", which describes most of them as ModSecurity's
of the same name; where AWS leaves a detail open, ModSecurity's reference manual (v3, "Transformation functions")
settles it. What AWS names and describes nowhere is not in the table, and is reported as not enforced.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

NBSP = b"\xa0"
_NAMED_ENTITIES = {b"quot": b'"', b"nbsp": NBSP, b"lt": b"<", b"gt": b">", b"amp": b"&", b"apos": b"'"}
_ENTITY = re.compile(rb"&(?:#[xX]([0-9a-fA-F]{1,7})|#([0-9]{1,8})|(" + b"|".join(_NAMED_ENTITIES) + rb"));?")
_COMMENT = re.compile(rb"/\*.*?(?:\*/|\Z)", re.DOTALL)
_HEX_LITERAL = re.compile(rb"0[xX]((?:[0-9a-fA-F]{2})+)")
_SIMPLE_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b"\\": b"\\", b"?": b"?", b"'": b"'", b'"': b'"',
}  # fmt: skip
_ANSI_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|([abfnrtv\\?'\"]))")
_JS_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_CSS_ESCAPE = re.compile(rb"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(\n)|(.))", re.DOTALL)
_BASE64_OTHER = re.compile(rb"[^A-Za-z0-9+/]")
_UNICODE_URL = re.compile(rb"%[uU]([0-9a-fA-F]{4})")
_SPACES = re.compile(rb" +")
_WHITE = b" \t\n\r\f\v"


def _low_byte(code: int) -> bytes:
    """ModSecurity keeps the low byte, and turns full-width ASCII (ff01-ff5e) into ASCII."""
    if 0xFF01 <= code <= 0xFF5E:
        return bytes([(code & 0xFF) + 0x20])
    return bytes([code & 0xFF])


def _text(code: int) -> bytes:
    if code < 0x100:
        return bytes([code])
    return chr(code).encode("utf-8", "replace") if code <= 0x10FFFF else b"?"


def base64_decode(value: bytes) -> bytes:
    """Decodes up to the first character that is not Base64's."""
    return _base64(_BASE64_OTHER.split(value, maxsplit=1)[0])


def base64_decode_ext(value: bytes) -> bytes:
    """Forgiving: leaves out what is not Base64's."""
    return _base64(_BASE64_OTHER.sub(b"", value))


def _base64(value: bytes) -> bytes:
    whole = value if len(value) % 4 != 1 else value[:-1]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def cmd_line(value: bytes) -> bytes:
    value = re.sub(rb"[\\\"'^]", b"", value)
    value = re.sub(rb"[\s,;]+", b" ", value)
    return re.sub(rb" +([/(])", rb"\1", value).lower()


def compress_white_space(value: bytes) -> bytes:
    return _SPACES.sub(b" ", re.sub(rb"[\f\t\n\r\v\xa0]", b" ", value))


def css_decode(value: bytes) -> bytes:
    def decoded(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return _low_byte(int(match[1][-4:], 16))
        return b"" if match[2] else match[3]

    return _CSS_ESCAPE.sub(decoded, value)


def escape_seq_decode(value: bytes) -> bytes:
    def decoded(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 16)])
        return bytes([int(match[2], 8) & 0xFF]) if match[2] else _SIMPLE_ESCAPES[match[3]]

    return _ANSI_ESCAPE.sub(decoded, value)


def hex_decode(value: bytes) -> bytes:
    """Pairs of hexadecimal digits, up to the first that is none."""
    digits = re.match(rb"(?:[0-9a-fA-F]{2})*", value)
    return bytes.fromhex(digits[0].decode()) if digits else b""


def html_entity_decode(value: bytes) -> bytes:
    def decoded(match: re.Match[bytes]) -> bytes:
        if match[3]:
            return _NAMED_ENTITIES[match[3]]
        return _text(int(match[1], 16) if match[1] else int(match[2]))

    return _ENTITY.sub(decoded, value) if b"&" in value else value


def js_decode(value: bytes) -> bytes:
    def decoded(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return _low_byte(int(match[1], 16))
        if match[2]:
            return bytes([int(match[2], 16)])
        if match[3]:
            return bytes([int(match[3], 8) & 0xFF])
        return _SIMPLE_ESCAPES.get(match[4], match[4])

    return _JS_ESCAPE.sub(decoded, value) if b"\\" in value else value


def normalize_path(value: bytes) -> bytes:
    """Takes out repeated slashes, `.`, and each `..` with the folder before it."""
    parts: list[bytes] = []
    for part in value.split(b"/"):
        if part == b".." and parts and parts[-1] not in (b"..", b""):
            parts.pop()
        elif part not in (b"", b".") and not (part == b".." and value.startswith(b"/") and not parts):
            parts.append(part)
    joined = b"/".join(parts)
    start = b"/" if value.startswith(b"/") else b""
    end = b"/" if parts and value.endswith((b"/", b"/.", b"/..")) else b""
    return start + joined + end


def remove_comments_char(value: bytes) -> bytes:
    return re.sub(rb"/\*|\*/|--|#", b"", value)


def replace_comments(value: bytes) -> bytes:
    return _COMMENT.sub(b" ", value) if b"/*" in value else value


def sql_hex_decode(value: bytes) -> bytes:
    return _HEX_LITERAL.sub(lambda match: bytes.fromhex(match[1].decode()), value)


def url_decode(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


def url_decode_uni(value: bytes) -> bytes:
    value = _UNICODE_URL.sub(lambda match: b"%%%02X" % _low_byte(int(match[1], 16))[0], value)
    return url_decode(value)


def utf8_to_unicode(value: bytes) -> bytes:
    """Characters of more than one byte become %uXXXX; what is not UTF-8 stays."""

    def written(character: str) -> bytes:
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
            return bytes([code - 0xDC00])
        return bytes([code]) if code < 0x80 else b"%%u%04x" % code

    return b"".join(map(written, value.decode("utf-8", "surrogateescape")))


TRANSFORMATIONS: dict[str, Callable[[bytes], bytes]] = {
    "NONE": lambda value: value,
    "BASE64_DECODE": base64_decode,
    "BASE64_DECODE_EXT": base64_decode_ext,
    "CMD_LINE": cmd_line,
    "COMPRESS_WHITE_SPACE": compress_white_space,
    "CSS_DECODE": css_decode,
    "ESCAPE_SEQ_DECODE": escape_seq_decode,
    "HEX_DECODE": hex_decode,
    "HTML_ENTITY_DECODE": html_entity_decode,
    "JS_DECODE": js_decode,
    "LOWERCASE": bytes.lower,
    "MD5": lambda value: hashlib.md5(value, usedforsecurity=False).digest(),
    "NORMALIZE_PATH": normalize_path,
    "NORMALIZE_PATH_WIN": lambda value: normalize_path(value.replace(b"\\", b"/")),
    "REMOVE_COMMENTS_CHAR": remove_comments_char,
    "REMOVE_NULLS": lambda value: value.replace(b"\0", b""),
    "REMOVE_WHITESPACE": lambda value: value.translate(None, _WHITE),
    "REPLACE_COMMENTS": replace_comments,
    "REPLACE_NULLS": lambda value: value.replace(b"\0", b" "),
    "SQL_HEX_DECODE": sql_hex_decode,
    "TRIM": lambda value: value.strip(_WHITE),
    "TRIM_LEFT": lambda value: value.lstrip(_WHITE),
    "TRIM_RIGHT": lambda value: value.rstrip(_WHITE),
    "UPPERCASE": bytes.upper,
    "URL_DECODE": url_decode,
    "URL_DECODE_UNI": url_decode_uni,
    "UTF8_TO_UNICODE": utf8_to_unicode,
}


def transform(value: bytes, names: tuple[str, ...]) -> bytes:
    """Apply transformations in order. KeyError: a name that is not in the table (the parser reports it before)."""
    for name in names:
        value = TRANSFORMATIONS[name](value)
    return value
