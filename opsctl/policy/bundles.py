"""What functions are made of, as far as it is on this machine, for the rules of `opsctl.builds.function_rules`.

A zip is read from the folder of the configuration, by `filename`; one that an archive_file will pack, from its folder
or file. What is neither there nor packed here isn't judged.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path, PurePosixPath

from opsctl.builds.archives import LARGEST_SCANNED_BYTES, Archive, Secret, read_archive, secrets_in
from opsctl.builds.function_rules import Bundle
from opsctl.hcl import Resource, is_symbolic
from opsctl.policy.rule import Stack, listed, look


def bundles(stack: Stack) -> Iterator[tuple[Resource, Bundle]]:
    """Each function with what Lambda would unpack for it; then each layer that no function here names, by itself.

    `unmeasured` holds the ARNs of layers that the configuration doesn't make.
    """
    approved = frozenset(map(str, listed(stack.settings.get("approved_extensions"))))
    packers = _packers(stack)
    used = set()
    for function in stack.of_type("aws_lambda_function"):
        layers, foreign = [], []
        for layer in listed(look(function, "layers")):
            own = list(stack.named(layer, "aws_lambda_layer_version"))
            used |= {each.address for each in own}
            layers += [archive for each in own if (archive := _archive(stack, each, packers))]
            if not own and isinstance(layer, str) and layer.startswith("arn:"):
                foreign.append(layer)
        package = _archive(stack, function, packers)
        handed = {each.name for each in (package, *layers) if each}
        yield function, Bundle(function.address, package, tuple(layers), frozenset(handed), tuple(foreign), approved)
    for layer in stack.of_type("aws_lambda_layer_version"):
        archive = _archive(stack, layer, packers) if layer.address not in used else None
        if archive:
            yield layer, Bundle(layer.address, None, (archive,), frozenset({archive.name}), (), approved)


def _packers(stack: Stack) -> dict[str, Resource]:
    """Path of a zip → the archive_file that will write it."""
    return {
        str(look(each, "output_path")): each for each in stack.configuration.resources if each.type == "archive_file"
    }


def _archive(stack: Stack, resource: Resource, packers: dict[str, Resource]) -> Archive | None:
    name = look(resource, "filename")
    if not isinstance(name, str) or not name:
        return None
    packer = packers.get(name)
    for each in stack.referenced(name):
        packer = each if each.type == "archive_file" else packer
    if packer:
        for attribute in ("source_dir", "source_file"):
            source = look(packer, attribute)
            if isinstance(source, str) and source and not is_symbolic(source):
                excludes = tuple(each for each in listed(look(packer, "excludes")) if isinstance(each, str))
                return _packed(Path(stack.configuration.folder, source), PurePosixPath(name).stem, excludes)
    if is_symbolic(name):
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


def _packed(source: Path, name: str, excludes: tuple[str, ...]) -> Archive | None:
    """What a folder or file will be once it is packed. Its zipped size isn't known before."""
    files = [source] if source.is_file() else sorted(each for each in source.rglob("*") if each.is_file())
    root = source.parent if source.is_file() else source
    size = 0
    extensions: list[str] = []
    secrets: list[Secret] = []
    for file in files:
        inside = file.relative_to(root).as_posix()
        if any(fnmatch(inside, pattern) for pattern in excludes):
            continue
        try:
            length = file.stat().st_size
            text = file.read_bytes() if length <= LARGEST_SCANNED_BYTES else b""
        except OSError:
            continue
        size += length
        secrets += secrets_in(inside, text)
        if len(PurePosixPath(inside).parts) == 2 and inside.startswith("extensions/"):
            extensions.append(file.name)
    return Archive(name, 0, size, tuple(extensions), tuple(secrets)) if files else None
