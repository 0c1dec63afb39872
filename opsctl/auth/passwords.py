"""Passwords as modules/auth keeps them: `scrypt$N$r$p$<base64 salt>$<base64 hash>`, RFC 7914."""

from __future__ import annotations

import base64
import hashlib
import secrets

# OWASP's lowest recommendation ("Password Storage Cheat Sheet": N=2^14, r=8, p=5), 16 MiB.
N, R, P = 16384, 8, 5
MEMORY_BYTES = 64 * 1024**2


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """What is kept instead of a password.

    Args:
        salt: 16 random bytes, unless a test gives its own.
    """
    salt = secrets.token_bytes(16) if salt is None else salt
    made = hashlib.scrypt(password.encode(), salt=salt, n=N, r=R, p=P, maxmem=MEMORY_BYTES, dklen=32)
    return f"scrypt${N}${R}${P}${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"


def new_password() -> str:
    """A random password of 120 bits, safe in URLs and shells."""
    return secrets.token_urlsafe(15)
