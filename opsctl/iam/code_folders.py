"""Where the code of each function lies on this machine, if it does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from opsctl.hcl.configuration import Configuration, Resource
from opsctl.hcl.symbols import OPEN, symbols_in
from opsctl.iam.arns import Surroundings, parted

FOLDERS = ("functions", "src", "lambda", "lambdas", "function", "code", "")
_MODULE = re.compile(r'\.?module\.[\w-]+(?:\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\])?$')


def code_of(configuration: Configuration, around: Surroundings) -> dict[str, str]:
    """Address of each function → the folder or file of its code.

    By what the configuration says: archive_file's source, an S3 object's source, the package's own path. A package that
    somebody else makes is found by its name: `functions/NAME`, `src/NAME`, … beside the module, or around it.
    """
    archives: dict[str, str] = {}
    objects: dict[str, str] = {}
    for resource in configuration.resources:
        if resource.type == "archive_file":
            source = _text(resource, "source_dir", around) or _text(resource, "source_file", around)
            if source and (output := _text(resource, "output_path", around)):
                archives[output] = source
        elif resource.type in ("aws_s3_object", "aws_s3_bucket_object") and (key := _text(resource, "key", around)):
            objects[key] = _text(resource, "source", around)
    found = {}
    for resource in configuration.of_type("aws_lambda_function"):
        for candidate in _candidates(resource, configuration, around, archives, objects):
            if candidate and OPEN not in candidate and os.path.exists(candidate):  # noqa: PTH110  (a tenth of the time)
                found[resource.address] = os.path.normpath(candidate)
                break
    return found


def _candidates(
    resource: Resource, configuration: Configuration, around: Surroundings, archives: dict[str, str],
    objects: dict[str, str],
) -> Iterator[str]:  # fmt: skip
    package = _text(resource, "filename", around)
    key = _text(resource, "s3_key", around)
    package = package or objects.get(key, "")
    raw = resource.get("filename")
    for reference in symbols_in(raw) if isinstance(raw, str) else ():
        parts = parted(reference)
        data = around.resource(parts[0]) if parts and parts[1] == "archive_file" else None
        if data:
            package = package or ""
            yield from _places(
                _text(data, "source_dir", around) or _text(data, "source_file", around), resource, configuration
            )
    yield from _places(archives.get(package, ""), resource, configuration)
    stems = [Path(name).stem for name in (package, key) if name and OPEN not in Path(name).stem]
    for folder in _modules_around(resource, configuration):
        for stem in stems:
            for below in FOLDERS:
                candidate = Path(folder, below, stem)
                if candidate.is_dir() and (below or any(candidate.glob("*.py"))):
                    yield str(candidate)
    yield from _places(package, resource, configuration)


def _places(path: str, resource: Resource, configuration: Configuration) -> Iterator[str]:
    """A path as Terraform means it: from the folder that it runs in, or from the module that writes it."""
    if path:
        for folder in (configuration.folder, *_modules_around(resource, configuration)):
            yield os.path.join(folder, path) if folder else path  # noqa: PTH118


def _modules_around(resource: Resource, configuration: Configuration) -> Iterator[str]:
    address = resource.module
    while address:
        if folder := configuration.modules.get(address):
            yield folder
        address = _MODULE.sub("", address)
    if configuration.folder:
        yield configuration.folder


def _text(resource: Resource, attribute: str, around: Surroundings) -> str:
    value = resource.get(attribute)
    return around.expand(value) if isinstance(value, str) else ""
