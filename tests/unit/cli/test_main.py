"""Every way out of the command line: the exit code, the message, and never a traceback."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from opsctl.cli import main as command_line
from opsctl.cli.context import console
from opsctl.errors import Interrupted, Locked, OpsctlError, Refused, UsageError
from opsctl.exit_codes import ExitCode


def run(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of a command that raises `error`."""

    def command(**_: object) -> None:
        raise error

    console.cache_clear()
    monkeypatch.setattr(sys, "argv", ["opsctl", "status", "local"])
    monkeypatch.setattr(command_line, "load", lambda name: command)
    with pytest.raises(SystemExit) as left:
        command_line.main()
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OpsctlError("x"), 1), (UsageError("x"), 2), (Refused("x"), 5), (Locked("x"), 6), (Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
    ],
)  # fmt: skip
def test_each_kind_of_error_has_its_exit_code(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(error, monkeypatch) == code


def test_a_full_disk_anywhere_is_called_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(OSError(errno.ENOSPC, "No space left on device", "/var/x"), monkeypatch) == ExitCode.FAILED
    assert "The disk is full: x was not written." in capsys.readouterr().err


def test_an_unforeseen_error_keeps_its_values_out_of_sight(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(ValueError("password=hunter2"), monkeypatch) == ExitCode.FAILED
    shown = capsys.readouterr()
    [report] = tmp_path.iterdir()
    for text in (shown.out, shown.err, report.read_text()):
        assert "hunter2" not in text
    assert "ValueError" in report.read_text()
    assert "Traceback" not in shown.err


def test_an_unforeseen_error_on_a_full_disk_is_still_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert run(ValueError(), monkeypatch) == ExitCode.FAILED
    assert "Traceback" not in capsys.readouterr().err
