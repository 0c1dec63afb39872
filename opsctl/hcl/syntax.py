"""HCL text as a small tree: bodies, blocks, attributes, expressions, each with its position.

text → tree-sitter-hcl's concrete tree → the dataclasses here. Nothing is evaluated. What is malformed becomes an
`Unreadable` expression and an entry of `Source.errors`; everything around it stands. Cost: linear in the text, about
30 ms for 1,000 lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


class Position(NamedTuple):
    """Where something is written: line and column from 1, and its last line."""

    line: int
    column: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string without anything to fill in, true, false or null."""

    value: Any
    at: Position


@dataclass(frozen=True, slots=True)
class Template:
    """A quoted string or heredoc with something to fill in; a lone `"${x}"` is x itself and keeps its type."""

    parts: tuple[Expression | str, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class TemplateIf:
    condition: Expression
    yes: tuple[Expression | str, ...]
    no: tuple[Expression | str, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class TemplateFor:
    key: str
    value: str
    collection: Expression
    body: tuple[Expression | str, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class GetIndex:
    """`[key]`; the legacy `.0` is one with a literal."""

    key: Expression


@dataclass(frozen=True, slots=True)
class Splat:
    """`[*]` or `.*` and the steps that it takes on each element."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name and the way from it: `module.photos["a"].queue.arn`. A step that is text is an attribute's name."""

    name: str
    steps: tuple[Step, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Access:
    """The way from something that isn't a name: `f(x).y[0]`."""

    target: Expression
    steps: tuple[Step, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Expression, ...]
    expands: bool  # the last argument ends in "..."
    at: Position


@dataclass(frozen=True, slots=True)
class Tuple:
    items: tuple[Expression, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Object:
    items: tuple[tuple[Expression, Expression], ...]
    at: Position


@dataclass(frozen=True, slots=True)
class For:
    """`[for key, value in collection : result if condition]`; one in braces has a `result_key`."""

    key: str
    value: str
    collection: Expression
    result_key: Expression | None
    result: Expression
    condition: Expression | None
    groups: bool
    at: Position


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: Expression
    yes: Expression
    no: Expression
    at: Position


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression
    at: Position


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Expression
    at: Position


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An expression that is malformed or nested too deeply."""

    why: str
    at: Position


Expression = (
    Literal
    | Template
    | TemplateIf
    | TemplateFor
    | Reference
    | Access
    | Call
    | Tuple
    | Object
    | For
    | Conditional
    | Binary
    | Unary
    | Unreadable
)
Step = str | GetIndex | Splat


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    expression: Expression
    at: Position
    file: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    def of_type(self, *types: str) -> Iterator[Block]:
        return (block for block in self.blocks if block.type in types)


@dataclass(frozen=True, slots=True)
class Block:
    type: str
    labels: tuple[str, ...]
    body: Body
    at: Position
    file: str = ""


@dataclass(frozen=True)
class SyntaxProblem:
    """Attributes: what: one sentence; severe: more than one value is lost."""

    what: str
    at: Position
    severe: bool = True


@dataclass(frozen=True)
class Source:
    """One file."""

    body: Body
    errors: tuple[SyntaxProblem, ...] = ()


NO_POSITION = Position(0, 0, 0)
DEEPEST = 200  # levels of nesting in one expression; Terraform's own parser is recursive too
LARGEST = 10_000_000  # bytes of one file


@cache
def _parser() -> Parser:
    import tree_sitter  # only who reads HCL needs it
    import tree_sitter_hcl

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language()))


def parse(data: bytes, file: str = "") -> Source:
    """Native syntax. Malformed text gives `errors` and what is sound around it; raises nothing."""
    return _parsed(data, file, {})


def _parsed(data: bytes, file: str, templates: Mapping[str, str]) -> Source:
    if len(data) > LARGEST:
        return Source(Body(), (SyntaxProblem(f"the file is larger than {LARGEST // 1_000_000} MB", NO_POSITION),))
    data = _plain(data)
    root = _parser().parse(data).root_node
    if root.has_error and _EXPONENT.search(data):  # the grammar wants a fraction before an exponent
        mended = _EXPONENT.sub(rb"\1.0\2", data)
        root, data = _parser().parse(mended).root_node, mended
    if not root.has_error:
        reader = _Reader(data, file, templates=templates)
        return Source(reader.file_body(root), tuple(reader.errors))
    first = _first_error(root)
    errors = [
        SyntaxProblem(
            f"malformed: {_describe(first, data)}", Position(first.start_point[0] + 1, first.start_point[1] + 1, 0)
        )
    ]
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    for chunk, line in _chunks(data):  # error recovery guesses across blocks; block by block it can't
        part = _Reader(chunk, file, line)
        root = _parser().parse(chunk).root_node
        body = part.file_body(root)
        attributes.update(body.attributes)
        blocks.extend(body.blocks)
        errors.extend(part.errors)
    return Source(Body(attributes, tuple(blocks)), tuple(errors))


def parse_json(data: bytes, file: str = "") -> Source:
    """JSON syntax (`.tf.json`). JSON is an HCL expression, strings in it are templates: so it is read as one.

    Which member is a block and which an attribute only a provider's schema says. Lists of objects are blocks, and
    so is a single object whose name isn't one of those that hold maps (`MAPS`).
    """
    try:
        json.loads(data)
    except RecursionError:
        return Source(Body(), (SyntaxProblem("nested too deeply", NO_POSITION),))
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        return Source(
            Body(), (SyntaxProblem(f"malformed JSON: {error}", Position(line, getattr(error, "colno", 0), 0)),)
        )
    templates: dict[str, str] = {}

    def taken_out(match: re.Match[bytes]) -> bytes:
        # A template in JSON is escaped as a whole: `"${f(\\"x\\")}"`. HCL would see the backslashes.
        text = match[0]
        if b"\\" not in text or (b"${" not in text and b"%{" not in text):
            return text
        name = f"\ue000{len(templates)}"
        templates[name] = json.loads(text)
        return f'"{name}"'.encode()

    source = _parsed(b"_ =" + _JSON_TEXT.sub(taken_out, _plain(data).strip()), file, templates)
    top = source.body.attributes.get("_")
    if source.errors or top is None or not isinstance(top.expression, Object):
        return Source(Body(), source.errors or (SyntaxProblem("the file is not a JSON object", NO_POSITION),))
    blocks: list[Block] = []
    for name, value, at in _members(top.expression):
        depth = {"resource": 2, "data": 2, "ephemeral": 2, "locals": 0, "terraform": 0, "moved": 0}.get(name, 1)
        for labels, body in _labelled(value, depth):
            blocks.append(Block(name, labels, _json_body(body, file), body.at if depth else at, file))
    return Source(Body({}, tuple(blocks)))


def parse_template(text: str) -> tuple[Expression | str, ...]:
    """The parts of a template file (`templatefile`), or of any text with `${…}` in it. Raises ValueError."""
    if "${" not in text and "%{" not in text:
        return (text,) if text else ()
    mark = "EOT"
    while mark in text:
        mark += "T"
    source = parse(f"_ = <<{mark}\n{text}\n{mark}\n".encode("utf-8", "replace"))
    attribute = source.body.attributes.get("_")
    if source.errors or attribute is None:
        raise ValueError(
            f"line {max(1, source.errors[0].at.line - 1)}: {source.errors[0].what}"
            if source.errors
            else "malformed template"
        )
    expression = attribute.expression
    if isinstance(expression, Unreadable):
        raise ValueError(expression.why)
    parts = list(expression.parts) if isinstance(expression, Template) else [expression.value]  # type: ignore[union-attr]
    if parts and isinstance(parts[-1], str):
        parts[-1] = parts[-1].removesuffix("\n")  # the heredoc's own
    return tuple(part for part in parts if part != "")


MAPS = frozenset(
    [
        "tags",
        "tags_all",
        "variables",
        "environment_variables",
        "labels",
        "annotations",
        "triggers",
        "triggers_replace",
        "keepers",
        "parameters",
        "vars",
        "input",
        "request_parameters",
        "request_templates",
        "request_models",
        "response_parameters",
        "response_templates",
        "response_models",
        "stage_variables",
        "message_attributes",
        "parameter_overrides",
        "default_arguments",
        "settings_map",
        "non_overridable_arguments",
        "connection_properties",
        "options_map",
        "query",
        "result",
        "metadata",
        "headers",
    ]
)


def _plain(data: bytes) -> bytes:
    return data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def _members(expression: Object) -> Iterator[tuple[str, Expression, Position]]:
    for key, value in expression.items:
        if isinstance(key, Literal) and key.value != "//":
            yield str(key.value), value, key.at


def _labelled(value: Expression, depth: int) -> Iterator[tuple[tuple[str, ...], Object]]:
    if isinstance(value, Tuple):
        for item in value.items:
            yield from _labelled(item, depth)
    elif isinstance(value, Object):
        if not depth:
            yield (), value
            return
        for label, inner, _ in _members(value):
            for labels, body in _labelled(inner, depth - 1):
                yield (label, *labels), body


def _json_body(value: Object, file: str) -> Body:
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    for name, inner, at in _members(value):
        if name == "dynamic":
            blocks.extend(
                Block(name, labels, _json_body(body, file), body.at, file) for labels, body in _labelled(inner, 1)
            )
        elif (isinstance(inner, Object) and name not in MAPS) or (
            isinstance(inner, Tuple) and inner.items and all(isinstance(item, Object) for item in inner.items)
        ):
            blocks.extend(Block(name, (), _json_body(body, file), body.at, file) for _, body in _labelled(inner, 0))
        else:
            attributes[name] = Attribute(name, inner, at, file)
    return Body(attributes, tuple(blocks))


_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_EXPONENT = re.compile(rb"(?<![\w.\"-])(\d+)([eE][-+]?\d+)(?![\w])")
_START = re.compile(rb"^[A-Za-z_][\w-]*(?:[ \t]+(?:\"[^\"\n]*\"|[\w-]+))*[ \t]*\{", re.M)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The text cut before each line that begins a block in its first column, with the number of lines before it."""
    starts = [match.start() for match in _START.finditer(data)]
    line = 0
    for begin, end in zip([0, *starts], [*starts, len(data)], strict=True):
        if begin < end:
            yield data[begin:end], line
            line += data.count(b"\n", begin, end)


def _first_error(root: Node) -> Node:
    node = root
    while True:
        if node.type == "ERROR" or node.is_missing:
            inner = next((child for child in node.children if child.has_error or child.is_missing), None)
            return inner if inner is not None and inner.is_missing else node
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            return node
        node = inner


def _describe(node: Node, data: bytes) -> str:
    if node.is_missing:
        return f"{node.type.replace('_', ' ')} is missing"
    text = data[node.start_byte : node.end_byte].decode("utf-8", "replace").split("\n", 1)[0]
    return f"unexpected {text[:60]!r}" if text.strip() else "unexpected end"


@dataclass(slots=True)
class _Text:
    """Literal text of a template while it is read."""

    text: str


class _TooDeep(Exception):
    """An expression is nested more deeply than `DEEPEST`."""


_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([nrt"\\/]))|\$\$\{|%%\{')
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}


def _unescape(match: re.Match[str]) -> str:
    short, long, letter = match.groups()
    if letter:
        return _ESCAPED[letter]
    if short or long:
        try:
            return chr(int(short or long, 16))
        except (ValueError, OverflowError):
            return match[0]
    return match[0][1:]


def _quoted_text(text: str) -> str:
    if "\\" not in text and "$${" not in text and "%%{" not in text:
        return text
    text = _ESCAPE.sub(_unescape, text)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # JSON writes what lies beyond 16 bits as a pair
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _heredoc_text(text: str) -> str:
    return text.replace("$${", "${").replace("%%{", "%{")


_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
_STEPS = frozenset({"get_attr", "index", "splat"})
_SKIP = frozenset({"comment"})


class _Reader:
    """One file's concrete tree → the tree above."""

    def __init__(
        self, data: bytes, file: str, line: int = 0, templates: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.templates = templates
        self.data, self.file, self.line, self.depth = data, file, line, 0
        self.errors: list[SyntaxProblem] = []

    def at(self, node: Node) -> Position:
        row, column = node.start_point
        return Position(row + 1 + self.line, column + 1, node.end_point[0] + 1 + self.line)

    def text(self, node: Node) -> str:
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def file_body(self, root: Node) -> Body:
        """Cost: linear. An ERROR's children are taken for what they are."""
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        pending = list(reversed(root.children))
        while pending:
            node = pending.pop()
            if node.type in ("body", "ERROR"):
                pending.extend(reversed(node.children))
            elif node.type == "block":
                blocks.append(self.block(node))
            elif node.type == "attribute":
                attribute = self.attribute(node)
                attributes[attribute.name] = attribute
        return Body(attributes, tuple(blocks))

    def body(self, node: Node | None) -> Body:
        if node is None:
            return Body()
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        for child in node.children:
            kind = child.type
            if kind == "attribute":
                attribute = self.attribute(child)
                attributes[attribute.name] = attribute
            elif kind == "block":
                blocks.append(self.block(child))
        return Body(attributes, tuple(blocks))

    def block(self, node: Node) -> Block:
        names: list[str] = []
        body: Node | None = None
        for child in node.children:
            kind = child.type
            if kind == "identifier":
                names.append(self.text(child))
            elif kind == "string_lit":
                names.append(_quoted_text(self.text(child)[1:-1]))
            elif kind == "body":
                body = child
        self.depth += 1
        try:
            inner = self.body(body) if self.depth < DEEPEST else Body()
            if self.depth == DEEPEST:
                self.errors.append(SyntaxProblem("blocks are nested too deeply", self.at(node)))
        finally:
            self.depth -= 1
        return Block(names[0] if names else "", tuple(names[1:]), inner, self.at(node), self.file)

    def attribute(self, node: Node) -> Attribute:
        name, at = self.text(node.children[0]), self.at(node)
        last = node.children[-1]
        expression: Expression
        if node.has_error:
            expression = Unreadable("malformed", at)
        else:
            depth = self.depth
            try:
                expression = self.expression(last)
            except (_TooDeep, RecursionError):
                self.depth = depth
                expression = Unreadable("nested too deeply", at)
                self.errors.append(SyntaxProblem(f"{name} is nested too deeply", at, severe=False))
            except (ValueError, LookupError, OverflowError) as error:
                self.depth = depth
                expression = Unreadable(f"not understood ({error})", at)
                self.errors.append(SyntaxProblem(f"{name} is not understood: {error}", at, severe=False))
        return Attribute(name, expression, at, self.file)

    def expression(self, node: Node) -> Expression:
        return self.sequence([child for child in node.children if child.type not in _SKIP], node)

    def sequence(self, nodes: list[Node], whole: Node) -> Expression:
        """An operand and the steps behind it."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise _TooDeep
        if nodes[0].type == "(":
            operand, rest = self.expression(nodes[1]), nodes[3:]
        else:
            operand, rest = self.operand(nodes[0], whole), nodes[1:]
        if rest:
            steps = self.steps(rest)
            if isinstance(operand, Reference) and nodes[0].type != "(":
                operand = Reference(operand.name, operand.steps + steps, operand.at)
            else:
                operand = Access(operand, steps, self.at(whole))
        self.depth -= 1
        return operand

    def operand(self, node: Node, whole: Node) -> Expression:
        kind = node.type
        if kind == "expression":
            return self.expression(node)
        if kind == "variable_expr":
            return Reference(self.text(node), (), self.at(whole))
        if kind in ("literal_value", "template_expr", "collection_value", "for_expr", "operation"):
            return self.operand(node.children[0], whole)
        return getattr(self, f"_{kind}")(node)  # type: ignore[no-any-return]

    def steps(self, nodes: list[Node]) -> tuple[Step, ...]:
        steps: list[Step] = []
        for number, node in enumerate(nodes):
            kind = node.type
            if kind == "get_attr":
                steps.append(self.text(node.children[-1]))
            elif kind == "index":
                inner = node.children[0]
                if inner.type == "new_index":
                    steps.append(GetIndex(self.expression(next(c for c in inner.children if c.type == "expression"))))
                else:
                    for index in self.text(inner).lstrip(".").split("."):
                        steps.append(GetIndex(Literal(int(index), self.at(inner))))
            elif kind == "splat":
                inner = node.children[0]
                own = [child for child in inner.children if child.type in _STEPS]
                if inner.type == "full_splat":  # everything behind it is done to each element
                    steps.append(Splat(self.steps([*own, *nodes[number + 1 :]])))
                    break
                attributes = list(takewhile(lambda child: child.type == "get_attr", own))
                steps.append(Splat(self.steps(attributes)))
                steps.extend(self.steps(own[len(attributes) :]))
            elif kind not in _SKIP:
                raise ValueError(f"{kind.replace('_', ' ')} at line {node.start_point[0] + 1 + self.line}")
        return tuple(steps)

    def _numeric_lit(self, node: Node) -> Expression:
        text = self.text(node)
        try:
            value: int | float = int(text)
        except ValueError:
            value = float(text)
            if value.is_integer() and abs(value) < 2**63:
                value = int(value)
        return Literal(value, self.at(node))

    def _bool_lit(self, node: Node) -> Expression:
        return Literal(self.text(node) == "true", self.at(node))

    def _null_lit(self, node: Node) -> Expression:
        return Literal(None, self.at(node))

    def _string_lit(self, node: Node) -> Expression:
        text = _quoted_text(self.text(node)[1:-1])
        if text in self.templates:
            parts = parse_template(self.templates[text])
            if all(isinstance(part, str) for part in parts):
                return Literal("".join(parts), self.at(node))  # type: ignore[arg-type]
            return Template(parts, self.at(node))
        return Literal(text, self.at(node))

    def _quoted_template(self, node: Node) -> Expression:
        return self._template(self.tokens(node.children, node.start_byte + 1, node.end_byte - 1, quoted=True), node)

    def _heredoc_template(self, node: Node) -> Expression:
        children = node.children
        names = [child for child in children if child.type == "heredoc_identifier"]
        begin = self.data.index(b"\n", names[0].end_byte) + 1
        end = max(begin, self.data.rfind(b"\n", begin, names[-1].start_byte) + 1)
        tokens = self.tokens(children, begin, end, quoted=False)
        if self.text(children[0]).startswith("<<-"):
            _flush(tokens)
        return self._template(tokens, node)

    def _template(self, tokens: list[_Text | Node], node: Node) -> Expression:
        parts = self.parts(tokens[::-1])
        if all(isinstance(part, str) for part in parts):
            return Literal("".join(parts), self.at(node))  # type: ignore[arg-type]
        return Template(parts, self.at(node))

    def tokens(self, nodes: list[Node], begin: int, end: int, *, quoted: bool) -> list[_Text | Node]:
        """A template as HCL's scanner sees it: text (line by line in a heredoc), and what is filled in between.

        A `~` trims the one token beside it, so in a heredoc to the end of the line and no further.
        """
        tokens: list[_Text | Node] = []
        trims = False

        def gap(until: int, trimmed: bool) -> None:
            text = self.data[begin:until].decode("utf-8", "replace")
            lines = [_quoted_text(text)] if quoted else [_heredoc_text(line) for line in text.splitlines(keepends=True)]
            found = [_Text(line) for line in lines if line]
            if found and trims:
                found[0].text = found[0].text.lstrip()
            if found and trimmed:
                found[-1].text = found[-1].text.rstrip()
            tokens.extend(found)

        for node in _marks(nodes):
            gap(node.start_byte, self.data[node.start_byte + 2 : node.start_byte + 3] == b"~")
            tokens.append(node)
            begin, trims = node.end_byte, self.data[node.end_byte - 2 : node.end_byte - 1] == b"~"
        gap(end, False)
        return tokens

    def parts(self, rest: list[_Text | Node]) -> tuple[Expression | str, ...]:
        """The parts up to the end of what they are in; takes them, and that end, from `rest`, whose last is next."""
        parts: list[Expression | str] = []
        self.depth += 1
        if self.depth > DEEPEST:
            raise _TooDeep
        while rest:
            token = rest.pop()
            if isinstance(token, _Text):
                if token.text:
                    parts.append(token.text)
                continue
            kind = token.type
            if kind in ("template_else_intro", "template_if_end", "template_for_end"):
                rest.append(token)
                break
            expression = next((child for child in token.children if child.type == "expression"), None)
            if expression is None:
                raise ValueError("an empty interpolation")
            value = self.expression(expression)
            if kind == "template_interpolation":
                parts.append(value)
                continue
            inner = self.parts(rest)
            if kind == "template_if_intro":
                other: tuple[Expression | str, ...] = ()
                if rest and getattr(rest[-1], "type", "") == "template_else_intro":
                    rest.pop()
                    other = self.parts(rest)
                parts.append(TemplateIf(value, inner, other, self.at(token)))
            else:
                names = [self.text(child) for child in token.children if child.type == "identifier"]
                key = names[0] if len(names) == 2 else ""
                parts.append(TemplateFor(key, names[-1], value, inner, self.at(token)))
            if rest:
                rest.pop()
        self.depth -= 1
        return tuple(parts)

    def _tuple(self, node: Node) -> Expression:
        return Tuple(tuple([self.expression(c) for c in node.children if c.type == "expression"]), self.at(node))

    def _object(self, node: Node) -> Expression:
        items: list[tuple[Expression, Expression]] = []
        for child in node.children:
            if child.type != "object_elem":
                continue
            key, value = [c for c in child.children if c.type == "expression"]
            inner = key.children
            if len(inner) == 1 and inner[0].type == "variable_expr":
                name: Expression = Literal(self.text(key), self.at(key))
            else:
                name = self.expression(key)
                if isinstance(name, Literal) and not isinstance(name.value, str):
                    name = Literal(self.text(key), name.at)
            items.append((name, self.expression(value)))
        return Object(tuple(items), self.at(node))

    def _function_call(self, node: Node) -> Expression:
        arguments: list[Expression] = []
        expands = False
        name = ""
        for child in node.children:
            if child.type == "identifier":
                name += self.text(child)
            elif child.type == "function_arguments":
                for inner in child.children:
                    if inner.type == "expression":
                        arguments.append(self.expression(inner))
                    elif inner.type == "ellipsis":
                        expands = True
            elif child.type == "::":
                name += "::"
        return Call(name, tuple(arguments), expands, self.at(node))

    def _for_tuple_expr(self, node: Node) -> Expression:
        return self._for(node)

    _for_object_expr = _for_tuple_expr

    def _for(self, node: Node) -> Expression:
        names: list[str] = []
        results: list[Expression] = []
        collection: Expression | None = None
        condition: Expression | None = None
        groups = False
        for child in node.children:
            kind = child.type
            if kind == "for_intro":
                names = [self.text(c) for c in child.children if c.type == "identifier"]
                collection = self.expression(next(c for c in child.children if c.type == "expression"))
            elif kind == "expression":
                results.append(self.expression(child))
            elif kind == "ellipsis":
                groups = True
            elif kind == "for_cond":
                condition = self.expression(next(c for c in child.children if c.type == "expression"))
        if collection is None:
            raise ValueError("a for without its collection")
        return For(
            names[0] if len(names) == 2 else "",
            names[-1],
            collection,
            results[0] if len(results) == 2 else None,
            results[-1],
            condition,
            groups,
            self.at(node),
        )

    def _conditional(self, node: Node) -> Expression:
        parts: list[list[Node]] = [[]]
        for child in node.children:
            if child.type in ("?", ":"):
                parts.append([])
            elif child.type not in _SKIP:
                parts[-1].append(child)
        condition, yes, no = (self.sequence(part, part[0]) for part in parts)
        return Conditional(condition, yes, no, self.at(node))

    def _unary_operation(self, node: Node) -> Expression:
        operand = self.sequence([c for c in node.children[1:] if c.type not in _SKIP], node)
        operator = self.text(node.children[0])
        if operator == "-" and isinstance(operand, Literal) and isinstance(operand.value, int | float):
            return Literal(-operand.value, self.at(node))
        return Unary(operator, operand, self.at(node))

    def _binary_operation(self, node: Node) -> Expression:
        """The grammar's own precedence isn't relied on: the chain is flattened and climbed again."""
        items: list[Any] = []
        self._flatten(node, items)
        return self._climb(items, 0, [0], self.at(node))

    def _flatten(self, node: Node, items: list[Any]) -> None:
        pending: list[Any] = [node]
        while pending:
            each = pending.pop()
            if isinstance(each, list):
                if len(each) == 1 and each[0].type == "operation" and each[0].children[0].type == "binary_operation":
                    pending.append(each[0].children[0])
                else:
                    items.append(self.sequence(each, each[0]))
            elif each.type == "binary_operation":
                operands: list[list[Node]] = [[]]
                operators: list[Node] = []
                for child in each.children:
                    if child.type in _PRECEDENCE:
                        operators.append(child)
                        operands.append([])
                    elif child.type not in _SKIP:
                        operands[-1].append(child)
                ordered: list[Any] = [operands[0]]
                for operator, operand in zip(operators, operands[1:], strict=True):
                    ordered += [operator, operand]
                pending.extend(reversed(ordered))
            else:
                items.append(each.type)

    def _climb(self, items: list[Any], least: int, cursor: list[int], at: Position) -> Expression:
        left: Expression = items[cursor[0]]
        cursor[0] += 1
        while cursor[0] < len(items) and _PRECEDENCE[items[cursor[0]]] > least:
            operator = items[cursor[0]]
            cursor[0] += 1
            left = Binary(operator, left, self._climb(items, _PRECEDENCE[operator], cursor, at), at)
        return left


def _marks(nodes: Iterable[Node]) -> Iterator[Node]:
    """What stands between a template's text, in order: interpolations, and the begins and ends of directives."""
    for node in nodes:
        if node.type == "template_interpolation" or node.type in _DIRECTIVE_MARKS:
            yield node
        elif node.type == "template_directive":
            yield from _marks(node.children[0].children)


_DIRECTIVE_MARKS = frozenset(
    ("template_if_intro", "template_else_intro", "template_if_end", "template_for_start", "template_for_end")
)


def _flush(tokens: list[_Text | Node]) -> None:
    """`<<-` takes the smallest indentation of all lines away from each. A line begins after a token that ends one; so
    one whose line break a `~` took away isn't one. Source: HCL's own parser, flushHeredocTemplateParts."""
    least: int | None = None
    lines: list[_Text] = []
    begins = True
    for token in tokens:
        if begins:
            spaces: int | None = 0
            if isinstance(token, _Text):
                stripped = token.text.lstrip()
                if not stripped and token.text.endswith("\n"):
                    spaces = None  # a blank line has no say
                else:
                    spaces = len(token.text) - len(stripped)
                    lines.append(token)
            if spaces is not None:
                least = spaces if least is None else min(least, spaces)
        begins = isinstance(token, _Text) and token.text.endswith("\n")
    for line in lines:
        line.text = line.text[least or 0 :]
