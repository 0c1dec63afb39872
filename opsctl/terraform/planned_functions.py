"""The Lambda functions that there will be after a plan is applied, and which packages and layers each has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from opsctl.terraform.events import module_name


@dataclass(frozen=True)
class PlannedFunction:
    """One function of a plan.

    Attributes:
        package: name of its zip's file.
        handed_over: the zip goes to Lambda through its API, not through S3: a smaller one is allowed.
        layers: names of the zips of its layers that the plan's own stack makes. Which these are is not known before the
            layers are there; until then they are all of the stack.
        foreign_layers: ARNs of other layers, in their order.
    """

    address: str
    module: str
    name: str
    package: str
    handed_over: bool
    layers: tuple[str, ...] = ()
    foreign_layers: tuple[str, ...] = ()


def planned_functions(document: Mapping[str, Any]) -> tuple[PlannedFunction, ...]:
    """The functions of `terraform show -json PLAN` by address, without those of container images."""
    resources = list(_resources(document.get("planned_values", {}).get("root_module", {})))
    layers = [resource.get("values", {}) for resource in resources if resource["type"] == "aws_lambda_layer_version"]
    by_arn = {layer["arn"]: _zip_of(layer)[0] for layer in layers if layer.get("arn")}
    every = sorted({_zip_of(layer)[0] for layer in layers})
    found = []
    for resource in resources:
        values = resource.get("values", {})
        package, handed_over = _zip_of(values)
        if resource["type"] != "aws_lambda_function" or not package:
            continue
        named = values.get("layers", [None]) or []  # Terraform leaves out what is known after the apply
        known = [arn for arn in named if arn]
        own = [by_arn[arn] for arn in known if arn in by_arn] if len(known) == len(named) else every
        found.append(
            PlannedFunction(
                resource["address"], module_name(resource["address"].rpartition(".aws_lambda_function")[0]),
                values.get("function_name", resource["name"]), package, handed_over, tuple(own),
                tuple(arn for arn in known if arn not in by_arn),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda function: function.address))


def _zip_of(values: Mapping[str, Any]) -> tuple[str, bool]:
    """Name of a package's file, and whether it is handed over as a file."""
    file = values.get("filename")
    return PurePosixPath(file or values.get("s3_key") or "").name, bool(file)


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in module.get("resources", ()):
        if resource.get("mode") == "managed":
            yield resource
    for child in module.get("child_modules", ()):
        yield from _resources(child)
