"""Where the code of each function and layer lies on this machine, if it does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from opsctl.hcl.configuration import Configuration, Resource
from opsctl.hcl.symbols import CLOSE, OPEN, symbols_in
from opsctl.iam.arns import Surroundings, parted

FUNCTIONS = ("functions", "src", "lambda", "lambdas", "function", "code", "jobs", "tasks")
NAMES = {
    "aws_lambda_layer_version": "layer_name",
    "aws_batch_job_definition": "name",
    "aws_ecs_task_definition": "family",
}
LAYERS = ("layers", "layer", "src")
_MODULE = re.compile(r'\.?module\.[\w-]+(?:\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\])?$')


class CodeFolders:
    """Finds code by what the configuration says: archive_file's source, an S3 object's source, the package's own path.

    A package that somebody else makes is found by its name: `functions/NAME`, `src/NAME`, … beside the module that
    deploys it, or beside one that calls that. Cost: one listing of each such folder.
    """

    def __init__(self, configuration: Configuration, around: Surroundings) -> None:
        self.configuration, self.around = configuration, around
        self.archives: dict[str, Resource] = {}
        self.objects: dict[str, str] = {}
        self._listed: dict[str, list[str]] = {}
        for resource in configuration.resources:
            if resource.type == "archive_file" and (output := self._text(resource, "output_path")):
                self.archives[output] = resource
            elif resource.type in ("aws_s3_object", "aws_s3_bucket_object") and (key := self._text(resource, "key")):
                self.objects[key] = self._text(resource, "source")

    def of(self, resource: Resource) -> str:
        """Folder or file of the code of a function or a layer; "" where it isn't on this machine."""
        for candidate in self._candidates(resource):
            if candidate and OPEN not in candidate and os.path.exists(candidate):  # noqa: PTH110  (a tenth of the time)
                return os.path.normpath(candidate)
        return ""

    def _candidates(self, resource: Resource) -> Iterator[str]:
        key = self._text(resource, "s3_key")
        package = self._text(resource, "filename") or self.objects.get(key, "")
        raw = resource.get("filename")
        for reference in symbols_in(raw) if isinstance(raw, str) else ():
            parts = parted(reference)
            archive = self.around.resource(parts[0]) if parts and parts[1] == "archive_file" else None
            if archive:
                yield from self._source(archive)
        if archive := self.archives.get(package):
            yield from self._source(archive)
        layer = resource.type == "aws_lambda_layer_version"
        named = [_stem(name) for name in (package, key)]
        named.append(self._text(resource, NAMES.get(resource.type, "function_name")))
        for folder in self._modules_around(resource):
            for below in LAYERS if layer else FUNCTIONS:
                for name in filter(None, named):
                    yield self._below(os.path.join(folder, below), name)  # noqa: PTH118
        yield from self._places(package, resource)

    def _below(self, folder: str, name: str) -> str:
        """The folder in a folder whose name is this one, or the longest that this one ends with."""
        if folder not in self._listed:
            path = Path(folder)
            found = [each.name for each in path.iterdir() if each.is_dir()] if path.is_dir() else []
            self._listed[folder] = sorted(found, key=len, reverse=True)
        for each in self._listed[folder]:
            if name == each or name.endswith((f"-{each}", f"_{each}")) or name.startswith(f"{each}-layer"):
                return os.path.join(folder, each)  # noqa: PTH118
        return ""

    def _source(self, archive: Resource) -> Iterator[str]:
        yield from self._places(self._text(archive, "source_dir") or self._text(archive, "source_file"), archive)

    def _places(self, path: str, resource: Resource) -> Iterator[str]:
        """A path as Terraform means it: from the folder that it runs in, or from the module that writes it."""
        if path:
            for folder in (self.configuration.folder, "", *self._modules_around(resource)):
                yield os.path.join(folder, path)  # noqa: PTH118

    def _modules_around(self, resource: Resource) -> Iterator[str]:
        address = resource.module
        while address:
            if folder := self.configuration.modules.get(address):
                yield folder
            address = _MODULE.sub("", address)
        if self.configuration.folder:
            yield self.configuration.folder

    def _text(self, resource: Resource, attribute: str) -> str:
        value = resource.get(attribute)
        return self.around.expand(value) if isinstance(value, str) else ""


def _stem(name: str) -> str:
    """`build/thumbnail.zip` → `thumbnail`, where that much is known."""
    last = name.rpartition(CLOSE)[2].rpartition("/")[2]
    return last.partition(".")[0].strip("-_")
