"""`[policy]` of the nearest opsctl.toml, for a command that works without one.

[policy]
rules = ["our-rules"]              # folders, relative to the file
seconds = 10                       # a rule's limit
[policy.settings]                  # what rules ask for
environment = "prod"
required_tags = ["Owner"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsctl.config import FILE_NAME, ConfigError
from opsctl.findings.waivers import BARE_DATE


@dataclass(frozen=True)
class Settings:
    """Attributes:
    rules: folders with users' own rules.
    seconds: how long one of them may take; 0: the default.
    values: for `Stack.settings`.
    """

    rules: tuple[Path, ...] = ()
    seconds: float = 0.0
    values: Mapping[str, Any] = field(default_factory=dict)


def read_settings(start: Path) -> Settings:
    """From `start` upwards; without a file or the table: nothing set.

    Raises:
        ConfigError: no TOML, or a field that has the wrong kind or isn't known.
    """
    folder = start.resolve()
    file = next((each / FILE_NAME for each in (folder, *folder.parents) if (each / FILE_NAME).is_file()), None)
    if file is None:
        return Settings()
    try:
        table = tomllib.loads(BARE_DATE.sub(r'\1"\2"', file.read_text(encoding="utf-8"))).get("policy", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{FILE_NAME} is not valid TOML: {error}.", where=str(file)) from error
    where = f"{file}: policy"
    if not isinstance(table, dict):
        raise ConfigError("[policy] is not a table.", where=where)
    kinds: dict[str, type | tuple[type, ...]] = {
        "rules": list,
        "seconds": (int, float),
        "settings": dict,
        "waivers": list,
    }
    for name, value in table.items():
        if name not in kinds:
            raise ConfigError(f"[policy] has no field {name}.", where=where, next=f"Known: {', '.join(kinds)}.")
        if not isinstance(value, kinds[name]):
            raise ConfigError(f"{name} has the wrong kind.", where=f"{where} -> {name}")
    rules = tuple(file.parent / str(each) for each in table.get("rules", ()))
    return Settings(rules, float(table.get("seconds", 0)), table.get("settings", {}))
