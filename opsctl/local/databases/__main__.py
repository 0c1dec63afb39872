"""`python -m opsctl.local.databases FOLDER`: a throw-away MariaDB for another program's tests (Maven's).

Prints one line of JSON (jdbc_url, user, password, authority_file) once it answers, and ends with its own stdin.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from opsctl.local.databases.server import throw_away


def main() -> None:
    with throw_away(Path(sys.argv[1]).resolve()) as database:
        told = {
            "jdbc_url": database.jdbc_url,
            "user": database.login.user,
            "password": database.login.password,
            "authority_file": str(database.authority_file),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
