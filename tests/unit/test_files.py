"""Durable files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from opsctl.files import DiskFull, write_atomically


def test_a_file_is_written_with_its_mode_and_no_temporary_stays(tmp_path: Path) -> None:
    write_atomically(tmp_path / "deep" / "plan", "content", mode=0o600)
    assert (tmp_path / "deep" / "plan").read_text() == "content"
    assert (tmp_path / "deep" / "plan").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["plan"]


def test_a_full_disk_leaves_the_old_file_whole_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "record"
    target.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull) as raised:
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["record"]
    assert "Free some space" in raised.value.next


def test_another_error_of_the_file_system_is_not_called_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        write_atomically(tmp_path / "file" / "below", "x")
