"""What an instance shall run, read out of its user data.

The text is the one that terraform/modules/service renders (user_data.sh.tftpl) and a bash of AWS runs: the local cloud
does not run it, it reads four things out of it. So its shape is a contract, and what is missing is an error that names
the line.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from opsctl.errors import OpsctlError

ARTIFACT = re.compile(r"^ARTIFACT_SHA256=(['\"]?)([^'\"\s]*)\1[ \t]*$", re.MULTILINE)
ENVIRONMENT = re.compile(r"^cat > /etc/service/environment <<(['\"]?)(\w+)\1\n(.*?)^\2$", re.MULTILINE | re.DOTALL)
SOURCE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(\S*?)\$\{?ARTIFACT_SHA256\}?([\w.]*)")
COMMAND = re.compile(r"^ExecStart=(\S*java)((?:[ \t]+\S+)*?)[ \t]+-jar[ \t]+\S+[ \t]*$", re.MULTILINE)
DIGEST = re.compile(r"[0-9a-f]{64}")


class LaunchDataUnclear(OpsctlError):
    """The user data names an artifact, and something that belongs to it is missing or wrong."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The instance's user data {what}.",
            next="Compare it with terraform/modules/service/user_data.sh.tftpl, whose shape the local cloud reads.",
        )


@dataclass(frozen=True)
class LaunchData:
    """An artifact and how to run it.

    Attributes:
        sha256: of the artifact, in hexadecimal.
        bucket, key: where it lies.
        environment: the content of /etc/service/environment.
        java_options: what stands before -jar.
    """

    sha256: str
    bucket: str
    key: str
    environment: tuple[tuple[str, str], ...]
    java_options: tuple[str, ...]


def launch_data(user_data: str) -> LaunchData | None:
    """Read user data; None when it names no artifact (an instance of another kind: nothing runs for it).

    Raises:
        LaunchDataUnclear: it names an artifact without a place, an environment or a command.
    """
    named = ARTIFACT.search(user_data)
    if named is None:
        return None
    environment = ENVIRONMENT.search(user_data)
    if environment is None:
        raise LaunchDataUnclear("writes no /etc/service/environment")
    variables = tuple(_variable(line) for line in environment[3].splitlines() if line.strip())
    if not DIGEST.fullmatch(named[2]):
        raise LaunchDataUnclear(
            f"says ARTIFACT_SHA256={named[2]!r}, which is no SHA-256 digest (64 hexadecimal digits)"
        )
    source, command = SOURCE.search(user_data), COMMAND.search(user_data)
    if source is None:
        raise LaunchDataUnclear("fetches no s3://BUCKET/….$ARTIFACT_SHA256…")
    if command is None:
        raise LaunchDataUnclear("has no line ExecStart=…java … -jar FILE")
    try:
        options = tuple(shlex.split(command[2]))
    except ValueError as error:
        raise LaunchDataUnclear(f"has java options that can't be read ({error})") from error
    return LaunchData(named[2], source[1], f"{source[2]}{named[2]}{source[3]}", variables, options)


def _variable(line: str) -> tuple[str, str]:
    """One line of an EnvironmentFile: NAME=value, in quotes or not (systemd.exec(5))."""
    name, equals, value = line.strip().partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise LaunchDataUnclear(f"has an environment line that is not NAME=value: {name[:40]!r}")
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return name, value
