"""Type constraints of variables, and values made to fit them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsctl.hcl.symbols import OPEN, Some, SomeMap, Unknown, symbol
from opsctl.hcl.syntax import Call, Expression, Literal, Object, Reference, Tuple
from opsctl.hcl.values import (
    EvaluationError,
    Lazy,
    Set,
    attribute,
    has_options,
    kind_of,
    lone,
    reference_of,
    to_bool,
    to_map,
    to_number,
    to_text,
    unknown,
)


@dataclass(frozen=True)
class Type:
    """Attributes:
    kind: "any", "string", "number", "bool", "list", "set", "map", "tuple", "object".
    element: of a list, set or map; elements: of a tuple; members: of an object.
    """

    kind: str = "any"
    element: Type | None = None
    elements: tuple[Type, ...] = ()
    members: Mapping[str, Member] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    type: Type
    optional: bool = False
    default: Expression | None = None


ANY = Type()


def type_of(expression: Expression | None) -> Type:
    """Raises EvaluationError for what is no type."""
    if expression is None:
        return ANY
    if isinstance(expression, Reference) and not expression.steps:
        if expression.name in ("any", "string", "number", "bool"):
            return Type(expression.name)
        if expression.name in ("list", "set", "map"):
            return Type(expression.name, ANY)
    if isinstance(expression, Literal) and isinstance(expression.value, str):  # Terraform 0.11's
        return {"string": Type("string"), "list": Type("list", ANY), "map": Type("map", ANY)}.get(expression.value, ANY)
    if isinstance(expression, Call) and expression.arguments:
        first = expression.arguments[0]
        if expression.name in ("list", "set", "map"):
            return Type(expression.name, type_of(first))
        if expression.name == "tuple" and isinstance(first, Tuple):
            return Type("tuple", elements=tuple(type_of(item) for item in first.items))
        if expression.name == "object" and isinstance(first, Object):
            members: dict[str, Member] = {}
            for key, value in first.items:
                if isinstance(value, Call) and value.name == "optional" and value.arguments:
                    default = value.arguments[1] if len(value.arguments) > 1 else None
                    member = Member(type_of(value.arguments[0]), True, default)
                else:
                    member = Member(type_of(value))
                members[str(key.value) if isinstance(key, Literal) else ""] = member
            return Type("object", members=members)
    raise EvaluationError("not a type")


def shape(kind: Type, reference: str, why: str) -> Any:
    """A value of a type that nobody gave: a symbol for a string, one element for a list, every member of an object."""
    if kind.kind in ("string", "any"):
        return symbol(reference)
    if kind.kind in ("list", "set"):
        return Some([shape(kind.element or ANY, f"{reference}[*]", why)])
    if kind.kind == "map":
        return SomeMap({symbol(f"{reference}[*].key"): shape(kind.element or ANY, f"{reference}[*]", why)})
    if kind.kind == "object":
        return {name: shape(member.type, f"{reference}.{name}", why) for name, member in kind.members.items()}
    if kind.kind == "tuple":
        return [shape(element, f"{reference}[{place}]", why) for place, element in enumerate(kind.elements)]
    return Unknown(reference, why)


def convert(value: Any, kind: Type, evaluate: Callable[[Expression], Any]) -> Any:
    """A value as its type wants it. Cost: linear in the value.

    Args:
        evaluate: gives the defaults of optional members.
    """
    if value is None or kind.kind == "any":
        return value
    if has_options(value):
        return unknown(value.reference, value.why, [convert(each, kind, evaluate) for each in value.options])
    name = kind.kind
    if name in _SCALARS:
        return _SCALARS[name](value)
    if reference := reference_of(value):
        return shape(kind, reference, "depends on what is not known")
    if name in ("list", "set"):
        if not isinstance(value, list):
            raise EvaluationError(f"{kind_of(value)} where a {name} is needed")
        items = [convert(item, kind.element or ANY, evaluate) for item in value]
        if isinstance(value, Some):
            return Some(items)
        return Set.of(items) if name == "set" else items
    if name == "tuple":
        if not isinstance(value, list) or len(value) != len(kind.elements):
            raise EvaluationError(f"a tuple of {len(kind.elements)} elements is needed")
        return [convert(item, element, evaluate) for item, element in zip(value, kind.elements, strict=True)]
    if name == "map":
        mapping = to_map(value)
        converted = {key: convert(item, kind.element or ANY, evaluate) for key, item in mapping.items()}
        return SomeMap(converted) if isinstance(mapping, SomeMap) else converted
    if not isinstance(value, dict | Lazy):
        raise EvaluationError(f"{kind_of(value)} where an object is needed")
    members: dict[str, Any] = {}
    for key, member in kind.members.items():
        given = (
            attribute(value, key)
            if isinstance(value, Lazy) or key in value or isinstance(value, SomeMap) or not (member.optional)
            else None
        )
        if given is None and member.default is not None:
            given = evaluate(member.default)
        members[key] = convert(given, member.type, evaluate)
    return members


def _text(value: Any) -> Any:
    return value if isinstance(value, Unknown) else to_text(value)


def _scalar(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Text that isn't known stays what it is: it keeps the reference."""
    return lambda value: (
        value if isinstance(value, Unknown) or (isinstance(value, str) and OPEN in value) else change(value)
    )


_SCALARS: dict[str, Callable[[Any], Any]] = {"string": _text, "number": _scalar(to_number), "bool": _scalar(to_bool)}

__all__ = ["ANY", "Type", "convert", "lone", "shape", "type_of"]
