"""What functions are made of, as far as their zips are here, for the rules of `opsctl.builds.function_rules`.

A function's `filename` and those of the layers that it names are read from the folder of the configuration; what isn't
there isn't judged, nor is a function whose code comes from elsewhere.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from opsctl.builds.archives import Archive, read_archive
from opsctl.builds.function_rules import Bundle
from opsctl.hcl import Resource, is_symbolic
from opsctl.policy.rule import Stack, look


def bundles(stack: Stack) -> Iterator[tuple[Resource, Bundle]]:
    """Each function with what Lambda would unpack for it.

    `unmeasured` holds the ARNs of layers that the configuration doesn't make.
    """
    approved = frozenset(stack.settings.get("approved_extensions", ()))
    for function in stack.of_type("aws_lambda_function"):
        named = look(function, "layers", [])
        layers, foreign = [], []
        for layer in named if isinstance(named, list) else []:
            own = list(stack.named(layer, "aws_lambda_layer_version"))
            layers += [archive for each in own if (archive := _archive(stack, each))]
            if not own and isinstance(layer, str) and layer.startswith("arn:"):
                foreign.append(layer)
        package = _archive(stack, function)
        handed = {each.name for each in (package, *layers) if each}
        yield function, Bundle(function.address, package, tuple(layers), frozenset(handed), tuple(foreign), approved)


def _archive(stack: Stack, resource: Resource) -> Archive | None:
    name = look(resource, "filename")
    if not isinstance(name, str) or not name or is_symbolic(name):
        return None
    file = Path(stack.configuration.folder, name)
    return _read(file, file.stat().st_mtime_ns) if file.is_file() else None


@lru_cache(maxsize=512)
def _read(file: Path, changed_ns: int) -> Archive | None:
    """None for what is no zip: the apply says so. Read once a process; `changed_ns` is for when it changes."""
    try:
        return read_archive(file)
    except (zipfile.BadZipFile, OSError):
        return None
