"""Run code over what values may be, rather than what they are: which calls to AWS can come out of a handler.

Names, attributes and containers hold sets of atoms (`values`); a function is run once for each kind of arguments that
it is given; everything is run again until nothing new turns up. Branches are all taken, exceptions don't stop anything.
What can't be followed becomes `Opaque`, and a call on it that looks like one of AWS's is noted as "cannot tell".
Cost: linear in the functions that are reached times the kinds of arguments; `MOST_RUNS` ends what explodes.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opsctl.findings import Place
from opsctl.iam.code import library
from opsctl.iam.code.sources import Source, Sources
from opsctl.iam.code.values import (
    AWS,
    NOTHING,
    OPAQUE,
    UNKNOWN_TEXT,
    Class,
    Client,
    Constant,
    External,
    Function,
    Heap,
    Method,
    Module,
    Node,
    Opaque,
    Operation,
    Partial,
    Resource,
    Scope,
    Special,
    Super,
    Value,
    constant,
    has_aws,
    join,
    texts,
)  # fmt: skip

MOST_RUNS = 20_000
DEEPEST = 80
MOST_PASSES = 6


@dataclass
class Arguments:
    """Of one call. `open`: more may be given than is known (`*unknown`, `**unknown`)."""

    positional: list[Value] = field(default_factory=list)
    named: dict[str, Value] = field(default_factory=dict)
    open: bool = False

    def get(self, index: int, name: str, default: Value = NOTHING) -> Value:
        if name in self.named:
            return self.named[name]
        return self.positional[index] if 0 <= index < len(self.positional) else default

    def all(self) -> Iterable[Value]:
        return itertools.chain(self.positional, self.named.values())


@dataclass
class Site:
    """Calls of one operation at one place, merged."""

    arguments: dict[str, Value] = field(default_factory=dict)
    open: bool = False
    optional: bool = False
    runs: int = 0


class Interpreter:
    """One handler's analysis.

    `environment`: its variables; None: not known. `imported`: its modules are only imported, as Lambda does; none of
    them is run as a program, and what follows `if __name__ == "__main__":` never happens.
    """

    def __init__(
        self, sources: Sources, environment: Mapping[str, str] | None = None, *, imported: bool = False
    ) -> None:
        self.imported = imported
        self.sources, self.environment = sources, environment
        self.modules: dict[str, Scope] = {}
        self.files: dict[str, Source] = {}
        self.nodes: dict[int, Node] = {}
        self.scopes: dict[Any, Scope] = {}
        self.results: dict[Any, Value] = {}
        self.heap: dict[Any, Heap] = {}
        self.instances: dict[Node, dict[Heap, None]] = {}
        self.entered: dict[Node, None] = {}
        self.defined: dict[Node, Function] = {}
        self.classes: dict[Node, Class] = {}
        self.sites: dict[Any, Site] = {}
        self.unknown: dict[Any, tuple[str, ...]] = {}
        self.done: set[Any] = set()
        self.stack: list[Any] = []
        self.runs = 0
        self.changed = False
        self.exhausted = False
        self.expects_missing = False
        self.loops = 0
        self.modules_done: set[str] = set()

    # — the whole —

    def settle(self, roots: Callable[[], None]) -> None:
        """Run until nothing new turns up; what was noted in the last run stands."""
        for _ in range(MOST_PASSES):
            self.changed = False
            self.done.clear()
            self.sites.clear()
            self.unknown.clear()
            self.entered.clear()
            loaded = list(self.modules)
            self.modules_done.clear()
            for name in loaded:
                self.load(name)
            roots()
            if not self.changed or self.exhausted:
                return

    def load(self, name: str) -> Scope | None:
        """A module of the code, run; None: it isn't of the code."""
        if name in self.modules_done:
            return self.modules.get(name)
        source = self.sources.find(name)
        if source is None:
            return None
        self.modules_done.add(name)
        if "." in name:
            self.load(name.rpartition(".")[0])
        scope = self.modules.setdefault(name, Scope(name))
        scope.weak = 1
        self.files[name] = source
        if source.tree is None:
            self.cannot_tell(f"{source.file} {source.problem}", ("*",), Place(source.file))
        else:
            scope.names.setdefault("__name__", constant(name))
            self.run(source.tree.body, scope)
        return scope

    def place(self, node: ast.AST, scope: Scope) -> Place:
        source = self.files.get(scope.module)
        return Place(source.file if source else scope.module, getattr(node, "lineno", 0),
                     getattr(node, "col_offset", -1) + 1, getattr(node, "end_lineno", 0) or 0)  # fmt: skip

    def cannot_tell(self, why: str, may: Sequence[str], place: Place) -> None:
        self.unknown[(place, why)] = tuple(may)

    def note(
        self, service: str, operation: str, arguments: Mapping[str, Value], node: ast.AST, scope: Scope, *,
        through: str = "", open: bool = False, optional: bool = False,
    ) -> None:  # fmt: skip
        """A call of an operation."""
        site = self.sites.setdefault((self.place(node, scope), service, operation, through, optional), Site())
        for name, value in arguments.items():
            site.arguments[name] = join((site.arguments.get(name, NOTHING), value))
        for name in site.arguments.keys() - arguments.keys():
            site.arguments[name] |= frozenset({Constant(None)})  # another run of the same line didn't give it
        site.open |= open
        site.runs += 1

    def node(self, it: ast.AST, module: str) -> Node:
        return self.nodes.setdefault(id(it), Node(it, module))

    def make(self, kind: str, it: Any, scope: Scope, extra: Any = None) -> Heap:
        return self.heap.setdefault((kind, id(it), id(scope), extra), Heap(kind))

    def put(self, heap: Heap, key: Any, value: Value) -> None:
        """Add what an item may be; `key` None: of an unknown item."""
        before = heap.rest if key is None else heap.items.get(key, NOTHING)
        after = join((before, value))
        if after != before:
            self.changed = True
            if key is None:
                heap.rest = after
            else:
                heap.items[key] = after

    # — statements —

    def run(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        for statement in body:
            handle = getattr(self, f"_do_{type(statement).__name__.lower()}", None)
            if handle is not None:
                handle(statement, scope)
            else:
                for child in ast.iter_child_nodes(statement):
                    if isinstance(child, ast.expr):
                        self.value(child, scope)

    @contextmanager
    def _maybe(self, scope: Scope) -> Any:
        scope.weak += 1
        try:
            yield
        finally:
            scope.weak -= 1

    def _branches(self, scope: Scope, *bodies: Sequence[ast.stmt]) -> None:
        with self._maybe(scope):
            for body in bodies:
                self.run(body, scope)

    def _do_if(self, it: ast.If, scope: Scope) -> None:
        self.value(it.test, scope)
        as_script = _as_script(it.test) if self.imported else None
        if isinstance(it.test, ast.Name | ast.Attribute) and "TYPE_CHECKING" in ast.unparse(it.test):
            scope.type_checking = True
            self._branches(scope, it.body)
            scope.type_checking = False
        elif as_script is not ast.Eq:
            self._branches(scope, it.body)
        if as_script is not ast.NotEq:
            self._branches(scope, it.orelse)

    def _rounds(self) -> Iterator[None]:
        """Twice: what a loop's end assigns, its beginning may read. Those inside of another are run again with it."""
        self.loops += 1
        try:
            for _ in range(2 if self.loops == 1 else 1):
                yield
        finally:
            self.loops -= 1

    def _do_while(self, it: ast.While, scope: Scope) -> None:
        for _ in self._rounds():
            self.value(it.test, scope)
            self._branches(scope, it.body)
        self._branches(scope, it.orelse)

    def _do_for(self, it: ast.For | ast.AsyncFor, scope: Scope) -> None:
        for _ in self._rounds():
            with self._maybe(scope):
                self.assign(it.target, self.elements(self.value(it.iter, scope), it, scope), scope)
                self.run(it.body, scope)
        self._branches(scope, it.orelse)

    _do_asyncfor = _do_for

    def _do_try(self, it: Any, scope: Scope) -> None:
        with self._maybe(scope):
            self.run(it.body, scope)
            for handler in it.handlers:
                if handler.type:
                    self.value(handler.type, scope)
                if handler.name:
                    self.bind(scope, handler.name, OPAQUE)
                self.run(handler.body, scope)
            self.run(it.orelse, scope)
        self.run(it.finalbody, scope)

    _do_trystar = _do_try

    def _do_with(self, it: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in it.items:
            entered = self.enter(self.value(item.context_expr, scope), item.context_expr, scope)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, entered, scope)
        self.run(it.body, scope)

    _do_asyncwith = _do_with

    def _do_match(self, it: ast.Match, scope: Scope) -> None:
        subject = self.value(it.subject, scope)
        with self._maybe(scope):
            for case in it.cases:
                for pattern in ast.walk(case.pattern):
                    if isinstance(pattern, ast.MatchAs | ast.MatchStar) and pattern.name:
                        self.bind(scope, pattern.name, subject if pattern is case.pattern else OPAQUE)
                    elif isinstance(pattern, ast.MatchMapping) and pattern.rest:
                        self.bind(scope, pattern.rest, OPAQUE)
                if case.guard:
                    self.value(case.guard, scope)
                self.run(case.body, scope)

    def _do_import(self, it: ast.Import, scope: Scope) -> None:
        for alias in it.names:
            found = self.load(alias.name)
            if alias.asname:
                self.bind(scope, alias.asname, self.module(alias.name, it, scope))
            else:
                top = alias.name.partition(".")[0]
                self.bind(scope, top, frozenset({Module(top)}) if found else self.module(top, it, scope))
            library.imported(self, alias.name, it, scope)

    def _do_importfrom(self, it: ast.ImportFrom, scope: Scope) -> None:
        base = it.module or ""
        if it.level:
            own = self.files.get(scope.module)
            parts = scope.module.split(".")
            keep = len(parts) - it.level + (1 if own is not None and own.package else 0)
            base = ".".join([*parts[: max(keep, 0)], *([base] if base else [])])
        if not it.level:
            library.imported(self, base, it, scope)
        found = self.load(base) if base else None
        for alias in it.names:
            if alias.name == "*":
                if found:
                    for name, value in list(found.names.items()):
                        self.bind(scope, name, value)
                continue
            name = alias.asname or alias.name
            whole = f"{base}.{alias.name}" if base else alias.name
            if found is None and base and self.sources.find(base) is None:
                self.bind(scope, name, frozenset({External(whole)}))
            elif found is not None and alias.name in found.names:
                self.bind(scope, name, found.names[alias.name])
            elif self.load(whole) is not None:
                self.bind(scope, name, frozenset({Module(whole)}))
            else:
                self.bind(scope, name, frozenset({Opaque(alias.name)}) if it.level == 0 or found else OPAQUE)

    def module(self, name: str, node: ast.AST, scope: Scope) -> Value:
        return frozenset({Module(name) if self.load(name) is not None else External(name)})

    def _do_functiondef(self, it: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        function = Function(self.node(it, scope.module), scope)
        self.defined.setdefault(function.node, function)
        value: Value = frozenset({function})
        for default in (*it.args.defaults, *(each for each in it.args.kw_defaults if each)):
            self.value(default, scope)
        for decorator in reversed(it.decorator_list):
            value = self.decorate(self.value(decorator, scope), value, decorator, scope)
        self.bind(scope, it.name, value)

    _do_asyncfunctiondef = _do_functiondef

    def decorate(self, decorator: Value, value: Value, node: ast.expr, scope: Scope) -> Value:
        found: list[Value] = []
        for atom in decorator:
            if isinstance(atom, Function) and not _has_decorator(atom.node.it, "lambda_handler_decorator"):
                found.append(self.call(frozenset({atom}), Arguments([value]), node, scope))
            elif isinstance(atom, Function):
                self.call(frozenset({atom}), Arguments([value, OPAQUE, OPAQUE]), node, scope)
                found.append(value)
            elif isinstance(atom, Class):
                found.append(self.call(frozenset({atom}), Arguments([value]), node, scope))
                found.append(value)
            else:
                name = atom.name if isinstance(atom, External | Opaque) else ""
                if not library.is_transparent(name):
                    self.escape(value, node, scope)
                found.append(value)
        made = join(found)
        return made if any(not isinstance(atom, Opaque) for atom in made) else made | value

    def _do_classdef(self, it: ast.ClassDef, scope: Scope) -> None:
        node = self.node(it, scope.module)
        inner = self.scopes.setdefault((id(it), id(scope)), Scope(scope.module, scope, class_body=True, weak=1))
        bases = [self.value(base, scope) for base in it.bases]
        for keyword in it.keywords:
            self.value(keyword.value, scope)
        inner.names["__bases__"] = frozenset().union(*bases)
        self.run(it.body, inner)
        for decorator in it.decorator_list:
            self.value(decorator, scope)
        made = frozenset({Class(node, inner)})
        self.classes.setdefault(node, Class(node, inner))
        self.bind(scope, it.name, made)
        for base in inner.names["__bases__"]:
            if isinstance(base, Class) and (hook := self._class_attribute(base, "__init_subclass__", None, it, scope)):
                bound = frozenset(Function(each.node, each.scope, made) for each in hook if isinstance(each, Function))
                self.call(bound, Arguments(open=True), it, scope)

    def _do_return(self, it: ast.Return, scope: Scope) -> None:
        if it.value is not None:
            self.gives(scope, self.value(it.value, scope))

    def gives(self, scope: Scope, value: Value) -> None:
        """What the function around gives back, or yields."""
        while scope.parent is not None and scope.function is None:
            scope = scope.parent
        scope.names["return "] = join((scope.names.get("return ", NOTHING), value))

    def _do_global(self, it: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        scope.shared.update(it.names)

    _do_nonlocal = _do_global

    def _do_assign(self, it: ast.Assign, scope: Scope) -> None:
        value = self.value(it.value, scope)
        for target in it.targets:
            self.assign(target, value, scope)

    def _do_annassign(self, it: ast.AnnAssign, scope: Scope) -> None:
        if it.value is not None:
            value = self.value(it.value, scope)
            if not has_aws(value) and (meant := self.annotated(it.annotation, scope)) and has_aws(meant):
                value |= meant
            self.assign(it.target, value, scope)

    def _do_augassign(self, it: ast.AugAssign, scope: Scope) -> None:
        added = self.value(it.value, scope)
        before = self.value(it.target, scope)
        for atom in before:
            if isinstance(atom, Heap):
                self.merge(atom, added, it, scope)
        text = self.plus(before, added) if isinstance(it.op, ast.Add) else OPAQUE
        with self._maybe(scope):
            self.assign(it.target, text | frozenset(atom for atom in before if isinstance(atom, Heap)), scope)

    def _do_delete(self, it: ast.Delete, scope: Scope) -> None:
        return

    # — names —

    def bind(self, scope: Scope, name: str, value: Value) -> None:
        if name in scope.shared:
            owner = scope.parent
            while owner is not None and owner.parent is not None and name not in owner.names:
                owner = owner.parent
            scope = owner or scope
            value = join((scope.names.get(name, NOTHING), value))
        elif scope.weak:
            value = join((scope.names.get(name, NOTHING), value))
        if scope.names.get(name, NOTHING) != value:
            if scope.parent is None or scope.class_body:
                self.changed = True
            scope.names[name] = value

    def name(self, name: str, scope: Scope) -> Value:
        here: Scope | None = scope
        while here is not None:
            if name in here.names and (here is scope or not here.class_body):
                return here.names[name]
            here = here.parent
        return frozenset({External(f"builtins.{name}")}) if name in library.BUILTINS else frozenset({Opaque(name)})

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        match target:
            case ast.Name():
                self.bind(scope, target.id, value)
            case ast.Tuple() | ast.List():
                for index, part in enumerate(target.elts):
                    if isinstance(part, ast.Starred):
                        self.assign(part.value, self.elements(value, target, scope), scope)
                    else:
                        self.assign(part, self.item(value, constant(index), target, scope), scope)
            case ast.Attribute():
                for atom in self.value(target.value, scope):
                    if isinstance(atom, Heap):
                        self.put(atom, target.attr, value)
                    elif isinstance(atom, Class):
                        self.bind(atom.scope, target.attr, value)
                    elif isinstance(atom, Module) and (module := self.modules.get(atom.name)):
                        self.bind(module, target.attr, value)
            case ast.Subscript():
                key = self.value(target.slice, scope)
                for atom in self.value(target.value, scope):
                    if isinstance(atom, Heap):
                        for known in _keys(key):
                            self.put(atom, known, value)
            case ast.Starred():
                self.assign(target.value, value, scope)

    # — expressions —

    def value(self, it: ast.expr, scope: Scope) -> Value:
        match it:
            case ast.Constant():
                self.expects_missing |= it.value in ("NoSuchKey", "404", 404)
                return constant(it.value)
            case ast.Name():
                return self.name(it.id, scope)
            case ast.Attribute():
                return self.attribute(self.value(it.value, scope), it.attr, it, scope)
            case ast.Call():
                return self._call(it, scope)
            case ast.Subscript():
                return self.item(self.value(it.value, scope), self.value(it.slice, scope), it, scope)
            case ast.JoinedStr():
                parts = [self.value(part, scope) for part in it.values]
                return join(constant("".join(chosen)) for chosen in _few(map(texts, parts)))
            case ast.FormattedValue():
                return self.value(it.value, scope)
            case ast.BoolOp():
                return join(self.value(part, scope) for part in it.values)
            case ast.IfExp():
                self.value(it.test, scope)
                return join((self.value(it.body, scope), self.value(it.orelse, scope)))
            case ast.BinOp():
                left, right = self.value(it.left, scope), self.value(it.right, scope)
                if isinstance(it.op, ast.BitOr):
                    return self._merged(left, right, it, scope)
                if isinstance(it.op, ast.Mod):
                    return join(constant(_formatted(text)) for text in texts(left))
                return self.plus(left, right) if isinstance(it.op, ast.Add) else OPAQUE
            case ast.Dict():
                made = self.make("dict", it, scope)
                for key, part in zip(it.keys, it.values, strict=True):
                    if key is None:
                        self.merge(made, self.value(part, scope), it, scope)
                    else:
                        inner = self.value(part, scope)
                        for known in _keys(self.value(key, scope)):
                            self.put(made, known, inner)
                return frozenset({made})
            case ast.List() | ast.Tuple() | ast.Set():
                made = self.make("seq", it, scope)
                known_index = True
                for index, part in enumerate(it.elts):
                    if isinstance(part, ast.Starred):
                        known_index = False
                        self.put(made, None, self.elements(self.value(part.value, scope), it, scope))
                    else:
                        self.put(made, index if known_index and len(it.elts) <= 64 else None, self.value(part, scope))
                return frozenset({made})
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(it, scope)
            case ast.Lambda():
                function = Function(self.node(it, scope.module), scope)
                return frozenset({function})
            case ast.Await():
                return self.value(it.value, scope)
            case ast.Yield():
                self.gives(scope, self.value(it.value, scope) if it.value else OPAQUE)
                return OPAQUE
            case ast.YieldFrom():
                self.gives(scope, self.elements(self.value(it.value, scope), it, scope))
                return OPAQUE
            case ast.NamedExpr():
                value = self.value(it.value, scope)
                with self._maybe(scope):
                    self.assign(it.target, value, scope)
                return value
            case ast.Starred():
                return self.value(it.value, scope)
            case ast.UnaryOp() | ast.Compare() | ast.Slice():
                for child in ast.iter_child_nodes(it):
                    if isinstance(child, ast.expr):
                        self.value(child, scope)
                return frozenset({Constant(True), Constant(False)}) if isinstance(it, ast.Compare) else OPAQUE
        return OPAQUE

    def _comprehension(self, it: Any, scope: Scope) -> Value:
        inner = self.scopes.setdefault(("comprehension", id(it), id(scope)), Scope(scope.module, scope))
        for generator in it.generators:
            source = self.value(generator.iter, inner)
            self.assign(generator.target, self.elements(source, generator.iter, scope), inner)
            for condition in generator.ifs:
                self.value(condition, inner)
        if isinstance(it, ast.DictComp):
            made = self.make("dict", it, scope)
            value = self.value(it.value, inner)
            for known in _keys(self.value(it.key, inner)):
                self.put(made, known, value)
        else:
            made = self.make("seq", it, scope)
            self.put(made, None, self.value(it.elt, inner))
        return frozenset({made})

    def plus(self, left: Value, right: Value) -> Value:
        heaps = frozenset(atom for atom in left | right if isinstance(atom, Heap))
        if heaps:
            return heaps
        if not any(isinstance(atom, Constant) and isinstance(atom.value, str) for atom in left | right):
            return OPAQUE
        return join(constant(a + b) for a, b in _few((texts(left), texts(right))))

    def _merged(self, left: Value, right: Value, node: ast.AST, scope: Scope) -> Value:
        if not any(isinstance(atom, Heap) for atom in left | right):
            return OPAQUE
        made = self.make("dict", node, scope)
        self.merge(made, left, node, scope)
        self.merge(made, right, node, scope)
        return frozenset({made})

    def merge(self, heap: Heap, value: Value, node: ast.AST, scope: Scope) -> None:
        """`heap.update(value)`, `heap += value`, `{**value}`."""
        for atom in value:
            if isinstance(atom, Heap) and atom.kind == heap.kind and heap.kind == "dict":
                for key, inner in list(atom.items.items()):
                    self.put(heap, key, inner)
                if atom.rest:
                    self.put(heap, None, atom.rest)
            elif isinstance(atom, Constant) and not atom.value:
                continue
            else:
                self.put(heap, None, self.elements(frozenset({atom}), node, scope))

    def elements(self, value: Value, node: ast.AST, scope: Scope) -> Value:
        """What a loop over it meets."""
        found: list[Value] = []
        for atom in value:
            match atom:
                case Heap(kind="dict"):
                    found.append(frozenset(Constant(key) for key in atom.items) | (OPAQUE if atom.rest else NOTHING))
                case Heap(kind="seq"):
                    found += [*atom.items.values(), atom.rest]
                case Heap():
                    for method in ("__iter__", "__next__", "__aiter__", "__anext__"):
                        if self._class_attribute(atom.of, method, atom, node, scope):
                            given = self.call(
                                self.attribute(frozenset({atom}), method, node, scope), Arguments(), node, scope
                            )
                            found.append(
                                given if method.endswith("next__") else self.elements(given - {atom}, node, scope)
                            )
                case Function() | Partial() | Client() | Resource() | Operation() | Special() | Class():
                    found.append(frozenset({atom}))  # a generator's value is what it yields
                case Constant(value=str()):
                    found.append(constant(UNKNOWN_TEXT))
                case Constant():
                    continue
                case _:
                    found.append(library.elements(self, atom, node, scope))
        return join(found)

    def item(self, value: Value, key: Value, node: ast.AST, scope: Scope) -> Value:
        found: list[Value] = []
        for atom in value:
            match atom:
                case Heap(kind="instance"):
                    got = self._class_attribute(atom.of, "__getitem__", atom, node, scope)
                    found.append(self.call(got, Arguments([key]), node, scope) if got else atom.rest | OPAQUE)
                case Heap():
                    for known in _keys(key):
                        if known is None:
                            found += [*atom.items.values(), atom.rest]
                        else:
                            found.append(atom.items.get(known, NOTHING) | atom.rest)
                    if not found or not found[-1]:
                        found.append(OPAQUE if not atom.items and not atom.rest else NOTHING)
                case External():
                    found.append(library.item(self, atom, key))
                case Constant(value=str()):
                    found.append(constant(UNKNOWN_TEXT))
                case Function() | Client() | Resource() | Operation():
                    found.append(frozenset({atom}))  # what a generator or tuple of unknown shape gave
                case Constant():
                    continue
                case _:
                    found.append(OPAQUE)
        return join(found)

    def attribute(self, value: Value, name: str, node: ast.AST, scope: Scope) -> Value:
        self.expects_missing |= name == "NoSuchKey"
        found: list[Value] = []
        told = any(library.has_operation(atom, name) for atom in value)
        for atom in value:
            match atom:
                case Module():
                    module = self.load(atom.name)
                    inner = module.names.get(name) if module else None
                    if inner is None:
                        whole = f"{atom.name}.{name}"
                        inner = (
                            frozenset({Module(whole)}) if self.load(whole) is not None else frozenset({Opaque(name)})
                        )
                    found.append(inner)
                case External():
                    found.append(library.attribute(atom, name))
                case Heap(kind="instance"):
                    got = atom.items.get(name, NOTHING)
                    found.append(
                        got | self._class_attribute(atom.of, name, atom, node, scope) or frozenset({Opaque(name)})
                    )
                case Heap():
                    found.append(frozenset({Method(atom, name)}))
                case Super():
                    found.append(
                        self._inherited(atom, name, node, scope) or frozenset({External(f"builtins.super.{name}")})
                    )
                case Class() if name == "__subclasses__":
                    found.append(frozenset({Method(atom, name)}))
                case Class():
                    found.append(self._class_attribute(atom, name, None, node, scope) or frozenset({Opaque(name)}))
                case Constant(value=None):
                    continue
                case Constant():
                    found.append(frozenset({Method(atom, name)}))
                case Function() | Partial():
                    if name == "func" and isinstance(atom, Partial):
                        found.append(atom.function)
                    elif name in ("__wrapped__", "delay", "apply_async"):
                        found.append(frozenset({atom}))
                    else:
                        found.append(OPAQUE)
                case _ if isinstance(atom, AWS):
                    found.append(library.aws_attribute(self, atom, name, node, scope, others=told))
                case _:
                    found.append(frozenset({Opaque(name)}))
        if any(has_aws(each) or any(isinstance(atom, Function) for atom in each) for each in found):
            found = [frozenset(atom for atom in each if not isinstance(atom, Opaque)) for each in found]
        return join(found)

    def lineage(self, of: Class | None) -> tuple[list[Class], list[str]]:
        """The class and its bases, and the names of those of libraries."""
        found: list[Class] = []
        foreign: list[str] = []
        ahead = [of] if of else []
        while ahead:
            here = ahead.pop(0)
            if here in found or len(found) > 32:
                continue
            found.append(here)
            for base in here.scope.names.get("__bases__", NOTHING):
                if isinstance(base, Class):
                    ahead.append(base)
                else:
                    foreign.append(base.name if isinstance(base, External) else "")
        return found, [name for name in foreign if not library.is_plain_base(name)]

    def _inherited(self, super_: Super, name: str, node: ast.AST, scope: Scope) -> Value:
        this = super_.this if isinstance(super_.this, Heap) else None
        of = this.of if this is not None else super_.this
        classes, _ = self.lineage(of)
        later = [each.scope is super_.after for each in classes]
        return self._class_attribute(of, name, this, node, scope, skip=later.index(True) + 1 if any(later) else 0)

    def _class_attribute(
        self, of: Class | None, name: str, this: Heap | None, node: ast.AST, scope: Scope, *, skip: int = 0
    ) -> Value:
        classes, _ = self.lineage(of)
        for each in classes[skip:]:
            if name not in each.scope.names:
                continue
            found: list[Value] = []
            for atom in each.scope.names[name]:
                if (
                    not isinstance(atom, Function)
                    or isinstance(atom.node.it, ast.Lambda)
                    or _has_decorator(atom.node.it, "staticmethod")
                ):
                    found.append(frozenset({atom}))
                elif _has_decorator(atom.node.it, "classmethod"):
                    found.append(frozenset({Function(atom.node, atom.scope, frozenset({of}))}))
                elif this is None:
                    found.append(frozenset({atom}))
                else:
                    bound = frozenset({Function(atom.node, atom.scope, frozenset({this}))})
                    read = _has_decorator(atom.node.it, "property", "cached_property")
                    found.append(self.call(bound, Arguments(), node, scope) if read else bound)
            return join(found)
        return NOTHING

    # — calls —

    def _call(self, it: ast.Call, scope: Scope) -> Value:
        function = self.value(it.func, scope)
        given = Arguments()
        for argument in it.args:
            value = self.value(argument, scope)
            if not isinstance(argument, ast.Starred):
                given.positional.append(value)
                continue
            known = [atom for atom in value if isinstance(atom, Heap) and atom.kind == "seq" and not atom.rest]
            if len(known) == len(value) == 1 and not given.open:
                given.positional += [known[0].items[index] for index in sorted(known[0].items)]
            else:
                given.positional.append(self.elements(value, it, scope))
                given.open = True
        for keyword in it.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                given.named[keyword.arg] = value
                continue
            for atom in value:
                if isinstance(atom, Heap) and atom.kind == "dict":
                    for key, inner in atom.items.items():
                        if isinstance(key, str):
                            given.named[key] = join((given.named.get(key, NOTHING), inner))
                    given.open |= bool(atom.rest)
                elif not (isinstance(atom, Constant) and atom.value is None):
                    given.open = True
        if isinstance(it.func, ast.Name) and it.func.id == "super" and not it.args:
            return self._super(scope)
        return self.call(function, given, it, scope)

    def _super(self, scope: Scope) -> Value:
        here: Scope | None = scope
        while here is not None and not (here.function is not None and "this " in here.names):
            here = here.parent
        body = here.parent if here is not None else None
        if here is None or body is None or not body.class_body:
            return OPAQUE
        return (
            frozenset({Super(each, body) for each in here.names["this "] if isinstance(each, Heap | Class)}) or OPAQUE
        )

    def call(self, function: Value, given: Arguments, node: ast.AST, scope: Scope) -> Value:
        """What a call may give; and all that it does."""
        found: list[Value] = []
        certain = has_aws(function) or any(isinstance(atom, Function | Class | Method | Partial) for atom in function)
        for atom in function:
            match atom:
                case Function():
                    found.append(self.invoke(atom, given))
                case Class():
                    found.append(self._instance(atom, given, node, scope))
                case Partial():
                    whole = Arguments(
                        [*atom.positional, *given.positional], {**dict(atom.named), **given.named}, given.open
                    )
                    found.append(self.call(atom.function, whole, node, scope))
                case Method():
                    found.append(library.method(self, atom, given, node, scope))
                case External():
                    found.append(library.call(self, atom, given, node, scope, certain=certain))
                case Heap(kind="instance"):
                    called = self._class_attribute(atom.of, "__call__", atom, node, scope)
                    found.append(self.call(called, given, node, scope) if called else OPAQUE)
                case Constant():
                    continue
                case _ if isinstance(atom, AWS):
                    found.append(library.aws_call(self, atom, given, node, scope))
                case Opaque():
                    if not certain:
                        library.suspect(self, atom.name, given, node, scope)
                    found.append(library.passed_on(self, given, node, scope))
                case _:
                    found.append(OPAQUE)
        return join(found) if found else NOTHING

    def invoke(self, function: Function, given: Arguments) -> Value:
        """Run one of the code's own functions on what it is given."""
        key = (
            function,
            tuple(given.positional),
            tuple(sorted(given.named.items(), key=lambda each: each[0])),
            given.open,
        )
        if (
            sum(each[0].node is function.node for each in self.stack) >= 3
        ):  # recursion: what plain data it has is given up
            given = Arguments(
                [_blurred(each) for each in given.positional],
                {name: _blurred(each) for name, each in given.named.items()}, given.open,
            )  # fmt: skip
            key = (
                function,
                tuple(given.positional),
                tuple(sorted(given.named.items(), key=lambda each: each[0])),
                given.open,
            )
        if key in self.done:
            return self.results.get(key, NOTHING)
        if self.runs >= MOST_RUNS or len(self.stack) >= DEEPEST:
            self.exhausted |= self.runs >= MOST_RUNS
            self.cannot_tell(
                "there is more code than can be followed",
                ("*",),
                self.place(function.node.it, Scope(function.node.module)),
            )
            return OPAQUE
        self.runs += 1
        self.done.add(key)
        self.entered[function.node] = None
        it = function.node.it
        scope = self.scopes.setdefault(key, Scope(function.node.module, function.scope, function=it))
        scope.names.clear()
        self.stack.append(key)
        loops, self.loops = self.loops, 0
        try:
            self._bind(function, given, scope)
            if isinstance(it, ast.Lambda):
                value = self.value(it.body, scope)
            else:
                self.run(it.body, scope)
                value = scope.names.get("return ", NOTHING) or constant(None)
        finally:
            self.stack.pop()
            self.loops = loops
        before = self.results.get(key, NOTHING)
        after = join((before, value))
        if after != before:
            self.results[key] = after
            self.changed = True
        return after

    def _bind(self, function: Function, given: Arguments, scope: Scope) -> None:
        arguments = function.node.it.args
        parameters = [*arguments.posonlyargs, *arguments.args]
        positional = list(given.positional)
        if function.this is not None and parameters:
            scope.names["this "] = function.this
            positional.insert(0, function.this)
        defaults: dict[str, ast.expr] = {
            parameter.arg: default
            for parameter, default in zip(reversed(parameters), reversed(arguments.defaults), strict=False)
        } | {
            each.arg: default
            for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default
        }
        named = dict(given.named)
        if function.this is None and function.name == "__new__" and positional:
            scope.names["this "] = positional[0]  # it is static without saying so
        for index, parameter in enumerate([*parameters, *arguments.kwonlyargs]):
            if index < len(parameters) and index < len(positional):
                value = positional[index]
            elif parameter.arg in named:
                value = named.pop(parameter.arg)
            elif parameter.arg in defaults:
                value = self.value(defaults[parameter.arg], function.scope) | (OPAQUE if given.open else NOTHING)
            else:
                value = OPAQUE
            if (
                parameter.annotation is not None
                and not has_aws(value)
                and any(isinstance(atom, Opaque | External) for atom in value)
            ):
                value |= self.annotated(parameter.annotation, function.scope)
            scope.names[parameter.arg] = value
        if arguments.vararg:
            made = self.make("seq", arguments.vararg, scope)
            for index, value in enumerate(positional[len(parameters) :]):
                self.put(made, None if given.open else index, value)
            if given.open:
                self.put(made, None, OPAQUE)
            scope.names[arguments.vararg.arg] = frozenset({made})
        if arguments.kwarg:
            made = self.make("dict", arguments.kwarg, scope)
            for name, value in named.items():
                self.put(made, name, value)
            if given.open:
                self.put(made, None, OPAQUE)
            scope.names[arguments.kwarg.arg] = frozenset({made})

    def annotated(self, annotation: ast.expr, scope: Scope) -> Value:
        """What a type hint says: a client of mypy_boto3, or an instance of one of the code's classes."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except (SyntaxError, ValueError):
                return NOTHING
        if isinstance(annotation, ast.BinOp):
            return self.annotated(annotation.left, scope) | self.annotated(annotation.right, scope)
        if isinstance(annotation, ast.Subscript):  # Optional[S3Client]
            inner = annotation.slice
            return join(
                self.annotated(each, scope) for each in (inner.elts if isinstance(inner, ast.Tuple) else [inner])
            )
        if not isinstance(annotation, ast.Name | ast.Attribute):
            return NOTHING
        found: list[Value] = []
        for atom in self.value(annotation, scope):
            if isinstance(atom, External):
                found.append(library.typed(atom.name))
            elif isinstance(atom, Class):
                found.append(frozenset(self.instances.get(atom.node, ())))
        return join(found)

    def _instance(self, of: Class, given: Arguments, node: ast.AST, scope: Scope) -> Value:
        made = self.make("instance", node, scope, of)
        made.of = of
        self.instances.setdefault(of.node, {})[made] = None
        this = frozenset({made})
        if new := self._class_attribute(of, "__new__", None, node, scope):
            given_class = Arguments([frozenset({of}), *given.positional], given.named, given.open)
            made_by_it = self.call(new, given_class, node, scope)
            this |= frozenset(each for each in made_by_it if isinstance(each, Heap) and each.kind == "instance")
        start = self._class_attribute(of, "__init__", made, node, scope)
        classes, foreign = self.lineage(of)
        if start:
            self.call(start, given, node, scope)
        else:
            fields = [
                each.target.id for one in reversed(classes) for each in one.node.it.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            ]  # fmt: skip
            for name, value in (*zip(fields, given.positional, strict=False), *given.named.items()):
                self.put(made, name, value)
            if after := self._class_attribute(of, "__post_init__", made, node, scope):
                self.call(after, Arguments(), node, scope)
        if foreign:  # a library's class calls what was overridden
            self._all_methods(made, node, scope)
        return this

    def _all_methods(self, instance: Heap, node: ast.AST, scope: Scope) -> None:
        for each in self.lineage(instance.of)[0]:
            for name, value in list(each.scope.names.items()):
                if not name.startswith("__") and any(isinstance(atom, Function) for atom in value):
                    self.escape(self._class_attribute(instance.of, name, instance, node, scope), node, scope)

    def enter(self, value: Value, node: ast.AST, scope: Scope) -> Value:
        """`with value as …`."""
        found: list[Value] = []
        for atom in value:
            if isinstance(atom, Heap) and atom.kind == "instance":
                entered = NOTHING
                for method in ("__enter__", "__aenter__"):
                    if got := self._class_attribute(atom.of, method, atom, node, scope):
                        entered |= self.call(got, Arguments(), node, scope)
                for method in ("__exit__", "__aexit__"):
                    if got := self._class_attribute(atom.of, method, atom, node, scope):
                        self.call(got, Arguments([OPAQUE] * 3), node, scope)
                found.append(entered or frozenset({atom}))
            else:
                found.append(frozenset({atom}))
        return join(found)

    def escape(self, value: Value, node: ast.AST, scope: Scope, given: Sequence[Value] = (), depth: int = 0) -> None:
        """Something that can't be looked into got hold of it: what can be called may be called."""
        for atom in value:
            match atom:
                case Function():
                    self.invoke(atom, self._guessed(atom, given))
                case Partial():
                    first = next((each for each in atom.function if isinstance(each, Function)), None)
                    guessed = self._guessed(first, given).positional if first else list(given)
                    self.call(frozenset({atom}), Arguments(guessed[len(atom.positional) :], open=True), node, scope)
                case Operation() | Special():
                    self.call(frozenset({atom}), Arguments(open=True), node, scope)
                case Heap() if depth < 3:
                    for inner in (*atom.items.values(), atom.rest) if atom.kind != "instance" else ():
                        self.escape(inner, node, scope, given, depth + 1)

    def _guessed(self, function: Function, given: Sequence[Value]) -> Arguments:
        """What an unknown caller hands over: in place of each parameter without a default, something."""
        arguments = function.node.it.args
        wanted = len(arguments.posonlyargs) + len(arguments.args) - (function.this is not None)
        needed = max(wanted - len(arguments.defaults), 0)
        return Arguments([*given[:wanted], *([OPAQUE] * (needed - len(given)))])


def _as_script(test: ast.expr) -> type[ast.cmpop] | None:
    """Eq of `__name__ == "__main__"` (also with `and …`), NotEq of its opposite, None of any other condition."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return ast.Eq if any(_as_script(each) is ast.Eq for each in test.values) else None
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    sides = {getattr(each, "id", getattr(each, "value", None)) for each in (test.left, test.comparators[0])}
    return type(test.ops[0]) if sides == {"__name__", "__main__"} else None


def _has_decorator(it: ast.AST, *names: str) -> bool:
    for decorator in getattr(it, "decorator_list", ()):
        here = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = here.attr if isinstance(here, ast.Attribute) else here.id if isinstance(here, ast.Name) else ""
        if name in names:
            return True
    return False


def _keys(value: Value) -> list[Any]:
    """Constant keys; None stands for one that isn't known."""
    found: list[Any] = []
    for atom in value:
        known = isinstance(atom, Constant) and not (isinstance(atom.value, str) and "⟦" in atom.value)
        found.append(atom.value if known else None)
    return list(dict.fromkeys(found)) or [None]


def _few(parts: Iterable[Sequence[str]]) -> Iterable[tuple[str, ...]]:
    return itertools.islice(itertools.product(*parts), 8)


def _formatted(text: str) -> str:
    import re

    return re.sub(r"%(\(\w+\))?[-+0-9.]*[a-zA-Z]", UNKNOWN_TEXT, text)


def _blurred(value: Value) -> Value:
    rest = frozenset(atom for atom in value if not isinstance(atom, Constant))
    return rest if rest == value else rest | OPAQUE
