"""Expressions and modules, evaluated lazily with symbols for what only an apply can say.

Every local, variable, output and attribute is evaluated when something asks for it, once per module instance. An error
lies where it happened: it becomes a `Problem` at the attribute that needed the value, everything else stands.

Where a condition isn't known, its value is an `Unknown` whose `options` are both branches; functions, templates and
`jsonencode` of it are evaluated for each (at most `MOST_OPTIONS`), so that a policy with a conditional statement is a
choice between two whole policies. A list or map whose length isn't known (`Some`, `SomeMap`) has one element that
stands for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from opsctl.findings import Place
from opsctl.hcl import functions, policy_documents
from opsctl.hcl.configuration import Problem
from opsctl.hcl.modules import Folders, ModuleFolder, installed, is_local, place, source_of
from opsctl.hcl.symbols import OPEN, Some, SomeMap, Unknown, symbol
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
    Position,
    Reference,
    Splat,
    Step,
    Template,
    TemplateFor,
    TemplateIf,
    Tuple,
    Unary,
    Unreadable,
    parse_template,
)
from opsctl.hcl.types import ANY, convert, shape, type_of
from opsctl.hcl.values import (
    BlockValue,
    EvaluationError,
    Lazy,
    attribute,
    equal,
    has_options,
    index,
    kind_of,
    lifted,
    name_of,
    number,
    pairs,
    plain,
    reference_of,
    to_bool,
    to_number,
    to_text,
    unknown,
)

MOST_INSTANCES = 20_000  # of one block
MOST_TURNS = 3_000_000  # of all loops of one reading
META = frozenset({"count", "for_each", "depends_on", "provider", "lifecycle"})
META_CALL = frozenset({"count", "for_each", "depends_on", "providers", "source", "version"})
META_BLOCKS = frozenset({"provisioner", "connection"})


class Cycle(EvaluationError):
    """A value that needs itself."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an expression is evaluated: a module instance, and names that hold here (each, count, for's variables)."""

    module: Module
    names: Mapping[str, Any]

    def with_names(self, **names: Any) -> Frame:
        return Frame(self.module, {**self.names, **names})


class Evaluation:
    """What one reading shares: folders, problems, what is being evaluated.

    Attributes:
        subject: (address, attribute) of the resource that an expression is evaluated for.
        known: address → attributes that a plan knows; they come before symbols.
        lenient: after an attribute's evaluation failed it is tried again so: what fails inside it is an `Unknown`
            there, the rest of the value is saved.
    """

    def __init__(self, root: Path, folders: Folders, known: Mapping[str, Mapping[str, Any]] = {}) -> None:
        self.root, self.folders, self.known = root, folders, known
        self.installed = installed(root)
        self.subject = ("", "")
        self._problems: dict[Problem, None] = {}
        self._doing: dict[str, None] = {}
        self._templates: dict[str, tuple[Expression | str, ...]] = {}
        self._lines: dict[str, list[str]] = {}
        self.files: dict[int, dict[int, str]] = {}  # ids of folders and of calls, which live as long as this
        self.lenient, self.turns = False, 0

    def lines(self, file: str) -> list[str]:
        """A file's lines, by the name that places have. Raises OSError."""
        if file not in self._lines:
            self._lines[file] = self.folders.path_of(file).read_text("utf-8", "replace").split("\n")
        return self._lines[file]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems)

    def problem(self, what: str, at: Place, *, severe: bool = False) -> None:
        address, name = self.subject
        self._problems.setdefault(Problem(what, at, address, name, severe))

    def once(self, memo: dict[Any, Any], key: Any, name: str, function: Callable[[], Any]) -> Any:
        """A value, evaluated at most once. Raises Cycle where it needs itself."""
        if self.lenient:
            key, name = (key, "lenient"), f"{name} "
        if key in memo:
            found = memo[key]
            if isinstance(found, EvaluationError):
                raise found
            return found
        if name in self._doing:
            names = list(self._doing)
            raise Cycle("a cycle: " + " → ".join(each.strip() for each in [*names[names.index(name) :], name]))
        self._doing[name] = None
        try:
            value = function()
        except EvaluationError as error:
            memo[key] = error
            raise
        finally:
            del self._doing[name]
        memo[key] = value
        return value

    def template(self, path: str) -> tuple[Expression | str, ...]:
        """A template file's parts. Raises EvaluationError."""
        if path not in self._templates:
            self._templates[path] = self.parsed(functions.read_text(self.root, path))
        return self._templates[path]

    def parsed(self, text: str) -> tuple[Expression | str, ...]:
        try:
            return parse_template(text)
        except (ValueError, RecursionError) as error:
            raise EvaluationError(f"malformed template: {error}") from None


class Each(dict[str, Any]):
    """What `each` is in one instance.

    Attributes:
        written: the for_each that it comes from; place: the key of its element there.
    """

    written: Attribute | None = None
    place: Any = None


class ModuleValue(Lazy):
    """A module call's instance as others see it: its outputs."""

    def __init__(self, module: Module | None, address: str) -> None:
        self.module, self.address = module, address

    def attribute(self, name: str) -> Any:
        if self.module is None:
            return symbol(f"{self.address}.{name}")
        return self.module.output(name)

    def materialise(self) -> dict[str, Any]:
        if self.module is None:
            return SomeMap({symbol(f"{self.address}[*].key"): symbol(f"{self.address}[*]")})
        return {name: self.module.output(name) for name in self.module.folder.outputs}


class ResourceValue(Lazy):
    """An instance of a resource or data source as others see it: what is configured, symbols for the rest."""

    def __init__(self, block: Block, address: str, frame: Frame, uncertain: bool) -> None:
        self.block, self.address, self.frame, self.uncertain = block, address, frame, uncertain
        self._memo: dict[str, Any] = {}

    @property
    def type(self) -> str:
        return self.block.labels[0]

    def attribute(self, name: str) -> Any:
        return self.frame.module.evaluation.once(self._memo, name, f"{self.address}.{name}", lambda: self._value(name))

    def _value(self, name: str) -> Any:
        written = self.block.body.attributes.get(name)
        planned = self.frame.module.evaluation.known.get(self.address, {}).get(name)
        if written is not None and name not in META:
            value = evaluate(written.expression, self.frame)
            if planned is not None and (value is None or reference_of(value)):
                return planned
            return symbol(f"{self.address}.{name}") if value is None else value
        if planned is not None:
            return planned
        if self.block.type == "data":
            computed = _DATA.get(self.type)
            if computed is not None:
                value = computed(self, name)
                if value is not None:
                    return value
        blocks = [each for each in self.block.body.blocks if _block_name(each) == name and name not in META]
        if blocks:
            return nested(Body({}, tuple(blocks)), self.frame, self.address).get(name, [])
        return symbol(f"{self.address}.{name}")

    def blocks(self, name: str) -> list[dict[str, Any]]:
        value = self._value(name) if any(_block_name(each) == name for each in self.block.body.blocks) else []
        return value if isinstance(value, list) else []

    def materialise(self) -> dict[str, Any]:
        names = [name for name in self.block.body.attributes if name not in META]
        names += [_block_name(block) for block in self.block.body.blocks if block.type not in META]
        found = BlockValue({name: self.attribute(name) for name in dict.fromkeys(names)})
        found.reference = self.address
        return found


@dataclass(frozen=True)
class Instances:
    """What a block with count or for_each, or without, stands for.

    Attributes:
        kind: "one", "count" or "each".
        items: key (None, a number, a string) → instance.
        uncertain: how many isn't known.
    """

    kind: str
    items: Mapping[Any, Any]
    uncertain: bool = False

    @cached_property
    def value(self) -> Any:
        """The instance, or a list or map of all; made once, as each of n instances may ask for one of n others."""
        if self.kind == "one":
            return self.items[None]
        if self.kind == "count":
            return Some(self.items.values()) if self.uncertain else list(self.items.values())
        return SomeMap(self.items) if self.uncertain else dict(self.items)


class Module:
    """One instance of a module: the root, or what a call makes.

    Attributes:
        address: "" for the root, "module.a[\\"x\\"].module.b" below it.
        inputs: variable → the expression that gives its value, in the caller's frame; or None and the value.
        call_file: the file of its call.
        ancestors: folders of the calls around it, against cycles.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        folder: ModuleFolder,
        address: str,
        inputs: Mapping[str, tuple[Expression | None, Any]],
        frame: Frame | None,
        ancestors: tuple[str, ...],
        call_path: str,
        call_file: str = "",
    ) -> None:
        self.evaluation, self.folder, self.address = evaluation, folder, address
        self.inputs, self.caller, self.ancestors, self.call_path = inputs, frame, ancestors, call_path
        self.call_file = call_file
        self.prefix = f"{address}." if address else ""
        self.frame = Frame(self, {})
        self._memo: dict[Any, Any] = {}

    def _once(self, key: tuple[str, str], function: Callable[[], Any]) -> Any:
        return self.evaluation.once(self._memo, key, f"{self.prefix}{key[0]}.{key[1]}", function)

    def local(self, name: str) -> Any:
        written = self.folder.locals.get(name)
        if written is None:
            raise EvaluationError(f"there is no local.{name}")
        return self._once(("local", name), lambda: located(written, self.frame))

    def variable(self, name: str) -> Any:
        block = self.folder.variables.get(name)
        if block is None:
            raise EvaluationError(f"there is no variable {name!r}")
        return self._once(("var", name), lambda: self._variable(name, block))

    def _variable(self, name: str, block: Block) -> Any:
        attributes = block.body.attributes
        kind = type_of(attributes["type"].expression) if "type" in attributes else ANY
        default = attributes.get("default")
        value: Any = None
        given = name in self.inputs
        if given:
            expression, value = self.inputs[name]
            if expression is not None and self.caller is not None:
                value = evaluate(expression, self.caller)
        nullable = attributes.get("nullable")
        if not given or (
            value is None
            and default is not None
            and nullable is not None
            and evaluate(nullable.expression, self.frame) is False
        ):
            if default is None:
                return shape(kind, f"{self.prefix}var.{name}", "no value was given")
            value = evaluate(default.expression, self.frame)
        try:
            return convert(value, kind, lambda expression: evaluate(expression, self.frame))
        except EvaluationError as error:
            raise EvaluationError(f"{self.prefix}var.{name}: {error}") from None

    def output(self, name: str) -> Any:
        block = self.folder.outputs.get(name)
        if block is None:
            raise EvaluationError(f"{self.address or 'the root module'} has no output {name!r}")
        return self._once(
            ("output", name),
            lambda: located(block.body.attributes["value"], self.frame) if "value" in block.body.attributes else None,
        )

    def resource(self, mode: str, kind: str, name: str) -> Instances:
        key = (mode, kind, name)
        block = self.folder.resources.get(key)
        if block is None:
            raise EvaluationError(
                f"there is no {'data.' if mode == 'data' else ''}{kind}.{name} in {self.address or 'the root module'}"
            )
        address = f"{self.prefix}{'data.' if mode == 'data' else ''}{kind}.{name}"

        def make(address: str, frame: Frame, uncertain: bool) -> ResourceValue:
            return ResourceValue(block, address, frame, uncertain)

        found: Instances = self.evaluation.once(
            self._memo, (mode, kind, name), address, lambda: self._expand(block, address, make)
        )
        return found

    def call(self, name: str) -> Instances:
        block = self.folder.calls.get(name)
        if block is None:
            raise EvaluationError(f"there is no module {name!r} in {self.address or 'the root module'}")
        address = f"{self.prefix}module.{name}"
        found: Instances = self._once(("module", name), lambda: self._expand(block, address, self._maker(name, block)))
        return found

    def _maker(self, name: str, block: Block) -> Callable[[str, Frame, bool], ModuleValue]:
        folder = self._called(name, block)
        inputs = {key: (each.expression, None) for key, each in block.body.attributes.items() if key not in META_CALL}

        def make(address: str, frame: Frame, uncertain: bool) -> ModuleValue:
            if folder is None:
                return ModuleValue(None, address)
            ancestors = (*self.ancestors, str(folder.folder.resolve()))
            path = f"{self.call_path}{name}."
            module = Module(self.evaluation, folder, address, inputs, frame, ancestors, path, block.file)
            return ModuleValue(module, address)

        return make

    def _called(self, name: str, block: Block) -> ModuleFolder | None:
        source, evaluation = source_of(block), self.evaluation
        at = place(block.file, block.at)
        address = f"{self.prefix}module.{name}"

        def missing(what: str) -> None:
            subject, evaluation.subject = evaluation.subject, (address, "")
            evaluation.problem(what, at, severe=True)
            evaluation.subject = subject

        if not source:
            missing(f"{address} names no source that can be read: not analysed.")
            return None
        if is_local(source):
            folder = self.folder.folder / source
        elif f"{self.call_path}{name}" in evaluation.installed:
            folder = evaluation.installed[f"{self.call_path}{name}"]
        else:
            missing(f"{address} comes from {_origin(source)}: not analysed (run terraform init).")
            return None
        if not folder.is_dir():
            missing(f"{address}: its source {source} is no folder: not analysed.")
            return None
        if str(folder.resolve()) in self.ancestors:
            missing(f"a cycle of modules: {address} calls {source}, which is being called: not analysed.")
            return None
        found = evaluation.folders.read(folder)
        for key in block.body.attributes:
            if key not in META_CALL and key not in found.variables:
                subject, evaluation.subject = evaluation.subject, (address, key)
                evaluation.problem(
                    f"{address} is given {key!r}, which is none of its variables.",
                    place(block.file, block.body.attributes[key].at),
                )
                evaluation.subject = subject
        return found

    def _expand(self, block: Block, address: str, make: Callable[[str, Frame, bool], Any]) -> Instances:
        attributes = block.body.attributes
        try:
            if "for_each" in attributes:
                return self._each(located(attributes["for_each"], self.frame), address, make, attributes["for_each"])
            if "count" in attributes:
                return self._count(located(attributes["count"], self.frame), address, make)
        except Cycle:
            raise
        except EvaluationError as error:
            evaluation = self.evaluation
            subject, evaluation.subject = (
                evaluation.subject,
                (address, "for_each" if "for_each" in attributes else "count"),
            )
            written = attributes[evaluation.subject[1]]
            evaluation.problem(
                f"{address}: how many there are can't be told: {error}.", place(written.file, written.at)
            )
            evaluation.subject = subject
            failed = Unknown(f"{address}.{'each' if 'for_each' in attributes else 'count'}", str(error))
            if "for_each" in attributes:
                return self._each(failed, address, make)
            return self._count(failed, address, make)
        return Instances("one", {None: make(address, self.frame, False)})

    def _count(self, value: Any, address: str, make: Callable[[str, Frame, bool], Any]) -> Instances:
        amount = to_number(value)
        uncertain = isinstance(amount, Unknown)
        if uncertain:
            amount = max((each for each in amount.options if isinstance(each, int)), default=1)
        if not isinstance(amount, int) or amount < 0:
            raise EvaluationError(f"count is {amount}")
        if amount > MOST_INSTANCES:
            raise EvaluationError(f"count is {amount}, more than {MOST_INSTANCES}")
        return Instances(
            "count",
            {
                place: make(f"{address}[{place}]", Frame(self, {"count": {"index": place}}), uncertain)
                for place in range(amount)
            },
            uncertain,
        )

    def _each(
        self, value: Any, address: str, make: Callable[[str, Frame, bool], Any], written: Attribute | None = None
    ) -> Instances:
        if value is None:
            raise EvaluationError("for_each is null")
        items, uncertain = pairs(value)
        if len(items) > MOST_INSTANCES:
            raise EvaluationError(f"for_each has more than {MOST_INSTANCES} elements")
        if reference_of(value) and not has_options(value):
            every = {"key": symbol(f"{address}[*].each.key"), "value": symbol(f"{address}[*].each.value")}
            return Instances("each", {every["key"]: make(f"{address}[*]", Frame(self, {"each": every}), True)}, True)
        found: dict[Any, Any] = {}
        for place_of, item in items:
            key = place_of
            if isinstance(value, list):
                key = item
            key = to_text(key)
            where = f'{address}["{_escaped(plain(key))}"]'
            if uncertain and OPEN in key and len(items) == 1:
                where = f"{address}[*]"
            each = Each(key=key, value=item)
            each.written, each.place = written, place_of
            found[key] = make(where, Frame(self, {"each": each}), uncertain)
        return Instances("each", found, uncertain)

    def modules(self) -> Iterator[Module]:
        """The instances that it calls, in order; a call that can't be expanded is a problem."""
        for name, block in self.folder.calls.items():
            self.evaluation.subject = (f"{self.prefix}module.{name}", "")
            try:
                instances = self.call(name)
            except (EvaluationError, RecursionError) as error:
                self.evaluation.problem(
                    f"{self.prefix}module.{name} can't be read: {error}.", place(block.file, block.at), severe=True
                )
                continue
            for value in instances.items.values():
                if value.module is not None:
                    yield value.module

    def resources(self) -> Iterator[ResourceValue]:
        for (mode, kind, name), block in self.folder.resources.items():
            self.evaluation.subject = (f"{self.prefix}{'data.' if mode == 'data' else ''}{kind}.{name}", "")
            try:
                instances = self.resource(mode, kind, name)
            except (EvaluationError, RecursionError) as error:
                self.evaluation.problem(
                    f"{self.evaluation.subject[0]} can't be read: {error}.", place(block.file, block.at), severe=True
                )
                continue
            yield from instances.items.values()

    def values_of(self, resource: ResourceValue) -> dict[str, Any]:
        """All that a resource's block says; what has no value is an `Unknown` and a problem."""
        evaluation = self.evaluation
        values: dict[str, Any] = {}
        for name, written in resource.block.body.attributes.items():
            if name in META:
                continue
            evaluation.subject = (resource.address, name)
            try:
                # Not `attribute`, which gives a symbol for null: here null is what was said.
                values[name] = finished(bounded(written.expression, resource.frame))
            except EvaluationError as error:
                evaluation.problem(
                    f"{resource.address}: {name} can't be told: {error}.", place(written.file, written.at)
                )
                values[name] = saved(written, resource.frame, f"{resource.address}.{name}", error)
        evaluation.subject = (resource.address, "")
        found = nested(resource.block.body, resource.frame, resource.address, keep_going=True)
        values.update(finished(found))
        if resource.block.type == "data" and resource.type in _COMPUTED:
            for name in _COMPUTED[resource.type]:
                evaluation.subject = (resource.address, name)
                try:
                    values[name] = finished(resource.attribute(name))
                except (EvaluationError, RecursionError) as error:
                    evaluation.problem(
                        f"{resource.address}: {name} can't be told: {error}.",
                        place(resource.block.file, resource.block.at),
                    )
                    values[name] = Unknown(f"{resource.address}.{name}", str(error))
        return values


def _origin(source: str) -> str:
    return (
        "the registry"
        if source.count("/") in (2, 3) and "::" not in source and not source.startswith("git@")
        else source.split("?")[0][:100]
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _block_name(block: Block) -> str:
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


def located(written: Attribute, frame: Frame) -> Any:
    """An attribute's value; an error says on which line it happened. Raises EvaluationError."""
    try:
        return evaluate(written.expression, frame)
    except Cycle:
        raise
    except EvaluationError as error:
        if " (" in str(error) and str(error).endswith(")"):
            raise
        raise EvaluationError(f"{error} ({written.file}:{written.at.line})") from None


def bounded(expression: Expression, frame: Frame) -> Any:
    """A value; too long a chain of values that refer to each other is an EvaluationError. Only where nothing else is
    being evaluated: it must not be taken for a value's own error and kept as such."""
    try:
        return evaluate(expression, frame)
    except RecursionError:
        raise EvaluationError("values refer to each other too deeply") from None


def saved(written: Attribute, frame: Frame, reference: str, error: EvaluationError) -> Any:
    """What can be kept of a value that has an error inside: the rest of a policy around one statement."""
    evaluation = frame.module.evaluation
    evaluation.lenient = True
    try:
        return finished(bounded(written.expression, frame))
    except EvaluationError:
        return Unknown(reference, str(error))
    finally:
        evaluation.lenient = False


def _part(expression: Expression, frame: Frame) -> Any:
    """An element's value; in a lenient evaluation its error stays in its place."""
    if not frame.module.evaluation.lenient:
        return evaluate(expression, frame)
    try:
        return evaluate(expression, frame)
    except EvaluationError as error:
        return Unknown(f"{_prefix(frame)}{expression.at.line}:{expression.at.column}", str(error))


def finished(value: Any) -> Any:
    """JSON's own values, symbols and `Unknown`s: a whole resource or module becomes its symbol.

    Raises EvaluationError above MOST elements.
    """
    return _finished(value, [functions.MOST])


def _finished(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise EvaluationError(f"the value has more than {functions.MOST} elements")
    if isinstance(value, Lazy):
        return symbol(value.address)
    if isinstance(value, list):
        items = [_finished(item, left) for item in value]
        return Some(items) if isinstance(value, Some) else items
    if isinstance(value, dict):
        members = {str(key): _finished(item, left) for key, item in value.items()}
        return SomeMap(members) if isinstance(value, SomeMap) else members
    if isinstance(value, Unknown) and value.options:
        return Unknown(value.reference, value.why, tuple(_finished(option, left) for option in value.options))
    return number(value) if isinstance(value, float) else value


def nested(body: Body, frame: Frame, reference: str, *, keep_going: bool = False) -> dict[str, Any]:
    """The blocks of a body: type → a list of mappings; `dynamic` ones expanded.

    Args:
        keep_going: what has no value is a problem and an `Unknown`; else it is raised.
    """
    found: dict[str, list[Any]] = {}
    for block in body.blocks:
        name = _block_name(block)
        if block.type in META_BLOCKS or not name:
            continue
        items = found.setdefault(name, [])
        if block.type == "lifecycle":
            items.append(_lifecycle(block))
            continue
        where = f"{reference}.{name}[{len(items)}]"
        if block.type != "dynamic":
            items.append(_block_value(block.body, frame, where, keep_going))
            continue
        content = next(block.body.of_type("content"), None)
        each = block.body.attributes.get("for_each")
        if content is None or each is None:
            continue
        evaluation = frame.module.evaluation
        try:
            value = evaluate(each.expression, frame)
            if value is None:
                raise EvaluationError("for_each is null")
            entries, uncertain = pairs(value)
        except EvaluationError as error:
            if not keep_going:
                raise
            evaluation.problem(
                f"{reference}: how many blocks {name} there are can't be told: {error}.", place(each.file, each.at)
            )
            entries, uncertain = [(symbol(f"{where}.key"), symbol(f"{where}.value"))], True
        iterator = block.body.attributes.get("iterator")
        variable = iterator.expression.name if iterator and isinstance(iterator.expression, Reference) else name
        if uncertain:
            items = found[name] = Some(items)
        for key, item in entries:
            inner = frame.with_names(**{variable: {"key": key, "value": item}})
            items.append(_block_value(content.body, inner, f"{reference}.{name}[{len(items)}]", keep_going))
    return found


def _block_value(body: Body, frame: Frame, reference: str, keep_going: bool) -> BlockValue:
    found = BlockValue()
    found.reference = reference
    for name, written in body.attributes.items():
        try:
            found[name] = bounded(written.expression, frame) if keep_going else evaluate(written.expression, frame)
        except EvaluationError as error:
            if not keep_going:
                raise
            frame.module.evaluation.problem(
                f"{reference}.{name} can't be told: {error}.", place(written.file, written.at)
            )
            found[name] = saved(written, frame, f"{reference}.{name}", error)
    if body.blocks:
        found.update(nested(body, frame, reference, keep_going=keep_going))
    return found


def _lifecycle(block: Block) -> dict[str, Any]:
    """Its literals; what it names (ignore_changes) as text."""
    found: dict[str, Any] = {}
    for name, written in block.body.attributes.items():
        expression = written.expression
        if isinstance(expression, Literal):
            found[name] = expression.value
        elif isinstance(expression, Tuple):
            found[name] = [
                item.name if isinstance(item, Reference) else item.value  # a string in .tf.json
                for item in expression.items
                if isinstance(item, Reference | Literal)
            ]
        elif isinstance(expression, Reference):
            found[name] = expression.name
    return found


# --- expressions


def evaluate(expression: Expression, frame: Frame) -> Any:
    """The value of an expression. Raises EvaluationError."""
    return _EVALUATE[type(expression)](expression, frame)


def _literal(expression: Literal, frame: Frame) -> Any:
    return expression.value


def _unreadable(expression: Unreadable, frame: Frame) -> Any:
    raise EvaluationError(expression.why)


def _template(expression: Template, frame: Frame) -> Any:
    if len(expression.parts) == 1 and not isinstance(expression.parts[0], TemplateIf | TemplateFor | str):
        return evaluate(expression.parts[0], frame)
    return _filled(expression.parts, frame)


def _filled(parts: tuple[Expression | str, ...], frame: Frame) -> Any:
    """A template's text, or an Unknown with the texts that it may have."""
    values = [part if isinstance(part, str) else _part(part, frame) for part in parts]
    if any(isinstance(value, Unknown) and value.options for value in values):
        name = "".join(name_of(value) if isinstance(value, Unknown) else plain(to_text(value)) for value in values)
        return lifted(values, lambda texts: "".join(map(to_text, texts)), name[:200])
    texts = [value if isinstance(value, str) else to_text(value) for value in values]
    if len(texts) > 1 and sum(map(len, texts)) > functions.LONGEST:
        raise EvaluationError("the text is too long")
    return "".join(texts)


def _template_if(expression: TemplateIf, frame: Frame) -> Any:
    condition = to_bool(evaluate(expression.condition, frame))
    if isinstance(condition, Unknown):
        return unknown(
            f"{_prefix(frame)}if {condition.reference}",
            condition.why,
            [_filled(expression.yes, frame), _filled(expression.no, frame)],
        )
    return _filled(expression.yes if condition else expression.no, frame)


def _template_for(expression: TemplateFor, frame: Frame) -> Any:
    entries, _ = pairs(evaluate(expression.collection, frame))
    texts = []
    for key, value in entries:
        names = {expression.value: value}
        if expression.key:
            names[expression.key] = key
        texts.append(_filled(expression.body, frame.with_names(**names)))
    if any(isinstance(text, Unknown) and text.options for text in texts):
        return lifted(texts, lambda chosen: "".join(map(to_text, chosen)), "a template's loop")
    return "".join(map(to_text, texts))


def _reference(expression: Reference, frame: Frame) -> Any:
    name, steps, names = expression.name, expression.steps, frame.names
    if name in names:
        return _walk(names[name], steps, frame)
    module = frame.module
    if name == "var":
        return _walk(module.variable(_named(steps, 0)), steps[1:], frame)
    if name == "local":
        return _walk(module.local(_named(steps, 0)), steps[1:], frame)
    if name == "module":
        return _walk(module.call(_named(steps, 0)).value, steps[1:], frame)
    if name == "data":
        return _walk(module.resource("data", _named(steps, 0), _named(steps, 1)).value, steps[2:], frame)
    if name in _GIVEN:
        return _GIVEN[name](module, steps)
    return _walk(module.resource("resource", name, _named(steps, 0)).value, steps[1:], frame)


def _named(steps: tuple[Step, ...], place: int) -> str:
    if place < len(steps):
        step = steps[place]
        if isinstance(step, str):
            return step
        if isinstance(step, GetIndex) and isinstance(step.key, Literal) and isinstance(step.key.value, str):
            return step.key.value
    raise EvaluationError("a reference that can't be read")


def _path(module: Module, steps: tuple[Step, ...]) -> Any:
    name = _named(steps, 0)
    root = module.evaluation.root
    if name == "module":
        import os.path

        return Path(os.path.relpath(module.folder.folder, root)).as_posix()
    if name == "root":
        return "."
    if name == "cwd":
        return root.resolve().as_posix()
    raise EvaluationError(f"there is no path.{name}")


def _terraform(module: Module, steps: tuple[Step, ...]) -> Any:
    if _named(steps, 0) == "workspace":
        return "default"
    return Unknown(f"terraform.{_named(steps, 0)}")


def _outside(name: str) -> Callable[[Module, tuple[Step, ...]], Any]:
    def refuse(module: Module, steps: tuple[Step, ...]) -> Any:
        raise EvaluationError(f"{name} has no meaning here")

    return refuse


_GIVEN: dict[str, Callable[[Module, tuple[Step, ...]], Any]] = {
    "path": _path,
    "terraform": _terraform,
    "each": _outside("each"),
    "count": _outside("count"),
    "self": lambda module, steps: Unknown("self"),
    "ephemeral": lambda module, steps: symbol(
        f"{module.prefix}ephemeral." + ".".join(s for s in steps if isinstance(s, str))
    ),
}


def _walk(value: Any, steps: tuple[Step, ...], frame: Frame) -> Any:
    for number_of, step in enumerate(steps):
        if isinstance(step, str):
            value = attribute(value, step)
        elif isinstance(step, GetIndex):
            value = index(value, evaluate(step.key, frame))
        else:
            # In the tree a full splat owns the steps behind it.
            return _walk(_splat(value, step, frame), steps[number_of + 1 :], frame)
    return value


def _splat(value: Any, splat: Splat, frame: Frame) -> Any:
    if value is None:
        return []
    if has_options(value):
        return lifted([value], lambda one: _splat(one[0], splat, frame), f"{value.reference}[*]")
    if reference := reference_of(value):
        return Some([_walk(symbol(f"{reference}[*]"), splat.steps, frame)])
    items = value if isinstance(value, list) else [value]
    found = [_walk(item, splat.steps, frame) for item in items]
    return Some(found) if isinstance(items, Some) else found


def _access(expression: Access, frame: Frame) -> Any:
    return _walk(evaluate(expression.target, frame), expression.steps, frame)


def _tuple(expression: Tuple, frame: Frame) -> Any:
    if frame.module.evaluation.lenient:
        return [_part(item, frame) for item in expression.items]
    return [evaluate(item, frame) for item in expression.items]


def _object(expression: Object, frame: Frame) -> Any:
    found: dict[str, Any] = {}
    for key, value in expression.items:
        name = key.value if type(key) is Literal else to_text(evaluate(key, frame))
        found[name] = _part(value, frame)
    return found


def _for(expression: For, frame: Frame) -> Any:
    collection = evaluate(expression.collection, frame)
    if has_options(collection):
        return lifted(
            [collection], lambda one: _looped(expression, one[0], frame), f"{_prefix(frame)}for {collection.reference}"
        )
    return _looped(expression, collection, frame)


def _looped(expression: For, collection: Any, frame: Frame) -> Any:
    entries, some = pairs(collection)
    results: list[Any] = []
    keys: list[str] = []
    names = dict(frame.names)
    inner = Frame(frame.module, names)
    evaluation = frame.module.evaluation
    evaluation.turns += len(entries)
    if evaluation.turns > MOST_TURNS:
        raise EvaluationError(f"loops that take more than {MOST_TURNS} turns")
    for key, value in entries:
        # Frames of an inner `for` copy these names, so that they may change here.
        if expression.key:
            names[expression.key] = key
        names[expression.value] = value
        if expression.condition is not None:
            wanted = to_bool(evaluate(expression.condition, inner))
            if isinstance(wanted, Unknown):
                some = True
            elif not wanted:
                continue
        if expression.result_key is not None:
            keys.append(to_text(evaluate(expression.result_key, inner)))
        result = _part(expression.result, inner)
        results.append(result)
    if expression.result_key is None:
        return Some(results) if some else results
    found: dict[str, Any] = SomeMap() if some else {}
    for name, result in zip(keys, results, strict=True):
        if expression.groups:
            found.setdefault(name, []).append(result)
        elif name in found and not some:
            raise EvaluationError(f"two elements have the key {plain(name)!r}")
        else:
            found[name] = result
    return found


def _prefix(frame: Frame) -> str:
    return f"{frame.module.address}: " if frame.module.address else ""


def _conditional(expression: Conditional, frame: Frame) -> Any:
    condition = to_bool(evaluate(expression.condition, frame))
    if isinstance(condition, bool):
        taken, other = (expression.yes, expression.no) if condition else (expression.no, expression.yes)
        value = evaluate(taken, frame)
        if isinstance(value, bool | int | float) and _is_text(other):
            return to_text(value)  # both branches are of one type
        return value
    options: list[Any] = []
    failure: EvaluationError | None = None
    for branch in (expression.yes, expression.no):
        try:
            options.append(evaluate(branch, frame))
        except Cycle:
            raise
        except EvaluationError as error:
            failure = error
    if not options:
        raise failure or EvaluationError("neither branch has a value")
    if len(options) == 2 and equal(*options) is True:
        return options[0]
    at: Position = expression.at
    return unknown(
        f"{_prefix(frame)}({condition.reference} ? … : …):{at.line}:{at.column}",
        "depends on a condition that is not known",
        options,
    )


def _is_text(expression: Expression) -> bool:
    return isinstance(expression, Literal) and isinstance(expression.value, str)


def _binary(expression: Binary, frame: Frame) -> Any:
    operator = expression.operator
    left = evaluate(expression.left, frame)
    if operator in ("&&", "||"):
        ends = operator == "||"
        left = to_bool(left)
        if left is ends:
            return ends
        right = to_bool(evaluate(expression.right, frame))
        if right is ends:
            return ends
        unknowns = [each.reference for each in (left, right) if isinstance(each, Unknown)]
        return Unknown(f" {operator} ".join(unknowns), "depends on what is not known") if unknowns else not ends
    right = evaluate(expression.right, frame)
    if operator in ("==", "!="):
        answer = equal(left, right)
        if answer is None:
            return Unknown(f"{name_of(left)} {operator} {name_of(right)}", "depends on what is not known")
        return answer is (operator == "==")
    left, right = to_number(left), to_number(right)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        if has_options(left) or has_options(right):
            return lifted(
                [left, right], lambda both: _calculated(operator, *both), f"{name_of(left)} {operator} {name_of(right)}"
            )
        return Unknown(f"{name_of(left)} {operator} {name_of(right)}", "depends on what is not known")
    return _calculated(operator, left, right)


def _calculated(operator: str, left: Any, right: Any) -> Any:
    left, right = to_number(left), to_number(right)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Unknown(f"{name_of(left)} {operator} {name_of(right)}", "depends on what is not known")
    try:
        return number(_CALCULATE[operator](left, right))
    except (ArithmeticError, ValueError) as error:
        raise EvaluationError(str(error)) from None


def _decimal(value: Any) -> Any:
    """Terraform counts with 512 bits: 0.1 + 0.2 is 0.3."""
    return float(f"{value:.15g}") if isinstance(value, float) else value


def _divided(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


def _remainder(left: Any, right: Any) -> Any:
    """Towards zero, as Go's."""
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


_CALCULATE: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: _decimal(a + b),
    "-": lambda a, b: _decimal(a - b),
    "*": lambda a, b: _decimal(a * b),
    "/": _divided,
    "%": _remainder,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _unary(expression: Unary, frame: Frame) -> Any:
    value = evaluate(expression.operand, frame)
    if expression.operator == "!":
        value = to_bool(value)
        if isinstance(value, Unknown):
            return Unknown(f"!{value.reference}", value.why)
        return not value
    value = to_number(value)
    return Unknown(f"-{value.reference}", value.why) if isinstance(value, Unknown) else -value


def _call(expression: Call, frame: Frame) -> Any:
    name = expression.name.removeprefix("core::")
    evaluation = frame.module.evaluation
    if name in ("try", "can"):
        return _tried(name, expression, frame)
    arguments = [evaluate(argument, frame) for argument in expression.arguments]
    if expression.expands:
        last = arguments.pop()
        if has_options(last):
            return lifted([last], lambda one: _applied(name, [*arguments, *one[0]], expression, frame), f"{name}(…)")
        if reference_of(last):
            return Unknown(f"{name}({reference_of(last)}...)", "how many arguments there are isn't known")
        if not isinstance(last, list):
            raise EvaluationError(f"{kind_of(last)} can't be expanded into arguments")
        result = _applied(name, [*arguments, *last], expression, frame)
        if isinstance(last, Some) and isinstance(result, list | dict):
            return Some(result) if isinstance(result, list) else SomeMap(result)
        return result
    if name in functions.FUNCTIONS or name in _OWN or "::" in name:
        return _applied(name, arguments, expression, frame)
    evaluation.problem(f"There is no function {name}().", _here(expression, frame))
    return Unknown(f"{name}()", f"an unknown function {name}()")


def _here(expression: Call, frame: Frame) -> Place:
    """The line of a call. An expression doesn't know its file: the subject's does, where it is in its block."""
    return place(_file_of(frame, expression), expression.at)


def _file_of(frame: Frame, expression: Call) -> str:
    """The file of a call. Cost: the whole folder's calls are gone through once, when the first is asked for."""
    evaluation, folder = frame.module.evaluation, frame.module.folder
    if id(folder) not in evaluation.files:
        files: dict[int, str] = {}
        pending: list[tuple[Any, str]] = [(each, "") for each in folder.locals.values()]
        for blocks in (folder.resources, folder.calls, folder.outputs, folder.variables):
            pending.extend((block, "") for block in blocks.values())
        pending.extend((block, "") for block in folder.providers)
        while pending:
            each, file = pending.pop()
            if isinstance(each, tuple | list):
                pending.extend((inner, file) for inner in each)
            elif isinstance(each, Mapping):
                pending.extend((inner, file) for inner in each.values())
            elif hasattr(each, "__dataclass_fields__"):
                file = getattr(each, "file", file)
                if isinstance(each, Call):
                    files[id(each)] = file
                pending.extend((getattr(each, name), file) for name in each.__dataclass_fields__)
        evaluation.files[id(folder)] = files
    return evaluation.files[id(folder)].get(id(expression), evaluation.folders.name_of(folder.folder))


def _applied(name: str, arguments: list[Any], expression: Call, frame: Frame) -> Any:
    if "::" in name:
        return Unknown(f"{name}()", "a provider's function")
    if name in _OWN:
        return _OWN[name](arguments, frame)
    if name not in functions.FUNCTIONS:
        frame.module.evaluation.problem(f"There is no function {name}().", _here(expression, frame))
        return Unknown(f"{name}()", f"an unknown function {name}()")
    return functions.call(name, arguments, frame.module.evaluation.root)


def _tried(name: str, expression: Call, frame: Frame) -> Any:
    failure: EvaluationError | None = None
    evaluation = frame.module.evaluation
    for argument in expression.arguments:
        lenient, evaluation.lenient = evaluation.lenient, False
        try:
            value = evaluate(argument, frame)
        except Cycle:
            raise
        except EvaluationError as error:
            failure = error
            continue
        finally:
            evaluation.lenient = lenient
        if name == "can":
            return (
                Unknown(f"can({value.reference})", value.why)
                if isinstance(value, Unknown) and not value.options
                else True
            )
        return value
    if name == "can":
        return False
    raise EvaluationError(f"try(): no expression has a value: {failure}")


def _templatefile(arguments: list[Any], frame: Frame) -> Any:
    if len(arguments) != 2:
        raise EvaluationError(f"templatefile() takes 2 arguments, not {len(arguments)}")
    path, given = arguments
    if has_options(path):
        return lifted([path], lambda one: _templatefile([one[0], given], frame), "templatefile(…)")
    path = to_text(path)
    if OPEN in path:
        return symbol(f"templatefile({name_of(path)})")
    return _rendered(frame.module.evaluation.template(path), given, frame)


def _templatestring(arguments: list[Any], frame: Frame) -> Any:
    text = to_text(arguments[0])
    return _rendered(frame.module.evaluation.parsed(text), arguments[1], frame)


def _rendered(parts: tuple[Expression | str, ...], given: Any, frame: Frame) -> Any:
    names = given.materialise() if isinstance(given, Lazy) else given
    if not isinstance(names, dict):
        raise EvaluationError("a template needs a map of its variables")
    if len(parts) == 1 and not isinstance(parts[0], str | TemplateIf | TemplateFor):
        return evaluate(parts[0], Frame(frame.module, names))
    return _filled(parts, Frame(frame.module, names))


_OWN: dict[str, Callable[[list[Any], Frame], Any]] = {"templatefile": _templatefile, "templatestring": _templatestring}

_EVALUATE: dict[type, Callable[[Any, Frame], Any]] = {
    Literal: _literal,
    Unreadable: _unreadable,
    Template: _template,
    TemplateIf: _template_if,
    TemplateFor: _template_for,
    Reference: _reference,
    Access: _access,
    Call: _call,
    Tuple: _tuple,
    Object: _object,
    For: _for,
    Conditional: _conditional,
    Binary: _binary,
    Unary: _unary,
}


# --- data sources whose answer follows from their block


def _alias(resource: ResourceValue) -> str:
    written = resource.block.body.attributes.get("provider")
    expression = written.expression if written else None
    if isinstance(expression, Reference) and expression.steps and isinstance(expression.steps[0], str):
        return expression.steps[0]
    return ""


def _region(resource: ResourceValue, name: str) -> Any:
    if name not in ("name", "id", "region"):
        return None
    alias = _alias(resource)
    return symbol(f"region.{alias}") if alias else symbol("region")


def _identity(resource: ResourceValue, name: str) -> Any:
    return symbol("account") if name in ("account_id", "id") else None


_PARTITION = {"partition": "aws", "id": "aws", "dns_suffix": "amazonaws.com", "reverse_dns_prefix": "com.amazonaws"}


def _service_principal(resource: ResourceValue, name: str) -> Any:
    if name not in ("name", "id"):
        return {"suffix": "amazonaws.com", "reverse_dns_name": None}.get(name)
    return f"{to_text(resource.attribute('service_name'))}.amazonaws.com"


def _template_data(resource: ResourceValue, name: str) -> Any:
    if name != "rendered" or "template" not in resource.block.body.attributes:
        return None
    given = resource.attribute("vars") if "vars" in resource.block.body.attributes else {}
    return _templatestring([resource.attribute("template"), given], resource.frame)


def _policy_document(resource: ResourceValue, name: str) -> Any:
    if name not in ("json", "minified_json"):
        return None
    evaluation = resource.frame.module.evaluation

    def lost(what: str) -> None:
        evaluation.problem(f"{resource.address}: {what}", place(resource.block.file, resource.block.at))

    return policy_documents.document(resource.materialise(), lost)


_DATA: dict[str, Callable[[ResourceValue, str], Any]] = {
    "aws_region": _region,
    "aws_caller_identity": _identity,
    "aws_partition": lambda resource, name: _PARTITION.get(name),
    "aws_service_principal": _service_principal,
    "aws_iam_policy_document": _policy_document,
    "template_file": _template_data,
}
_COMPUTED = {"aws_iam_policy_document": ("json",), "template_file": ("rendered",)}
