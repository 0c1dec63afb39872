"""Where each attribute, nested block and element of a value is written, and which resources an expression names.

Both are found when somebody asks, from the syntax tree: through locals, module inputs and outputs, `for`, `concat`,
`merge`, `jsonencode` and `data.aws_iam_policy_document`, back to the literal that a person wrote. What can't be
followed has the place of the nearest thing around it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from opsctl.findings import Place
from opsctl.hcl.evaluation import META, META_BLOCKS, Each, Frame, Module, ModuleValue, ResourceValue, evaluate
from opsctl.hcl.modules import place
from opsctl.hcl.symbols import Some, SomeMap, Unknown, symbols_in
from opsctl.hcl.syntax import (
    Access,
    Attribute,
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expression,
    For,
    GetIndex,
    Literal,
    Object,
    Reference,
    Splat,
    Step,
    Template,
    TemplateFor,
    TemplateIf,
    Tuple,
    Unary,
    parse,
)
from opsctl.hcl.values import EvaluationError, attribute, index, pairs, to_bool, to_text

DEEPEST = 60  # references that are followed one after the other
MOST_PLACES = 20_000  # of one resource
MOST_NAMED = 50  # instances of one block that an expression names one by one; above that, the block

V = TypeVar("V")


class Found(Mapping[str, V], Generic[V]):
    """A mapping that is made when it is first looked into."""

    def __init__(self, make: Callable[[], Mapping[str, V]]) -> None:
        self._make: Callable[[], Mapping[str, V]] | None = make
        self._made: Mapping[str, V] = {}

    def _all(self) -> Mapping[str, V]:
        if self._make is not None:
            make, self._make = self._make, None
            self._made = make()
        return self._made

    def __getitem__(self, key: str) -> V:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __reduce__(self) -> tuple[type, tuple[dict[str, V]]]:
        """What makes it holds syntax trees, which no other process can be given: the mapping itself can."""
        return dict, (dict(self),)


@dataclass(frozen=True, slots=True)
class Origin:
    """An expression where it is written; `names`: where the loop variables that it sees come from."""

    expression: Expression
    frame: Frame
    file: str
    names: Mapping[str, Origin]


def places_of(resource: ResourceValue) -> Mapping[str, Place]:
    """Path ("policy", "ingress[0].cidr_blocks", "policy.Statement[0].Action") → where it is written."""
    return Found(partial(_places, resource))


def _places(resource: ResourceValue) -> dict[str, Place]:
    tracer = _Tracer()
    try:
        tracer.body(resource.block.body, resource.frame, "", {})
        if resource.block.type == "data" and resource.type == "aws_iam_policy_document":
            tracer.policy_document(resource, "json")
    except RecursionError:
        pass  # the places that were found stand
    return tracer.found


_SAME = frozenset({"jsonencode", "yamlencode", "tolist", "sensitive", "nonsensitive", "tomap", "jsondecode"})


class _Tracer:
    def __init__(self) -> None:
        self.found: dict[str, Place] = {}
        self.depth = 0

    def note(self, path: str, where: Place) -> None:
        if len(self.found) < MOST_PLACES:
            self.found.setdefault(path, where)

    def body(self, body: Body, frame: Frame, prefix: str, names: Mapping[str, Origin]) -> None:
        for name, written in body.attributes.items():
            if name in META:
                self.note(name, place(written.file, written.at))
                continue
            self.note(prefix + name, place(written.file, written.at))
            self.value(Origin(written.expression, frame, written.file, names), prefix + name)
        counts: dict[str, int] = {}
        for block in body.blocks:
            name = block.labels[0] if block.type == "dynamic" and block.labels else block.type
            if block.type in META_BLOCKS:
                continue
            for inner, inner_frame, inner_names in _expanded(block, frame, names):
                number = counts.get(name, 0)
                counts[name] = number + 1
                path = f"{prefix}{name}[{number}]"
                self.note(path, place(block.file, block.at))
                self.body(inner, inner_frame, path + ".", inner_names)
            if counts.get(name):
                self.note(prefix + name, place(block.file, block.at))

    def value(self, origin: Origin, path: str) -> None:
        """Notes what is inside a value; the value itself is noted by who calls."""
        if self.depth > DEEPEST or len(self.found) >= MOST_PLACES:
            return
        self.depth += 1
        try:
            self._value(origin, path)
        except EvaluationError:
            pass  # where a value can't be told, neither can its parts
        finally:
            self.depth -= 1

    def _value(self, origin: Origin, path: str) -> None:
        document = _document_of(origin)
        if document is not None:
            self.policy_document(document, path)
            return
        origin = _literal_of(origin)
        expression, frame = origin.expression, origin.frame
        if isinstance(expression, Object):
            for key, value in expression.items:
                name = key.value if isinstance(key, Literal) else _text(key, frame)
                if name is not None:
                    part = replace(origin, expression=value)
                    self.item(part, f"{path}.{name}", key.at)
                    if name == "Statement" and isinstance(_literal_of(part).expression, Object):
                        self.item(part, f"{path}.{name}[0]")
        elif isinstance(expression, Tuple):
            for number, item in enumerate(expression.items):
                self.item(replace(origin, expression=item), f"{path}[{number}]")
        elif isinstance(expression, For):
            for number, (result_key, result) in enumerate(_iterations(origin)):
                self.item(result, f"{path}[{number}]" if result_key is None else f"{path}.{result_key}")
        elif isinstance(expression, Call) and expression.name in _SAME and expression.arguments:
            self.value(replace(origin, expression=expression.arguments[0]), path)
        elif isinstance(expression, Call) and expression.name == "merge":
            for argument in reversed(_arguments(origin)):
                self.value(argument, path)
        elif isinstance(expression, Call) and expression.name in ("concat", "flatten", "compact", "distinct"):
            for number, element in enumerate(_elements(origin)):
                self.item(element, f"{path}[{number}]")
        elif isinstance(expression, Conditional):
            for branch in _branches(expression, frame):
                self.value(replace(origin, expression=branch), path)
        elif isinstance(expression, Call) and expression.name == "try" and expression.arguments:
            self.value(replace(origin, expression=expression.arguments[0]), path)
        elif isinstance(expression, Literal | Template) and expression.at.end_line > expression.at.line:
            self.heredoc(origin, path)

    def item(self, origin: Origin, path: str, at: Any = None) -> None:
        """One element: noted where it is written, not where it is passed on."""
        written = _written(origin)
        own = at if at is not None and written.expression is origin.expression else written.expression.at
        end = written.expression.at.end_line
        where = place(written.file, own)
        self.note(path, replace(where, end_line=max(end, where.line)))
        self.value(origin, path)

    def heredoc(self, origin: Origin, path: str) -> None:
        """JSON inside a heredoc is an HCL expression: its lines are read as one."""
        at = origin.expression.at
        try:
            lines = origin.frame.module.evaluation.lines(origin.file)[at.line : at.end_line - 1]
        except OSError:
            return
        text = "\n".join(lines)
        blank = len(text) - len(text.lstrip())
        if text.lstrip()[:1] not in ("{", "["):
            return
        first = at.line + text.count("\n", 0, blank)
        source = parse(b"_ =" + text.strip().encode())
        written = source.body.attributes.get("_")
        if source.errors or written is None:
            return
        self._shifted(written.expression, path, origin.file, first)

    def _shifted(self, expression: Expression, path: str, file: str, lines: int) -> None:
        inner: Iterable[tuple[str, Expression]] = ()
        if isinstance(expression, Object):
            inner = ((f"{path}.{key.value}", value) for key, value in expression.items if isinstance(key, Literal))
        elif isinstance(expression, Tuple):
            inner = ((f"{path}[{number}]", item) for number, item in enumerate(expression.items))
        for where, value in inner:
            self.note(where, Place(file, value.at.line + lines, 1, value.at.end_line + lines))
            self._shifted(value, where, file, lines)
            if where.endswith(".Statement") and isinstance(value, Object):
                self._shifted(Tuple((value,), value.at), where, file, lines)

    def policy_document(self, resource: ResourceValue, path: str) -> None:
        """The statements of `data.aws_iam_policy_document`, in the order of its JSON."""
        body, frame = resource.block.body, resource.frame
        statements: list[tuple[str, Callable[[str], None]]] = []
        for name in ("source_json", "source_policy_documents"):
            statements = _with(statements, self._others(body.attributes.get(name), frame))
        own: list[tuple[str, Callable[[str], None]]] = []
        for block in body.of_type("statement", "dynamic"):
            if block.type == "statement" or block.labels[:1] == ("statement",):
                for inner, inner_frame, names in _expanded(block, frame, {}):
                    sid = inner.attributes.get("sid")
                    own.append(
                        (
                            _text(sid.expression, inner_frame) or "" if sid else "",
                            partial(self._statement, block, inner, inner_frame, names),
                        )
                    )
        statements = _with(statements, own)
        for name in ("override_json", "override_policy_documents"):
            statements = _with(statements, self._others(body.attributes.get(name), frame))
        for number, (_, emit) in enumerate(statements):
            emit(f"{path}.Statement[{number}]")

    def _statement(self, block: Block, body: Body, frame: Frame, names: Mapping[str, Origin], path: str) -> None:
        self.note(path, place(block.file, block.at))
        for name, key in _KEYS.items():
            if written := body.attributes.get(name):
                self.note(f"{path}.{key}", place(written.file, written.at))
                self.value(Origin(written.expression, frame, written.file, names), f"{path}.{key}")
        for inner in body.blocks:
            name = inner.labels[0] if inner.type == "dynamic" and inner.labels else inner.type
            if name in _BLOCK_KEYS:
                self.note(f"{path}.{_BLOCK_KEYS[name]}", place(inner.file, inner.at))

    def _others(self, written: Attribute | None, frame: Frame) -> list[tuple[str, Callable[[str], None]]]:
        """(Sid, what notes its places) of each statement of source or override documents."""
        if written is None:
            return []
        found: list[tuple[str, Callable[[str], None]]] = []
        origin = Origin(written.expression, frame, written.file, {})
        elements = [origin] if written.name.endswith("json") else _elements(origin)
        for element in elements:
            text = evaluate(element.expression, element.frame)
            if isinstance(text, Unknown) and text.options:
                text = text.options[0]
            try:
                statements = json.loads(text)["Statement"]
            except (ValueError, TypeError, KeyError):
                continue
            inner = _Tracer()
            inner.depth = self.depth
            inner.value(element, "_")
            for number, statement in enumerate(statements if isinstance(statements, list) else [statements]):
                sid = statement.get("Sid", "") if isinstance(statement, dict) else ""
                found.append((sid, partial(self._copied, inner.found, f"_.Statement[{number}]")))
        return found

    def _copied(self, found: Mapping[str, Place], old: str, path: str) -> None:
        for key, where in found.items():
            if key == old or key.startswith((old + ".", old + "[")):
                self.note(path + key[len(old) :], where)


_KEYS = {
    "sid": "Sid",
    "effect": "Effect",
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
_BLOCK_KEYS = {"principals": "Principal", "not_principals": "NotPrincipal", "condition": "Condition"}


def _with(
    statements: list[tuple[str, Callable[[str], None]]], added: list[tuple[str, Callable[[str], None]]]
) -> list[tuple[str, Callable[[str], None]]]:
    result = list(statements)
    at = {sid: number for number, (sid, _) in enumerate(result) if sid}
    for sid, emit in added:
        if sid and sid in at:
            result[at[sid]] = (sid, emit)
        else:
            if sid:
                at[sid] = len(result)
            result.append((sid, emit))
    return result


def _expanded(
    block: Block, frame: Frame, names: Mapping[str, Origin]
) -> Iterator[tuple[Body, Frame, Mapping[str, Origin]]]:
    """A block's bodies: one, or those of a `dynamic`."""
    if block.type != "dynamic":
        yield block.body, frame, names
        return
    content = next(block.body.of_type("content"), None)
    each = block.body.attributes.get("for_each")
    if content is None or each is None:
        return
    iterator = block.body.attributes.get("iterator")
    variable = block.labels[0]
    if iterator is not None and isinstance(iterator.expression, Reference):
        variable = iterator.expression.name
    try:
        entries, _ = pairs(evaluate(each.expression, frame))
    except EvaluationError:
        yield content.body, frame.with_names(**{variable: Unknown(variable)}), names
        return
    for key, value in entries:
        yield content.body, frame.with_names(**{variable: {"key": key, "value": value}}), names


def _text(expression: Expression, frame: Frame) -> str | None:
    try:
        return to_text(evaluate(expression, frame))
    except EvaluationError:
        return None


def _arguments(origin: Origin) -> list[Origin]:
    call = origin.expression
    assert isinstance(call, Call)
    arguments = [replace(origin, expression=argument) for argument in call.arguments]
    return [*arguments[:-1], *_elements(arguments[-1])] if call.expands and arguments else arguments


def _branches(expression: Conditional, frame: Frame) -> tuple[Expression, ...]:
    condition = to_bool(evaluate(expression.condition, frame))
    if isinstance(condition, Unknown):
        return expression.yes, expression.no
    return (expression.yes if condition else expression.no,)


def _elements(origin: Origin) -> list[Origin]:
    """The elements of a list; [] of one that can't be followed is filled up with the list's own origin."""
    origin = _literal_of(origin)
    expression, frame = origin.expression, origin.frame
    if isinstance(expression, Tuple):
        return [replace(origin, expression=item) for item in expression.items]
    if isinstance(expression, For) and expression.result_key is None:
        return [result for _, result in _iterations(origin)]
    if isinstance(expression, Conditional):
        branches = _branches(expression, frame)
        return _elements(replace(origin, expression=branches[0]))
    if isinstance(expression, Call) and expression.arguments:
        if expression.name in ("tolist", "compact", "distinct", "sensitive", "nonsensitive"):
            return _elements(replace(origin, expression=expression.arguments[0]))
        if expression.name == "concat":
            return [element for argument in _arguments(origin) for element in _elements(argument)]
        if expression.name == "flatten":
            outer = _elements(replace(origin, expression=expression.arguments[0]))
            return [inner for element in outer for inner in (_elements(element) if _is_list(element) else [element])]
    value = evaluate(expression, frame)
    return [origin] * len(value) if isinstance(value, list | dict) else [origin]


def _is_list(origin: Origin) -> bool:
    return isinstance(evaluate(origin.expression, origin.frame), list)


def _iterations(origin: Origin) -> Iterator[tuple[str | None, Origin]]:
    """(key, result) of each turn of a `for`, its variables bound to where the elements are written."""
    loop = origin.expression
    assert isinstance(loop, For)
    entries, _ = pairs(evaluate(loop.collection, origin.frame))
    collection = replace(origin, expression=loop.collection)
    for key, value in entries:
        names: dict[str, Any] = {loop.value: value}
        if loop.key:
            names[loop.key] = key
        frame = origin.frame.with_names(**names)
        if loop.condition is not None and to_bool(evaluate(loop.condition, frame)) is False:
            continue
        element = _member(collection, key)
        origins = {name: each for name, each in origin.names.items() if name not in names}
        if element is not None:
            origins[loop.value] = element
        result = Origin(loop.result, frame, origin.file, origins)
        yield (None if loop.result_key is None else _text(loop.result_key, frame) or ""), result


def _member(origin: Origin, key: Any) -> Origin | None:
    """Where `origin[key]` is written."""
    origin = _literal_of(origin)
    expression = origin.expression
    if isinstance(expression, Object):
        for name, value in expression.items:
            if (name.value if isinstance(name, Literal) else _text(name, origin.frame)) == key:
                return replace(origin, expression=value)
    elif isinstance(expression, Tuple):
        if isinstance(key, int) and 0 <= key < len(expression.items):
            return replace(origin, expression=expression.items[key])
    elif isinstance(expression, For):
        for number, (result_key, result) in enumerate(_iterations(origin)):
            if (number if result_key is None else result_key) == key:
                return result
    elif isinstance(expression, Conditional):
        return _member(replace(origin, expression=_branches(expression, origin.frame)[0]), key)
    elif isinstance(expression, Call):
        if expression.name == "merge":
            for argument in reversed(_arguments(origin)):
                if found := _member(argument, key):
                    return found
        elif expression.name in ("concat", "flatten", "tolist") and isinstance(key, int):
            elements = _elements(origin)
            return elements[key] if key < len(elements) else None
    return None


def _written(origin: Origin) -> Origin:
    """Where an element's content is: of a `merge`, its last part that is written elsewhere."""
    literal = _literal_of(origin)
    if isinstance(literal.expression, Call) and literal.expression.name == "merge":
        for argument in reversed(_arguments(literal)):
            found = _literal_of(argument)
            if isinstance(found.expression, Object):
                return found
    if isinstance(literal.expression, For) and not isinstance(origin.expression, For):
        source = _literal_of(replace(literal, expression=literal.expression.collection))
        return source if isinstance(source.expression, Object | Tuple) else literal
    if isinstance(literal.expression, For):
        source = _literal_of(replace(literal, expression=literal.expression.collection))
        return _written(source) if isinstance(source.expression, Object | Tuple | Call) and source.file else literal
    return literal


def _literal_of(origin: Origin) -> Origin:
    """The expression behind names. Raises EvaluationError where values can't be told."""
    for _ in range(DEEPEST):
        following = _followed(origin)
        if following is None:
            return origin
        origin = following
    return origin


def _followed(origin: Origin) -> Origin | None:
    expression, frame = origin.expression, origin.frame
    if (
        isinstance(expression, Template)
        and len(expression.parts) == 1
        and not isinstance(expression.parts[0], str | TemplateIf | TemplateFor)
    ):
        return replace(origin, expression=expression.parts[0])
    if not isinstance(expression, Reference):
        return None
    name, steps, module = expression.name, expression.steps, frame.module
    start: Origin | None = None
    if name in origin.names:
        start = origin.names[name]
    elif name in frame.names:
        start, steps = _of_name(frame.names[name], steps, module)
    elif name == "local" and steps and isinstance(steps[0], str):
        if written := module.folder.locals.get(steps[0]):
            start, steps = Origin(written.expression, module.frame, written.file, {}), steps[1:]
    elif name == "var" and steps and isinstance(steps[0], str):
        start, steps = _input(module, steps[0]), steps[1:]
    elif name == "module" and steps and isinstance(steps[0], str):
        value, used = _instance(module.call(steps[0]).value, steps[1:], frame)
        steps = steps[1 + used :]
        if isinstance(value, ModuleValue) and value.module is not None and steps and isinstance(steps[0], str):
            block = value.module.folder.outputs.get(steps[0])
            if block is not None and (written := block.body.attributes.get("value")):
                start, steps = Origin(written.expression, value.module.frame, block.file, {}), steps[1:]
    if start is None:
        return None
    for step in steps:
        if isinstance(step, Splat):
            return None
        key = step if isinstance(step, str) else evaluate(step.key, frame)
        inner = _member(start, key)
        if inner is None:
            return None
        start = inner
    return start


def _of_name(value: Any, steps: tuple[Step, ...], module: Module) -> tuple[Origin | None, tuple[Step, ...]]:
    """Where what a loop's or an instance's name stands for is written, and the steps that are left."""
    if isinstance(value, Each) and value.written is not None and steps[:1] == ("value",):
        origin = Origin(value.written.expression, module.frame, value.written.file, {})
        return _member(origin, value.place), steps[1:]
    if isinstance(value, ModuleValue) and value.module is not None and steps and isinstance(steps[0], str):
        block = value.module.folder.outputs.get(steps[0])
        if block is not None and (written := block.body.attributes.get("value")):
            return Origin(written.expression, value.module.frame, block.file, {}), steps[1:]
    return None, steps


def _input(module: Module, name: str) -> Origin | None:
    if name in module.inputs and module.caller is not None:
        expression = module.inputs[name][0]
        if expression is not None:
            return Origin(expression, module.caller, module.call_file, {})
    block = module.folder.variables.get(name)
    if block is not None and name not in module.inputs and (written := block.body.attributes.get("default")):
        return Origin(written.expression, module.frame, block.file, {})
    return None


def _instance(value: Any, steps: tuple[Step, ...], frame: Frame) -> tuple[Any, int]:
    """The instance that the first step chooses, and how many steps that took."""
    if isinstance(value, list | dict) and steps and isinstance(steps[0], GetIndex):
        key = evaluate(steps[0].key, frame)
        try:
            return value[key], 1
        except (LookupError, TypeError):
            if isinstance(value, Some | SomeMap) and value:
                return next(iter(value.values() if isinstance(value, dict) else value)), 1
    return value, 0


def _document_of(origin: Origin) -> ResourceValue | None:
    """The `data.aws_iam_policy_document` whose JSON an expression is."""
    origin = _literal_of(origin)
    expression, frame = origin.expression, origin.frame
    if not isinstance(expression, Reference) or expression.name != "data" or len(expression.steps) < 3:
        return None
    kind, name, *rest = expression.steps
    if kind != "aws_iam_policy_document" or not isinstance(name, str):
        return None
    value, used = _instance(frame.module.resource("data", kind, name).value, tuple(rest), frame)
    if isinstance(value, ResourceValue) and rest[used:] in (["json"], ["minified_json"]):
        return value
    return None


# --- references


class Names:
    """Which addresses an expression names, through locals, variables and outputs; each of those is looked into once."""

    def __init__(self) -> None:
        self._memo: dict[tuple[int, int | str, str], tuple[str, ...]] = {}
        self._depth = 0
        self._keep: list[Module] = []  # ids stay theirs while the modules live

    def of_resource(self, resource: ResourceValue) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(attribute or block's name, addresses) of what names something."""
        by_name: dict[str, dict[str, None]] = {}
        for name, written in resource.block.body.attributes.items():
            found = by_name.setdefault(name, {})
            found.update(dict.fromkeys(self.of(written.expression, resource.frame)))
        for block in resource.block.body.blocks:
            name = block.labels[0] if block.type == "dynamic" and block.labels else block.type
            if block.type == "lifecycle":
                continue
            found = by_name.setdefault(name, {})
            for expression in _expressions(block.body):
                found.update(dict.fromkeys(self.of(expression, resource.frame)))
        for name, found in by_name.items():
            found.pop(resource.address, None)
            if found:
                yield f"{resource.address}.{name}", tuple(found)

    def of(self, expression: Expression, frame: Frame) -> tuple[str, ...]:
        found: dict[str, None] = {}
        bound: set[str] = set()
        pending: list[Any] = [expression]
        while pending:
            each = pending.pop()
            if isinstance(each, Reference):
                if each.name not in bound:
                    found.update(dict.fromkeys(self._named(each, frame)))
                pending.extend(step for step in each.steps if not isinstance(step, str))
            elif isinstance(each, For):
                bound.update((each.key, each.value))
                pending.extend((each.collection, each.result, each.result_key, each.condition))
            else:
                pending.extend(_inside(each))
        return tuple(found)

    def _named(self, reference: Reference, frame: Frame) -> tuple[str, ...]:
        name, steps, module = reference.name, reference.steps, frame.module
        if name in frame.names:
            try:
                if name != "each" and (origin := _followed(Origin(reference, frame, "", {}))) is not None:
                    return self._within(origin)
                return tuple(dict.fromkeys(_addresses(frame.names[name], steps, frame)))
            except EvaluationError:
                return ()
        if not steps or not isinstance(steps[0], str):
            return ()
        if name in ("local", "var", "module") and len(steps) > 1 and self._depth < DEEPEST:
            try:
                origin = _followed(Origin(reference, frame, "", {}))
            except EvaluationError:
                origin = None
            if origin is not None:
                return self._within(origin)
        if name == "local":
            written = module.folder.locals.get(steps[0])
            return self._once(module, "local", steps[0], written.expression, module.frame) if written else ()
        if name == "var":
            origin = _input(module, steps[0])
            return self._once(module, "var", steps[0], origin.expression, origin.frame) if origin else ()
        try:
            if name == "module":
                return self._of_module(module, steps, frame)
            if name == "data":
                key = ("data", steps[0], steps[1] if len(steps) > 1 else "")
                return self._of_instances(module, key, steps[2:], frame)  # type: ignore[arg-type]
            return self._of_instances(module, ("resource", name, steps[0]), steps[1:], frame)
        except EvaluationError:
            return ()

    def _within(self, origin: Origin) -> tuple[str, ...]:
        """What an expression that was followed names; what its loops' variables stand for is in its frame."""
        key = (id(origin.expression), id(origin.frame.module), "")
        simple = origin.frame.names is origin.frame.module.frame.names
        if simple and key in self._memo:
            return self._memo[key]
        self._depth += 1
        found = self.of(origin.expression, origin.frame)
        self._depth -= 1
        if simple:
            self._keep.append(origin.frame.module)
            self._memo[key] = found
        return found

    def _of_instances(
        self, module: Module, key: tuple[str, str, str], steps: tuple[Step, ...], frame: Frame
    ) -> tuple[str, ...]:
        if key not in module.folder.resources:
            return ()
        instances = module.resource(*key)
        value, _ = _instance(instances.value, steps, frame)
        if isinstance(value, ResourceValue):
            return (value.address,)
        if len(instances.items) > MOST_NAMED:
            return (f"{module.prefix}{'data.' if key[0] == 'data' else ''}{key[1]}.{key[2]}",)
        return tuple(each.address for each in instances.items.values())

    def _of_module(self, module: Module, steps: tuple[Step, ...], frame: Frame) -> tuple[str, ...]:
        name = steps[0]
        assert isinstance(name, str)
        if name not in module.folder.calls:
            return ()
        instances = module.call(name)
        value, used = _instance(instances.value, steps[1:], frame)
        rest = steps[1 + used :]
        values = [value] if isinstance(value, ModuleValue) else list(instances.items.values())
        if len(values) > MOST_NAMED:
            return (f"{module.prefix}module.{name}",)
        found: dict[str, None] = {}
        for each in values:
            if each.module is None:
                found[each.address] = None
                continue
            outputs = each.module.folder.outputs
            wanted = [rest[0]] if rest and isinstance(rest[0], str) else list(outputs)
            for output in wanted:
                block = outputs.get(output)
                if block is not None and (written := block.body.attributes.get("value")):
                    found.update(
                        dict.fromkeys(self._once(each.module, "output", output, written.expression, each.module.frame))
                    )
        return tuple(found)

    def _once(self, module: Module, kind: str, name: str, expression: Expression, frame: Frame) -> tuple[str, ...]:
        key = (id(module), kind, name)
        if key not in self._memo:
            self._keep.append(module)
            self._memo[key] = ()  # a cycle ends here
            self._memo[key] = self.of(expression, frame)
        return self._memo[key]


def _addresses(value: Any, steps: tuple[Step, ...], frame: Frame) -> Iterator[str]:
    """The resources that a loop variable's value is or names."""
    for step in steps:
        if isinstance(value, ResourceValue) or isinstance(step, Splat):
            break
        value = attribute(value, step) if isinstance(step, str) else index(value, evaluate(step.key, frame))
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, ResourceValue):
            yield each.address
        elif isinstance(each, str | Unknown):
            for reference in symbols_in(str(each)):
                address = reference.split("[*]")[0] if reference.endswith("[*]") else reference.rpartition(".")[0]
                if address and address.rpartition(".")[2] != "var" and not reference.startswith("var."):
                    yield address
        elif isinstance(each, dict):
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)


def _inside(expression: Any) -> Iterable[Any]:
    if isinstance(expression, Template):
        return (part for part in expression.parts if not isinstance(part, str))
    if isinstance(expression, TemplateIf):
        return (
            expression.condition,
            *(part for part in (*expression.yes, *expression.no) if not isinstance(part, str)),
        )
    if isinstance(expression, TemplateFor):
        return (expression.collection, *(part for part in expression.body if not isinstance(part, str)))
    if isinstance(expression, Tuple):
        return expression.items
    if isinstance(expression, Object):
        return (each for item in expression.items for each in item)
    if isinstance(expression, Call):
        return expression.arguments
    if isinstance(expression, Access):
        return (expression.target, *(step for step in expression.steps if not isinstance(step, str)))
    if isinstance(expression, GetIndex):
        return (expression.key,)
    if isinstance(expression, Splat):
        return (step for step in expression.steps if not isinstance(step, str))
    if isinstance(expression, Conditional):
        return (expression.condition, expression.yes, expression.no)
    if isinstance(expression, Binary):
        return (expression.left, expression.right)
    return (expression.operand,) if isinstance(expression, Unary) else ()


def _expressions(body: Body) -> Iterator[Expression]:
    for written in body.attributes.values():
        yield written.expression
    for block in body.blocks:
        yield from _expressions(block.body)


def references_of(resources: Iterable[ResourceValue]) -> Mapping[str, tuple[str, ...]]:
    """`address.attribute` → the addresses that its expression names."""

    def make() -> dict[str, tuple[str, ...]]:
        names = Names()
        return {key: found for resource in kept for key, found in names.of_resource(resource)}

    kept = tuple(resources)
    return Found(make)
