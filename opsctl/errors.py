"""What went wrong, where, and what to do next: the base of every error that a user sees.

A feature raises a subclass close to where it happens; `opsctl.cli.main` alone turns it into a message and an exit code.
"""

from __future__ import annotations

from collections.abc import Iterable

from opsctl.exit_codes import ExitCode


class OpsctlError(Exception):
    """An error that a user can act on.

    Args:
        what: one sentence, what happened.
        where: file, line, resource or process that it happened at; may be empty.
        next: what to do next, usually a command; may be empty.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, what: str, *, where: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.next = what, where, next


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " Did you mean X?" for the known name nearest to a mistyped one; "" where none is near."""
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


class UsageError(OpsctlError):
    """The command line, the configuration or an input file is wrong."""

    exit_code = ExitCode.USAGE


class Refused(OpsctlError):
    """A guard, a gate or a person said no. Nothing was changed."""

    exit_code = ExitCode.REFUSED


class Locked(OpsctlError):
    """Somebody else is at work on the same environment."""

    exit_code = ExitCode.LOCKED


class Interrupted(OpsctlError):
    """A person or the system asked us to stop, and we did, in order."""

    exit_code = ExitCode.INTERRUPTED
