"""Who may sign in: passwords, and how long somebody who guesses must wait. No AWS here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# scrypt (RFC 7914) at OWASP's lowest recommendation ("Password Storage Cheat Sheet": N=2^14, r=8, p=5; 16 MiB).
# What a hash was made with stands in it; this is what an unknown user's sign-in costs, so that it takes as long.
NOBODY = f"scrypt$16384$8$5${base64.b64encode(bytes(16)).decode()}${base64.b64encode(bytes(32)).decode()}"
LARGEST_MEMORY_BYTES = 64 * 1024**2

# After this many wrong passwords in a row each further one doubles the wait, from 1 second to 5 minutes. More would let
# anybody lock somebody else out for long.
FREE_FAILURES = 5
LONGEST_WAIT_SECONDS = 300
# Without a wrong password for this long, all is forgotten.
FORGET_AFTER_SECONDS = 24 * 3600

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_HASH = re.compile(r"scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")


class BadRequest(ValueError):
    """The client asked for something that can't be. The message is for the client, and holds nothing that it sent."""


@dataclass(frozen=True)
class Credentials:
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"


def parse_credentials(body: object) -> Credentials:
    """Credentials from the JSON of a request.

    Raises:
        BadRequest: no user name, or no password of 1 to 256 characters.
    """
    fields = body if isinstance(body, dict) else {}
    username, password = fields.get("username"), fields.get("password")
    if not isinstance(username, str) or not _USERNAME.fullmatch(username):
        raise BadRequest("username must be 1 to 64 of a-z, 0-9, dot, hyphen, underscore and @")
    if not isinstance(password, str) or not 1 <= len(password) <= 256:
        raise BadRequest("password must have 1 to 256 characters")
    return Credentials(username, password)


def password_matches(password: str, stored: str | None) -> bool:
    """Whether the password is the one that was hashed; None (no such user) takes as long and is never right.

    A hash that can't be read, or would take more than 64 MiB, is never right either.
    """
    match = _HASH.fullmatch(stored or NOBODY)
    if not match:
        return False
    n, r, p = (int(number) for number in match.groups()[:3])
    try:
        salt, expected = (base64.b64decode(part, validate=True) for part in match.groups()[3:])
        made = hashlib.scrypt(
            password.encode(), salt=salt, n=n, r=r, p=p, maxmem=LARGEST_MEMORY_BYTES, dklen=len(expected)
        )
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(made, expected) and stored is not None


def wait_seconds(failures: Mapping[str, Any] | None, now: int) -> int:
    """How long (seconds) a user must wait before the next attempt; 0: not at all.

    Args:
        failures: `{"count": wrong passwords in a row, "last_at": epoch seconds of the last}`, or None.
    """
    over = int(failures["count"]) - FREE_FAILURES if failures else -1
    if failures is None or over < 0:
        return 0
    wait = LONGEST_WAIT_SECONDS if over > 8 else min(2**over, LONGEST_WAIT_SECONDS)
    return max(0, int(failures["last_at"]) + wait - now)
