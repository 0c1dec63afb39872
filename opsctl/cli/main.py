"""The `opsctl` command: options for every command, and the one place that turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl import __version__
from opsctl.cli.lazy import LazyGroup, load
from opsctl.cli.registry import COMMANDS
from opsctl.errors import OpsctlError
from opsctl.exit_codes import ExitCode
from opsctl.files import DiskFull, is_disk_full

if TYPE_CHECKING:
    from opsctl.ui.console import Console

app = typer.Typer(
    cls=LazyGroup,
    name="opsctl",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"opsctl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The operations CLI: take environments up and down, prove them, and find out what is wrong.

    Two words to begin with: [bold]opsctl doctor[/], then [bold]opsctl up local[/].
    """


def main() -> None:
    """Run the command line. Every way out of opsctl goes through here."""
    first, rest = sys.argv[1:2], sys.argv[2:]
    try:
        # Past the group's own options: parsing them imports pydantic, half of the time of a command's `--help`.
        if first and first[0] in COMMANDS and "_OPSCTL_COMPLETE" not in os.environ:
            load(first[0])(args=rest, prog_name=f"opsctl {first[0]}")
        app()
    except OpsctlError as error:
        _console().error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _console().note("stopped; nothing is under way any more.", style="yellow")
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`opsctl status | head`): not our failure, and nothing to tell it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.DONE)
    except Exception as error:
        if is_disk_full(error):
            _console().error(DiskFull(Path(getattr(error, "filename", None) or "")))
        else:
            _report_a_bug(error)
        sys.exit(ExitCode.FAILED)


def _console() -> Console:
    from opsctl.cli.context import console

    return console()


def _report_a_bug(error: Exception) -> None:
    """An error that we did not foresee: a sentence for the user, the traceback in a file for the report."""
    import tempfile
    import traceback

    # Frames only: the values in an exception's text may be secret.
    frames = "".join(traceback.format_tb(error.__traceback__))
    text = f"opsctl {__version__}\n{frames}{type(error).__module__}.{type(error).__qualname__}\n"
    try:
        handle, file = tempfile.mkstemp(prefix="opsctl-crash-", suffix=".txt")
        with os.fdopen(handle, "w") as report:
            report.write(text)
    except OSError as failure:
        file = f"not written ({failure.strerror})"
    _console().error(
        OpsctlError(
            f"opsctl met something that it did not foresee ({type(error).__name__}).",
            where=f"the places in the code, without values: {file}",
            next="Run the command again; if it happens twice, report it with that file.",
        )
    )
