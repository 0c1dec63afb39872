"""What makes the service's database user: SQL, and nothing of AWS.

On AWS the user signs in with an IAM token (RDS's own authentication plugin). Where there is no such plugin, as in the
local cloud's MariaDB, it has a password instead, kept in Secrets Manager.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"
"""The service migrates its own schema when it starts, and touches no other."""
PASSWORD_BYTES = 24

Statement = tuple[str, tuple[str, ...]]
"""SQL with %s for each value, and the values."""


class BadRequest(ValueError):
    """The event asks for what can't be done."""


@dataclass(frozen=True)
class Wanted:
    """The user to have. `authentication` is iam or password."""

    user: str
    schema: str
    authentication: str


def parse(event: Mapping[str, object]) -> Wanted:
    """Raises: BadRequest."""
    for field in ("user", "schema"):
        if not isinstance(value := event.get(field), str) or not NAME.fullmatch(value):
            raise BadRequest(f"{field} must be lower-case letters, digits and underscores, and start with a letter")
    if event.get("authentication") not in ("iam", "password"):
        raise BadRequest("authentication must be iam or password")
    return Wanted(str(event["user"]), str(event["schema"]), str(event["authentication"]))


def statements(wanted: Wanted, password: str | None) -> list[Statement]:
    """What makes the user as it should be, whether it is there or not. Run twice it changes nothing.

    Args:
        password: for authentication by password; None for IAM.
    """
    if (password is None) != (wanted.authentication == "iam"):
        raise BadRequest("a password is for authentication by password, and only for it")
    how, values = ("WITH AWSAuthenticationPlugin AS 'RDS'", ()) if password is None else ("BY %s", (password,))
    return [
        (f"CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED {how}", (wanted.user, *values)),
        (f"ALTER USER %s@'%%' IDENTIFIED {how} REQUIRE SSL", (wanted.user, *values)),
        # In GRANT an underscore stands for any character.
        (f"GRANT {PRIVILEGES} ON `{wanted.schema.replace('_', chr(92) + '_')}`.* TO %s@'%%'", (wanted.user,)),
    ]


def new_password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)
