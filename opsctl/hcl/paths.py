"""A path as configurations: a plan, or each root module of a folder. Whoever reads plans alone pays for no parser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opsctl.hcl.configuration import Configuration


def read_path(
    path: Path,
    *,
    source: Path | None = None,
    var_files: Sequence[Path] = (),
    variables: Mapping[str, Any] | None = None,
) -> tuple[Configuration, ...]:
    """A plan, or each root module of a folder: what one says of an address says nothing about another's.

    Args:
        source: the folder of the Terraform that a plan was made from.
        var_files, variables: as Terraform's -var-file and -var, for folders.

    Raises:
        UsageError: it can't be read at all.
    """
    if path.is_dir():
        from opsctl.hcl.reading import read_roots

        return read_roots(path, var_files=var_files, variables=variables or {})
    from opsctl.hcl.plans import read_plan

    return (read_plan(path, source=source),)
