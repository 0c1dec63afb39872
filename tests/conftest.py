"""Every test by itself: its own caches, no AWS or opsctl settings of the caller, no colour, a fixed width."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test is about seconds: a busy machine fails none. Where CI is set Hypothesis takes such a profile by itself.
settings.register_profile("busy", deadline=None)
if "CI" not in os.environ:
    settings.load_profile("busy")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """End-to-end tests keep the project's own folders: they work on the environment that the suite shares."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "TF_", "OPSCTL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    if "e2e" not in Path(str(request.fspath)).parts:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
