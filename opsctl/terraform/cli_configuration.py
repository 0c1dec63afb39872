"""The user's own Terraform CLI configuration: which file it is, and which provider mirrors it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CliConfiguration:
    """What we need to know of a CLI configuration file.

    Attributes:
        filesystem_mirrors: folders.
        network_mirrors: base URLs, with a slash at the end.
        override: folder of a development build of the AWS provider, which Terraform takes before all else.
    """

    file: Path
    filesystem_mirrors: tuple[Path, ...] = ()
    network_mirrors: tuple[str, ...] = ()
    override: Path | None = None


def configuration_file(env: Mapping[str, str]) -> Path:
    """The file that Terraform would read; it may not exist."""
    named = env.get("TF_CLI_CONFIG_FILE") or env.get("TERRAFORM_CONFIG")
    return Path(named) if named else Path(env.get("HOME") or Path.home()) / ".terraformrc"


def read_configuration(file: Path) -> CliConfiguration | None:
    """What `file` says about providers; None if it can't be read. Understands the HCL form only."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^\s*(#|//).*$", "", text, flags=re.MULTILINE)
    override = re.search(r'dev_overrides\s*\{[^}]*"(?:registry\.terraform\.io/)?hashicorp/aws"\s*=\s*"([^"]+)"', text)
    return CliConfiguration(
        file=file,
        filesystem_mirrors=tuple(Path(path) for path in _setting(text, "filesystem_mirror", "path")),
        network_mirrors=tuple(url.rstrip("/") + "/" for url in _setting(text, "network_mirror", "url")),
        override=Path(override.group(1)) if override else None,
    )


def _setting(text: str, block: str, name: str) -> list[str]:
    bodies = re.findall(rf"\b{block}\s*\{{([^}}]*)\}}", text)
    return [value for body in bodies for value in re.findall(rf'\b{name}\s*=\s*"([^"]+)"', body)]
