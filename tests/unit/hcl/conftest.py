from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from opsctl.hcl import Configuration
from opsctl.hcl.reading import read_folder

Read = Callable[..., Configuration]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads text as main.tf, and other files by their path."""

    def read(
        text: str = "", files: Mapping[str, str] | None = None, folder: str = ".", **options: Any
    ) -> Configuration:
        everything = dict(files or {})
        if text:
            everything["main.tf"] = text
        for name, content in everything.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return read_folder(tmp_path / folder, names=tmp_path, **options)

    return read
