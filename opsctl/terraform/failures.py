"""What Terraform's diagnostics mean to a person: our errors, with where and what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from opsctl.aws.errors import CloudUnreachable, CredentialsExpired, CredentialsMissing
from opsctl.errors import Locked, OpsctlError, Refused, UsageError
from opsctl.files import DiskFull
from opsctl.terraform.configuration import LOCK_FILE
from opsctl.terraform.events import Diagnostic


@dataclass(frozen=True)
class Failure:
    """A Terraform command that failed.

    Attributes:
        command: such as "plan".
        diagnostics: its errors, in order; may be empty (a panic, a kill).
        tail: last lines of its output, for those who said nothing better.
        log: its whole output.
    """

    command: str
    stack: Path
    log: Path
    diagnostics: tuple[Diagnostic, ...]
    tail: str = ""
    status: int = 1

    @property
    def text(self) -> str:
        return "\n".join(f"{d.summary}\n{d.detail}" for d in self.diagnostics) or self.tail

    def where(self, diagnostic: Diagnostic | None = None) -> str:
        """file:line of the (first) error, absolute, so that it can be opened; else the log."""
        shown = diagnostic or next((d for d in self.diagnostics if d.file), None)
        if shown is None or not shown.file:
            return (shown.address if shown else "") or str(self.log)
        file = Path(shown.file)
        place = f"{file if file.is_absolute() else (self.stack / file).resolve()}:{shown.line}"
        return f"{shown.address} ({place})" if shown.address else place


class TerraformFailed(OpsctlError):
    """A command of Terraform failed, for a reason that is not known by a class of its own.

    Attributes:
        diagnostics: everything it said.
    """

    def __init__(self, failure: Failure, next: str = "") -> None:
        first = failure.diagnostics[0] if failure.diagnostics else None
        what = f"{first.summary.rstrip('.')}. {_one_line(first.detail)}".strip() if first else _one_line(failure.tail)
        more = len(failure.diagnostics) - 1
        super().__init__(
            f"terraform {failure.command} failed: {what or f'it ended with status {failure.status}'}"
            + (f" (and {more} more)" if more > 0 else ""),
            where=failure.where(first),
            next=next or f"Everything that Terraform said: {failure.log}",
        )
        self.diagnostics = failure.diagnostics


class ConfigurationInvalid(UsageError):
    """The Terraform code or a variables file is wrong. `where` is file:line."""


class StateLocked(Locked):
    """Terraform's lock on the state is held.

    Attributes:
        id: what `force_unlock` takes.
        who: user@host.
        since: UTC, "YYYY-MM-DD HH:MM:SS".
    """

    def __init__(self, id: str, who: str, operation: str, since: str) -> None:
        self.id, self.who, self.operation, self.since = id, who, operation, since
        self.since_iso = since.replace(" ", "T")
        super().__init__(
            f"The state is locked by {who or 'somebody'} since {since or '?'} UTC ({operation or 'unknown'}).",
            where=f"lock {id}",
            next="Wait for it to end. If that process is gone: opsctl unlock ENV",
        )


class ProviderUnavailable(OpsctlError):
    """`terraform init` could not get a provider."""


class PlanStale(Refused):
    """The saved plan no longer fits: its file, its environment or its state changed. Nothing was applied."""


class StateNotSaved(OpsctlError):
    """An apply changed things, and the state that says so could not be stored where it belongs.

    Attributes:
        file: where it is kept until the next command puts it back; None if it could be kept nowhere.
    """

    def __init__(self, cause: OpsctlError, file: Path | None) -> None:
        self.file = file
        kept = "It is kept on this machine." if file else "It could be kept nowhere."
        super().__init__(
            f"The state of what was applied could not be saved. {kept} The cause: {cause.what}",
            where=str(file or cause.where),
            next="Mend the cause, then run the same command again: it puts the state back first."
            if file
            else "Free some space; terraform import takes over what the state lacks.",
        )


Rule = tuple[str, Callable[[Failure, "re.Match[str]"], OpsctlError]]


def explain(failure: Failure) -> OpsctlError:
    """The most telling error for a failed command. Rules are tried in order; the first whose pattern is found wins."""
    for pattern, error in RULES:
        if match := re.search(pattern, failure.text, re.IGNORECASE | re.DOTALL):
            return error(failure, match)
    if failure.diagnostics and failure.diagnostics[0].file and failure.command in ("init", "validate", "plan"):
        return _invalid(failure)
    return TerraformFailed(failure)


def _locked(failure: Failure, match: re.Match[str]) -> StateLocked:
    def told(label: str) -> str:
        found = re.search(rf"^\s*{label}:\s*(\S[^\n]*?)\s*$", failure.text, re.MULTILINE)
        return found.group(1) if found else ""

    # Go prints 2026-11-21 10:00:00.123456789 +0000 UTC.
    since = told("Created")[:19]
    return StateLocked(told("ID"), told("Who"), told("Operation").removeprefix("OperationType").lower(), since)


def _disk_full(failure: Failure, match: re.Match[str]) -> OpsctlError:
    return DiskFull(failure.log)


def _stale(failure: Failure, match: re.Match[str]) -> PlanStale:
    return PlanStale(
        "The plan is out of date: the state has changed since it was made. Nothing was applied.",
        next="Plan again, and look at what it says now.",
    )


def _credentials(failure: Failure, match: re.Match[str]) -> OpsctlError:
    expired = "expired" in failure.text.lower()
    kind = CredentialsExpired if expired else CredentialsMissing
    return kind(
        "The AWS credentials have expired." if expired else "No AWS credentials that work.",
        where=_one_line(match.group(0)),
        next="Log in (aws sso login, or set AWS_PROFILE), then run the command again.",
    )


def _unreachable(failure: Failure, match: re.Match[str]) -> CloudUnreachable:
    endpoint = match.group("endpoint")
    local = endpoint.startswith(("127.", "localhost", "[::1]"))
    return CloudUnreachable(
        f"Nothing answers at {endpoint}" + (": the local cloud is gone." if local else "."),
        where=failure.where(),
        next="Run the command again: it starts the local cloud."
        if local
        else "Check the network and the proxy settings.",
    )


def _provider(failure: Failure, match: re.Match[str]) -> ProviderUnavailable:
    first = failure.diagnostics[0] if failure.diagnostics else None
    lock_file = failure.stack / LOCK_FILE
    distrusted = "checksums previously recorded" in failure.text
    return ProviderUnavailable(
        f"Terraform could not get a provider: {_one_line(first.detail if first else failure.tail)}",
        where=str(lock_file) if distrusted else failure.where(),
        next=f"It is not the package that was used before. If you trust it: rm {lock_file}"
        if distrusted
        else "opsctl doctor says where the provider was looked for.",
    )


def _invalid(failure: Failure, match: re.Match[str] | None = None) -> ConfigurationInvalid:
    first = next((d for d in failure.diagnostics if d.file), failure.diagnostics[0])
    more = len(failure.diagnostics) - 1
    return ConfigurationInvalid(
        f"{first.summary.rstrip('.')}: {_one_line(first.detail)}" + (f" (and {more} more)" if more else ""),
        where=failure.where(first) + (f": {first.snippet.splitlines()[0]}" if first.snippet else ""),
        next="Mend it there, then run the command again.",
    )


RULES: Sequence[Rule] = (
    (r"Error acquiring the state lock", _locked),
    (r"no space left on device|disk quota exceeded|file too large", _disk_full),
    (r"Saved plan is stale|saved plan does not match the given state", _stale),
    (r"(ExpiredToken|InvalidClientTokenId|UnrecognizedClientException|AuthFailure|SignatureDoesNotMatch"
     r"|No valid credential sources? found|failed to refresh cached credentials|token (?:has|is) expired)[^\n]*",
     _credentials),
    (r"(?:dial tcp )(?P<endpoint>[\w.\[\]:]+): connect(?:ex)?: connection refused", _unreachable),
    (r"Failed to query available provider packages|Failed to install provider|Could not retrieve the list of available"
     r"|Inconsistent dependency lock file|Required plugins are not installed", _provider),
)  # fmt: skip
"""Pattern in the diagnostics → our error."""

NEEDS_INIT = re.compile(
    r"Backend initialization required|Module not installed|Required plugins are not installed"
    r"|Inconsistent dependency lock file|Missing required provider|Module source has changed|Could not load plugin"
    r"|Initialization required",
    re.IGNORECASE,
)
"""What Terraform says when `init` must run (again) before the command."""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]
