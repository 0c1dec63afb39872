"""The project's configuration file, `opsctl.toml`, and the folders that opsctl uses."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.errors import UsageError

FILE_NAME = "opsctl.toml"


class ConfigError(UsageError):
    """opsctl.toml can't be read or says something that we don't know. `where` names file and field (a -> b -> c)."""


@dataclass(frozen=True)
class Config:
    """opsctl.toml as read.

    Attributes:
        root: the folder that holds opsctl.toml.
        project: first word of every resource's name.
        terraform: folder with stack/, modules/ and environments/.
        environments: each environment's table as written; `opsctl.environments.load` checks one.
    """

    root: Path
    project: str
    terraform: Path
    environments: Mapping[str, Mapping[str, Any]]

    @property
    def work(self) -> Path:
        """Everything that opsctl writes beside the sources: Terraform data, plans, logs, the local cloud's disk."""
        return self.root / ".opsctl"


def cache_folder() -> Path:
    """Downloads and builds that any project of this user may share (providers, function packages)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opsctl"


def load_config(start: Path | None = None) -> Config:
    """Read the nearest opsctl.toml, from `start` (default: OPSCTL_ROOT or the current folder) upwards.

    Raises:
        ConfigError: no such file, not TOML, or an unknown or missing field.
    """
    begin = (start or Path(os.environ.get("OPSCTL_ROOT") or ".")).resolve()
    root = next((folder for folder in (begin, *begin.parents) if (folder / FILE_NAME).is_file()), None)
    if root is None:
        raise ConfigError(
            f"No {FILE_NAME} here or in any folder above.",
            where=str(begin),
            next="Change to the project's folder, or name it: OPSCTL_ROOT=/path/to/project opsctl …",
        )
    file = root / FILE_NAME
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{FILE_NAME} is not valid TOML: {error}.", where=str(file)) from error
    project = _table(document, "project", file)
    environments = _table(document, "environments", file)
    for name in environments:
        _table(environments, name, file, within="environments -> ")
    return Config(
        root=root,
        project=_string(project, "name", file, within="project -> ", default="opsctl"),
        terraform=root / os.environ.get(
            "OPSCTL_TERRAFORM", _string(project, "terraform", file, within="project -> ", default="terraform")
        ),
        environments=environments,
    )  # fmt: skip


def _table(parent: Mapping[str, Any], key: str, file: Path, *, within: str = "") -> Mapping[str, Any]:
    value = parent.get(key)
    if not isinstance(value, dict):
        raise ConfigError(f"[{key}] is missing or is not a table.", where=f"{file}: {within}{key}")
    return value


def _string(table: Mapping[str, Any], key: str, file: Path, *, within: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{key} must be a text that is not empty.", where=f"{file}: {within}{key}")
    return value
