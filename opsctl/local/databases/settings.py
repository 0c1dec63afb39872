"""A parameter group's settings as MariaDB's option file, and which of them take effect at once.

RDS knows MySQL's parameters, MariaDB its own: most names and values are alike. One that MariaDB doesn't know is handed
over all the same as `loose_<name>`, which it reports in its error log and ignores; a value that it can't take keeps it
from starting, which RDS calls `incompatible-parameters`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

LIKE_MYSQL_8_4 = {
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_0900_ai_ci",
    "sql_mode": "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
                "NO_ENGINE_SUBSTITUTION",
    "default_time_zone": "+00:00",
    "local_infile": "0",
}  # fmt: skip
"""MySQL 8.4 (its manual, "Server System Variables") where MariaDB 11.4 has other defaults, and RDS in UTC."""

SMALL = {
    "innodb_buffer_pool_size": "64M",
    "innodb_log_file_size": "16M",
    "innodb_log_buffer_size": "4M",
    "key_buffer_size": "1M",
    "aria_pagecache_buffer_size": "8M",
    "table_open_cache": "400",
    "performance_schema": "OFF",
}
"""For a machine that runs a whole environment: about 120 MB resident."""

OURS = {
    "innodb_flush_log_at_trx_commit": "1",
    "innodb_doublewrite": "ON",
    "skip_name_resolve": "ON",
    "slow_query_log_file": "slow.log",
    "general_log_file": "general.log",
    "socket": "server.sock",
    "pid_file": "server.pid",
}
"""What a parameter group can't change: where things lie, and that what was acknowledged is on disk. Relative to the
data folder: a unix socket's path may have 107 bytes at most."""

FORMULA = re.compile(r"[{}]")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}$")


def option_file(
    parameters: Mapping[str, str], *, data: Path, address: str, port: int,
    certificate: tuple[Path, Path] | None = None, base: Path | None = None, as_root: bool = False,
) -> str:  # fmt: skip
    """The whole option file of a server. The last of two equal options counts, so ours come last.

    Args:
        parameters: name → value, as a parameter group has them.
        address, port: where it listens.
        certificate: certificate chain and key (PEM); without one the server makes its own at each start.
        base: folder of the programs, when they are not installed.
    """
    place = {"datadir": str(data), "bind_address": address, "port": str(port)}
    if certificate:
        place |= {"ssl_cert": str(certificate[0]), "ssl_key": str(certificate[1])}
    if base:
        place |= {"basedir": str(base), "lc_messages_dir": str(base / "share"),
                  "character_sets_dir": str(base / "share" / "charsets")}  # fmt: skip
    if as_root:
        place["user"] = "root"
    taken, _ = usable(parameters)
    loose = {f"loose_{name}": value for name, value in taken.items()}
    lines = (f"{name} = {_quoted(value)}" for name, value in (LIKE_MYSQL_8_4 | SMALL | loose | OURS | place).items())
    return "[mariadbd]\n" + "\n".join(lines) + "\n"


def usable(parameters: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The parameters that can be handed on, and a sentence for each that can't."""
    taken, refused = {}, []
    for name, value in parameters.items():
        if not NAME.match(name):
            refused.append(f"parameter {name!r} is not applied: no server variable is called so")
        elif FORMULA.search(value):
            refused.append(f"parameter {name} is not applied: formulas such as {value} are not evaluated here")
        elif any(character in value for character in "\n\r\0"):
            refused.append(f"parameter {name} is not applied: its value has more than one line")
        elif name in OURS:
            refused.append(f"parameter {name} is not applied: it is the system's")
        else:
            taken[name] = value
    return taken, refused


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What of `after` is new or different, and the names that are not set any more."""
    return {name: value for name, value in after.items() if before.get(name) != value}, [
        name for name in before if name not in after
    ]


def literal(value: str) -> str:
    """A value as SQL for SET GLOBAL: numbers bare, all else as a string."""
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def of_group(parameters: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Name → value of the parameters that somebody set in a group."""
    return {
        each["ParameterName"]: str(each["ParameterValue"])
        for each in parameters
        if each.get("ParameterValue") is not None
    }


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
