"""The state machines of a stack's modules, as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def find_definitions(modules: Path) -> Iterator[tuple[Path, str]]:
    """Each `*.asl.json` below `modules` with its type (EXPRESS or STANDARD), as the Terraform that names it says."""
    for file in sorted(modules.rglob("*.asl.json")):
        sources = (modules / file.relative_to(modules).parts[0]).rglob("*.tf")
        users = [text for text in (source.read_text() for source in sources) if f"/{file.name}" in text]
        yield file, "EXPRESS" if any('"EXPRESS"' in text for text in users) else "STANDARD"
