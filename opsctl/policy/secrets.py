"""Secrets where they don't belong: in environment variables, user data, arguments. Values are never repeated."""

from __future__ import annotations

import re
from typing import Any

from opsctl.builds.archives import secrets_in
from opsctl.hcl import Unknown, is_symbolic, symbols_in

WORDS = r"passw(?:or)?d|passwd|pwd|secret|api_?key|private_?key|access_?key|auth_?token|token|credentials?|passphrase"
SOUNDS_SECRET = re.compile(rf"(?:^|[_.\-])(?:{WORDS})(?:_?value)?$", re.IGNORECASE)
"""The name's last word decides: DB_PASSWORD is one, PASSWORD_PARAMETER, TOKEN_TTL_SECONDS, SECRET_ARN aren't."""
SECRET_REFERENCE = re.compile(
    r"(?:random_password\.[^⟧]+\.(?:result|bcrypt_hash)|aws_secretsmanager_secret_version\.[^⟧]+\.secret_(?:string|binary)"
    r"|aws_iam_access_key\.[^⟧]+\.secret|aws_db_instance\.[^⟧]+\.password|aws_rds_cluster\.[^⟧]+\.master_password"
    r"|tls_private_key\.[^⟧]+\.private_key_\w+)"
)
"""Attributes of the AWS, random and TLS providers that are secrets."""
A_PLACE = re.compile(r"^(?:arn:|/|alias/|https?://|s3://|\{\{resolve:|\$|`|ssm:|secretsmanager:)|^[\w./-]*/[\w./-]*$")
"""Where a secret is kept, not the secret."""


def secret_in(name: str, value: Any) -> str:
    """What kind of secret a named value is ("a literal secret"); "" for none and for what can't be told."""
    text = str(value) if isinstance(value, Unknown) else value
    if not isinstance(text, str) or not text:
        return ""
    if found := next(secrets_in("", text.encode()), None):
        return f"a {found.kind}" if found.kind[0] not in "AEIOU" else f"an {found.kind}"
    references = symbols_in(text)
    if any(SECRET_REFERENCE.search(reference) for reference in references):
        return "a secret"
    if not SOUNDS_SECRET.search(name):
        return ""
    if references:
        return "a secret" if any(SOUNDS_SECRET.search(reference.split("[")[0]) for reference in references) else ""
    literal = not is_symbolic(text) and not A_PLACE.search(text) and len(text) >= 4 and not text.isdigit()
    return "a literal secret" if literal and text.lower() not in ("true", "false", "none", "null") else ""
