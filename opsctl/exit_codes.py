"""The exit codes of every command, in one table."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status says. README.md prints this table; a test keeps the two alike."""

    DONE = 0, "done, nothing wrong"
    FAILED = 1, "failed"
    USAGE = 2, "wrong usage; with --detailed-exitcode: changes found (as Terraform)"
    FINDINGS = 3, "findings at or above the threshold (policy, IAM, coverage, lint)"
    SMOKE_FAILED = 4, "a smoke check failed"
    REFUSED = 5, "refused by a guard, a gate or a person"
    LOCKED = 6, "locked by somebody else"
    PARTIAL = 7, "answered in part: evidence is missing"
    INTERRUPTED = 130, "interrupted"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "ExitCode":
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member
