"""Keeping known secrets out of what is delivered: plain, base64 and URL-encoded."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path

MASK = "(masked)"
SHORTEST = 6
"""A shorter value can't be told from an ordinary word."""

SECRET_NAMES = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PRIVATE_KEY|CREDENTIAL", re.IGNORECASE)
NOT_SECRET = re.compile(r"(_FILE|_PATH|_URI|_URL|_FULL_URI|_SIZE|_TTL)$")


class Masker:
    """Replaces every known secret in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in spellings(secret)}
        words = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


def spellings(secret: str) -> set[str]:
    """A secret as it may turn up: as it is, as a JSON string has it, in base64 (both alphabets), URL-encoded."""
    raw = secret.encode()
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    json_form = secret.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    # HTML-significant characters are what Go's JSON encoder escapes on top.
    go_form = json_form.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return {
        secret, json_form, go_form, json.dumps(secret)[1:-1],
        urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret),
        *encoded, *(form.rstrip("=") for form in encoded),
    }  # fmt: skip


def secrets_in(environment: Mapping[str, str], stack: Path) -> set[str]:
    """Values of TF_VAR_* that `stack` declares sensitive, and of variables whose names say that they are secret."""
    sensitive = {f"TF_VAR_{name}" for name in sensitive_variables(stack)}
    return {
        value
        for name, value in environment.items()
        if name in sensitive or (SECRET_NAMES.search(name) and not NOT_SECRET.search(name))
    }


def sensitive_variables(stack: Path) -> set[str]:
    """Names of the root module's variables with `sensitive = true`."""
    block = re.compile(r'^variable\s+"(\w+)"\s*\{(.*?)^\}', re.MULTILINE | re.DOTALL)
    return {
        name
        for file in stack.glob("*.tf")
        for name, body in block.findall(file.read_text(encoding="utf-8", errors="replace"))
        if re.search(r"^\s*sensitive\s*=\s*true\b", body, re.MULTILINE)
    }
