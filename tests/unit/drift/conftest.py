"""A plan file as Terraform writes it: a zip with the states before and after the refresh, and the configuration."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

PlanFile = Callable[..., Path]


def state(serial: int, *resources: Mapping[str, Any]) -> str:
    return json.dumps({"version": 4, "serial": serial, "lineage": "l", "resources": list(resources)})


@pytest.fixture
def plan_file(tmp_path: Path) -> PlanFile:
    """plan_file([resources before], [resources after], configuration={file: text})"""

    def write(before: list[Any], after: list[Any], configuration: Mapping[str, str] | None = None) -> Path:
        file = tmp_path / "drift.tfplan"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("tfstate-prev", state(0, *before))
            archive.writestr("tfstate", state(7, *after))
            for name, text in (configuration or {}).items():
                archive.writestr(f"tfconfig/{name}", text)
        return file

    return write
