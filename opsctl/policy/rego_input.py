"""What Rego rules read where there is no plan: a configuration in the shapes that they are written for.

conftest's parser of HCL gives `resource → type → name → [body]` (since it reads with hcl2json), before that
`resource → type → name → body`: rules of both kinds are about, so both are given, one after the other. The first also
has `resource_changes` and `planned_values`, so that rules written for plans find something in a folder as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsctl.hcl import Configuration, Resource, Unknown
from opsctl.hcl.symbols import SYMBOL, is_symbolic

MISSING = object()


def inputs(configuration: Configuration, names: frozenset[str] | None = None) -> tuple[dict[str, Any], ...]:
    """The inputs of a folder: two, or one where no rule asks for resources in HCL's shape. Linear.

    Args:
        names: what the rules ask of the input (`rego.names_read`); None: everything.
    """
    bodies = [(each, written(each.values)) for each in configuration.resources]
    new: dict[str, Any] = {"resource": {}, "data": {}}
    old: dict[str, Any] = {"resource": {}, "data": {}}
    for resource, body in bodies:
        kind = "resource" if resource.mode == "managed" else "data"
        name = _free_name(resource, new[kind].setdefault(resource.type, {}))
        new[kind][resource.type][name] = [body]
        old[kind].setdefault(resource.type, {})[name] = _single_blocks(body)
    named = {name: [{"default": written(value)}] for name, value in configuration.variables.items()}
    rest = {"variable": named} | as_plan(configuration)
    shapes = (new, old) if names is None or names & set(new) else (new,)
    return tuple(
        {name: value for name, value in (shape | rest).items() if names is None or name in names} for shape in shapes
    )


def _free_name(resource: Resource, taken: Mapping[str, Any]) -> str:
    """Its name; its address without the type where another has the name (instances, modules)."""
    if not resource.module and resource.name not in taken:
        return resource.name
    return resource.address.replace(f"{resource.type}.", "", 1)


def written(value: Any) -> Any:
    """A value as JSON, what isn't known as the expression that it is: "${aws_sqs_queue.b.arn}"."""
    if isinstance(value, Unknown):
        return f"${{{value.reference}}}"
    if isinstance(value, str):
        return SYMBOL.sub(r"${\1}", value) if is_symbolic(value) else value
    if isinstance(value, Mapping):
        return {str(name): written(each) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [written(each) for each in value]
    return value


def _single_blocks(value: Any) -> Any:
    """A body whose blocks that occur once are objects, as conftest's older parser had them."""
    if isinstance(value, dict):
        return {name: _single_blocks(each) for name, each in value.items()}
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], dict):
            return _single_blocks(value[0])
        return [_single_blocks(each) for each in value]
    return value


def as_plan(configuration: Configuration) -> dict[str, Any]:
    """The parts of a plan's JSON that rules ask for, everything to be created."""
    changes, modules = [], dict[str, list[dict[str, Any]]]()
    for each in configuration.resources:
        known, unknown = split(each.values)
        one = {
            "address": each.address, "mode": each.mode, "type": each.type, "name": each.name,
            "provider_name": "registry.terraform.io/hashicorp/aws",
        }  # fmt: skip
        if each.module:
            one["module_address"] = each.module
        change = {"actions": ["create"], "before": None, "after": known, "after_unknown": unknown or {}}
        if each.mode == "managed":
            changes.append(one | {"change": change})
        modules.setdefault(each.module, []).append(one | {"values": known})
    root: dict[str, Any] = {"resources": modules.pop("", [])}
    if modules:
        # One level: rules that walk child_modules find each once, wherever it is called from.
        root["child_modules"] = [{"address": address, "resources": found} for address, found in modules.items()]
    return {"format_version": "1.2", "resource_changes": changes, "planned_values": {"root_module": root}}


def split(value: Any) -> tuple[Any, Any]:
    """(what is known, what isn't: true in its places), as a plan's `after` and `after_unknown`."""
    if isinstance(value, Unknown) or (isinstance(value, str) and is_symbolic(value)):
        return MISSING, True
    if isinstance(value, Mapping):
        known, unknown = {}, {}
        for name, each in value.items():
            one, other = split(each)
            if one is not MISSING:
                known[str(name)] = one
            if other:
                unknown[str(name)] = other
        return known, unknown
    if isinstance(value, Sequence) and not isinstance(value, str):
        pairs = [split(each) for each in value]
        known_list = [None if one is MISSING else one for one, _ in pairs]
        return known_list, [other or False for _, other in pairs] if any(other for _, other in pairs) else None
    return value, None
