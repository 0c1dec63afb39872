"""What an expression may be, as far as calls to AWS need it: a value is a set of atoms."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

UNKNOWN_TEXT = "⟦?⟧"
MOST_ATOMS = 24
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Opaque:
    """Anything. `name`: of the attribute that it was read as, so that `x.put_item` can still be suspected."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Constant:
    """A str (with symbols for what isn't known), number, bool, bytes or None."""

    value: Any


@dataclass(frozen=True, slots=True)
class External:
    """Something of a library, by its dotted name: boto3.client, os.environ."""

    name: str


@dataclass(frozen=True, slots=True)
class Module:
    name: str


@dataclass(frozen=True, slots=True)
class Session:
    """boto3's, aioboto3's or botocore's."""


@dataclass(frozen=True, slots=True)
class Client:
    """`service` is "" where its name isn't known."""

    service: str


@dataclass(frozen=True, slots=True)
class Resource:
    """boto3's: `kind` is "" for the service resource. `ids`: identifier name → value."""

    service: str
    kind: str = ""
    ids: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    owner: Resource
    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A bound method that calls the API; `gives`: the kind of resource that comes back."""

    service: str
    name: str
    bound: tuple[tuple[str, Value], ...] = ()
    gives: str = ""
    through: str = ""


@dataclass(frozen=True, slots=True)
class Special:
    """A method of a client or resource that isn't one operation: get_paginator, upload_file, batch_writer."""

    owner: Client | Resource | Session
    name: str
    bound: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    node: Node
    scope: Scope
    this: Value | None = None

    @property
    def name(self) -> str:
        return getattr(self.node.it, "name", "<lambda>")


@dataclass(frozen=True, slots=True)
class Class:
    node: Node
    scope: Scope


@dataclass(frozen=True, slots=True)
class Super:
    """What `super()` gives: `this` as its class after the one whose body is `after`."""

    this: Any
    after: Scope


@dataclass(frozen=True, slots=True)
class Method:
    """A method of something built in: of a str, dict, list."""

    owner: Any
    name: str


@dataclass(frozen=True, slots=True)
class Partial:
    function: Value
    positional: tuple[Value, ...]
    named: tuple[tuple[str, Value], ...]


@dataclass(eq=False, slots=True)
class Node:
    """A piece of the tree, compared by identity, and where it is."""

    it: Any
    module: str


@dataclass(eq=False, slots=True)
class Scope:
    """Names of a module, function or class body."""

    module: str
    parent: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)  # declared global or nonlocal
    class_body: bool = False
    function: ast.AST | None = None
    weak: int = 0  # inside a branch or loop: an assignment may not happen
    type_checking: bool = False  # inside `if TYPE_CHECKING`: never run


@dataclass(eq=False, slots=True)
class Heap:
    """A dict, list, tuple, set, or instance, by where it is made.

    Attributes:
        items: by constant key, index or attribute; rest: what is at unknown ones.
        of: the instance's class.
    """

    kind: str
    items: dict[Any, Value] = field(default_factory=dict)
    rest: Value = frozenset()
    of: Class | None = None


Atom = (
    Opaque | Constant | External | Module | Session | Client | Resource | Collection | Operation | Special | Function
    | Class | Method | Partial | Heap | Super
)  # fmt: skip
Value = frozenset[Any]

NOTHING: Value = frozenset()
OPAQUE: Value = frozenset({Opaque()})
AWS = (Session, Client, Resource, Collection, Operation, Special)


def constant(value: Any) -> Value:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        value = UNKNOWN_TEXT
    return frozenset({Constant(value)})


def join(values: Iterable[Value]) -> Value:
    """All of them; plain data is given up where there is too much of it."""
    found: Value = frozenset().union(*values)
    if len(found) <= MOST_ATOMS:
        return found
    return frozenset(atom for atom in found if not isinstance(atom, Constant | Opaque)) | OPAQUE


def has_aws(value: Value) -> bool:
    return any(isinstance(atom, AWS) for atom in value)


def texts(value: Value) -> tuple[str, ...]:
    """What a string may be; what isn't known stands as ⟦?⟧."""
    found = {
        str(atom.value) if isinstance(atom, Constant) else UNKNOWN_TEXT
        for atom in value if not (isinstance(atom, Constant) and atom.value is None)
    }  # fmt: skip
    return tuple(sorted(found)) or (UNKNOWN_TEXT,)
