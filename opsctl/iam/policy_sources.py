"""From an attribute's value to policy documents: JSON text with symbols in it, a data source, or one of several values.

Everything here is total: what can't be read is a hole (a sentence), and the rest stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from opsctl.findings import Place
from opsctl.hcl.configuration import Resource
from opsctl.hcl.symbols import OPEN, SYMBOL, Unknown, symbols_in
from opsctl.iam.arns import Surroundings, parted, without_keys
from opsctl.iam.documents import read_document
from opsctl.iam.policy import Document

POLICY_DOCUMENT = "aws_iam_policy_document"
JSON_ATTRIBUTES = ("json", "minified_json")
MOST_ALTERNATIVES = 64
DEEPEST = 20
_TEXT_OR_SYMBOL = re.compile(r'"(?:[^"\\⟦⟧]|\\.|⟦[^⟦⟧]*⟧)*"|⟦[^⟦⟧]*⟧', re.DOTALL)
_LONE = re.compile(r"\s*⟦([^⟦⟧]*)⟧\s*")


@dataclass(frozen=True)
class Source:
    """What one attribute holds, read.

    Attributes:
        document: None where nothing of it could be read.
        holes: what of it could not be read, one sentence each.
        condition: which of several values it is ("alternative 1 of 2"), else "".
    """

    document: Document | None
    holes: tuple[str, ...] = ()
    condition: str = ""


@dataclass
class Draft:
    """A document before it is read: its members, where its statements are written, and what is missing from it."""

    members: dict[str, Any] = field(default_factory=dict)
    statements: list[tuple[Any, Place | None]] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)


class Sources:
    """Reads the policies of one configuration; a data source that serves many attributes is read once."""

    def __init__(self, around: Surroundings, references: Mapping[str, tuple[str, ...]]) -> None:
        self.around, self.references = around, references
        self.read_from: set[str] = set()  # addresses of the data sources that some attribute or document took in
        self._documents: dict[str, tuple[Source, ...]] = {}

    def read(self, resource: Resource, attribute: str, value: Any) -> tuple[Source, ...]:
        """The documents that an attribute holds: one; several where it is one of several values; none for an empty one.

        Args:
            attribute: path of the attribute, as `Resource.places` has it.
        """
        if value is None or value in ("", [], {}):
            return ()
        value = self._traced(f"{resource.address}.{attribute}", value)
        if isinstance(value, str) and (found := _LONE.fullmatch(value)) and (data := self._data_source(found[1])):
            return self.of_data_source(data)
        drafts = self._drafts(value, resource, attribute, 0)
        return self._read(drafts, resource.place_of(attribute))

    def of_data_source(self, data: Resource) -> tuple[Source, ...]:
        """The documents that a data.aws_iam_policy_document makes."""
        known = self._documents.get(data.address)
        if known is None:
            known = self._documents[data.address] = self._read(self._rendered(data, 0), data.place)
        return known

    def _read(self, drafts: Sequence[Draft], place: Place) -> tuple[Source, ...]:
        sources = []
        for number, draft in enumerate(drafts, 1):
            condition = f"alternative {number} of {len(drafts)}" if len(drafts) > 1 else ""
            sources.append(self._source(draft, place, condition))
        return tuple(sources)

    def _source(self, draft: Draft, place: Place, condition: str) -> Source:
        if not draft.statements and draft.holes:
            return Source(None, tuple(draft.holes), condition)
        raw = draft.members.get("\0text")
        if isinstance(raw, str):
            return Source(read_document(raw, place=place), tuple(draft.holes), condition)
        written = {**draft.members, "Statement": [statement for statement, _ in draft.statements]}
        document = read_document(self.around.expanded(written), place=place)
        placed = tuple(
            replace(statement, place=draft.statements[statement.index][1] or place)
            if statement.index < len(draft.statements) else statement
            for statement in document.statements
        )  # fmt: skip
        holes = [*draft.holes, *document.extra.get("unknown", ())]
        for statement in placed:
            for action in (*statement.actions, *statement.not_actions):
                if action.startswith(OPEN):
                    holes.append(f"the actions of {statement.name} are {action}, which isn't known before an apply")
        return Source(replace(document, statements=placed), tuple(holes), condition)

    # --- values → drafts ----------------------------------------------------------------------------------------------

    def _drafts(self, value: Any, resource: Resource, attribute: str, depth: int) -> list[Draft]:
        """Every document that a value may be."""
        if depth > DEEPEST:
            return [Draft(holes=["its policy is made from itself, or of documents that nest too deeply"])]
        if isinstance(value, Unknown):
            if value.options:
                return [
                    draft for option in value.options
                    for draft in self._drafts(option, resource, attribute, depth + 1) or [Draft()]
                ][:MOST_ALTERNATIVES]  # fmt: skip
            value = str(value)
        if isinstance(value, Mapping):
            return self._members(value, resource, attribute)
        if not isinstance(value, str):
            return [Draft(holes=[f"its policy is {type(value).__name__}, not a document"])]
        if lone := _LONE.fullmatch(value):
            if data := self._data_source(lone[1]):
                return self._rendered(data, depth + 1)
            return [Draft(holes=[self._why(lone[1])])]
        if not value.strip():
            return []
        text = whole_json(value) if OPEN in value else value
        try:
            made = json.loads(text)
        except (ValueError, RecursionError) as error:
            if OPEN in value:
                named = ", ".join(symbols_in(value)[:3])
                return [Draft(holes=[f"its text can't be read as JSON while {named} isn't known ({error})"])]
            return [Draft(members={"\0text": value})]
        if isinstance(made, str) and depth < DEEPEST and (made.lstrip().startswith("{") or OPEN in made):
            return self._drafts(made, resource, attribute, depth + 1)  # encoded twice
        if not isinstance(made, Mapping):
            return [Draft(members={"\0text": value})]
        return self._members(made, resource, attribute)

    def _members(self, value: Mapping[str, Any], resource: Resource, attribute: str) -> list[Draft]:
        if not any(str(key).lower() == "statement" for key in value):
            if any(OPEN in str(key) for key in value) or isinstance(value.get("Statement"), Unknown):
                return [Draft(holes=["its members aren't known before an apply"])]
            return [Draft(members={"\0text": json.dumps(value, default=str)})]
        drafts = []
        for members in alternatives(value):
            key = next(key for key in members if str(key).lower() == "statement")
            listed = members[key] if isinstance(members[key], list) else [members[key]]
            places = self._places(resource, attribute, len(listed))
            others = {name: each for name, each in members.items() if name != key}
            drafts.append(Draft(others, list(zip(listed, places, strict=True))))
        return drafts[:MOST_ALTERNATIVES]

    def _places(self, resource: Resource, attribute: str, statements: int) -> list[Place | None]:
        """Where each statement is written: its own line, or its data source's block; None: nothing nearer is known."""
        found = [
            resource.places.get(f"{attribute}.Statement[{number}]") or resource.places.get(f"{attribute}.Statement")
            for number in range(statements)
        ]
        if any(found):
            return found
        for reference in self.references.get(f"{resource.address}.{attribute}", ()):
            parts = parted(reference) or parted(reference + ".json")
            data = self.around.resource(parts[0]) if parts and parts[1] == POLICY_DOCUMENT else None
            blocks = data.get("statement") if data else None
            if data and isinstance(blocks, list) and len(blocks) == statements:
                return [data.place_of(f"statement[{number}]") for number in range(statements)]
        return found

    def _traced(self, at: str, value: Any) -> Any:
        """A value that is its own name, as a plan didn't know it: the data source's, if its expression names one."""
        if isinstance(value, Unknown) and value.options:
            return value
        text = str(value) if isinstance(value, str | Unknown) else ""
        if text != f"⟦{at}⟧":
            return value
        named = self.references.get(at, ())
        if len(named) == 1:
            parts = parted(named[0])
            if parts and parts[1] == POLICY_DOCUMENT and parts[2] in JSON_ATTRIBUTES:
                return f"⟦{named[0]}⟧"
            if not parts and (parts := parted(named[0] + ".json")) and parts[1] == POLICY_DOCUMENT:
                key = re.search(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\](?=\.[\w.\[\]]+$)', at)
                same = parts[0] + key[0] if key and parts[0] + key[0] in self.around.by_address else parts[0]
                return f"⟦{same}.json⟧"
        return value

    def _data_source(self, reference: str) -> Resource | None:
        parts = parted(reference)
        if parts is None or parts[1] != POLICY_DOCUMENT or parts[2] not in JSON_ATTRIBUTES:
            return None
        data = self.around.resource(parts[0])
        if data:
            self.read_from.add(data.address)
        return data

    def _why(self, reference: str) -> str:
        parts = parted(reference)
        if parts and (named := self.references.get(reference)):
            return f"its policy isn't known before an apply; it is made from {', '.join(named[:5])}"
        return f"its policy is {reference}, which isn't known before an apply"

    # --- data.aws_iam_policy_document ---------------------------------------------------------------------------------

    def _rendered(self, data: Resource, depth: int) -> list[Draft]:
        """What the data source makes of its blocks and of the documents that it merges.

        Source: the provider's documentation of aws_iam_policy_document: sources first, then its own statements, then
        overrides; a statement replaces the one before it that has the same Sid.
        """
        if depth > DEEPEST:
            return [Draft(holes=[f"{without_keys(data.address)} is made from itself, or nests too deeply"])]
        values = data.values
        known = values.get("json")
        if isinstance(known, str) and OPEN not in known and not values.get("statement"):
            return self._drafts(known, data, "json", depth + 1)
        drafts = [Draft({"Version": values.get("version") or "2012-10-17"})]
        for attribute in ("source_json", "source_policy_documents"):
            drafts = self._merged(drafts, data, attribute, depth)
        drafts = self._with_blocks(drafts, data)
        for attribute in ("override_json", "override_policy_documents"):
            drafts = self._merged(drafts, data, attribute, depth)
        return drafts

    def _merged(self, drafts: list[Draft], data: Resource, attribute: str, depth: int) -> list[Draft]:
        value = data.values.get(attribute)
        if value in (None, "", []):
            return drafts
        listed = value if isinstance(value, list) else [value]
        for number, text in enumerate(listed):
            if text in (None, ""):
                continue
            at = f"{data.address}.{attribute}"
            if len(listed) == 1:
                text = self._traced(f"{at}[0]" if str(text) == f"⟦{at}[0]⟧" else at, text)
            elif isinstance(text, str) and text == f"⟦{at}[{number}]⟧":
                text = self._nth_source(at, number, len(listed)) or text
            merged = self._drafts(text, data, attribute, depth + 1)
            drafts = [_overlaid(base, top) for base in drafts for top in merged][:MOST_ALTERNATIVES]
        return drafts

    def _nth_source(self, at: str, number: int, of: int) -> str:
        """In a plan: a list of documents whose expression names as many data sources, in the order that it has."""
        named = self.references.get(at, ())
        return f"⟦{named[number]}⟧" if len(named) == of else ""

    def _with_blocks(self, drafts: list[Draft], data: Resource) -> list[Draft]:
        blocks = data.values.get("statement")
        if isinstance(blocks, Unknown) and blocks.options:
            made = []
            for option in blocks.options:
                optional = replace(data, values={**data.values, "statement": option})
                made += self._with_blocks(
                    [replace(draft, statements=[*draft.statements]) for draft in drafts], optional
                )
            return made[:MOST_ALTERNATIVES]
        if isinstance(blocks, Unknown | str):
            return [
                replace(draft, holes=[*draft.holes, f"the statements of {data.address} aren't known before an apply"])
                for draft in drafts
            ]
        listed = blocks if isinstance(blocks, list) else [blocks] if isinstance(blocks, Mapping) else []
        own = Draft()
        for number, block in enumerate(listed):
            place = data.place_of(f"statement[{number}]")
            if isinstance(block, Mapping):
                own.statements.append((statement_of(block), place))
            elif isinstance(block, Unknown) and block.options:
                own.statements += [(statement_of(each), place) for each in block.options if isinstance(each, Mapping)]
            else:
                own.holes.append(f"statement {number + 1} of {data.address} isn't known before an apply")
        return [_overlaid(draft, own) for draft in drafts]


def _overlaid(base: Draft, top: Draft) -> Draft:
    """Two documents merged: a statement of `top` replaces the one of the same Sid."""
    merged = list(base.statements)
    at = {_sid(each): number for number, (each, _) in enumerate(merged) if _sid(each)}
    for statement in top.statements:
        sid = _sid(statement[0])
        if sid and sid in at:
            merged[at[sid]] = statement
        else:
            if sid:
                at[sid] = len(merged)
            merged.append(statement)
    holes = [*base.holes, *top.holes]
    if "\0text" in top.members:
        holes.append("a document that it merges is no policy")
    others = {name: each for name, each in top.members.items() if name not in ("\0text", "Version", "Id")}
    return Draft({**base.members, **others}, merged, holes)


def _sid(statement: Any) -> str:
    sid = statement.get("Sid") if isinstance(statement, Mapping) else None
    return sid if isinstance(sid, str) else ""


def statement_of(block: Mapping[str, Any]) -> dict[str, Any]:
    """A `statement` block of data.aws_iam_policy_document as IAM writes it."""
    made: dict[str, Any] = {"Effect": block.get("effect") or "Allow"}
    if block.get("sid"):
        made["Sid"] = block["sid"]
    for name, field_name in (
        ("actions", "Action"), ("not_actions", "NotAction"), ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ):  # fmt: skip
        if (value := block.get(name)) not in (None, []):
            made[field_name] = _variables(_flat(value))
    for name, field_name in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        if blocks := _blocks(block.get(name)):
            made[field_name] = _principals(blocks)
    conditions: dict[str, dict[str, list[Any]]] = {}
    for each in _blocks(block.get("condition")):
        if not isinstance(each, Mapping):
            made["Condition"] = str(each)
            continue
        keys = conditions.setdefault(str(each.get("test")), {})
        keys.setdefault(str(each.get("variable")), []).extend(_variables(_flat(each.get("values"))))
    if conditions:
        made["Condition"] = conditions
    return made


def _blocks(value: Any) -> list[Any]:
    if isinstance(value, Unknown) and value.options:
        return [each for option in value.options for each in _blocks(option)]
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _flat(value: Any) -> list[Any]:
    """A list of strings; one of several values stands as all of them."""
    if isinstance(value, Unknown) and value.options:
        return [each for option in value.options for each in _flat(option)]
    if isinstance(value, list):
        return [each for item in value for each in (_flat(item) if isinstance(item, list | Unknown) else [item])]
    return [] if value is None else [value]


def _principals(blocks: Sequence[Any]) -> Any:
    found: dict[str, list[Any]] = {}
    for each in blocks:
        if not isinstance(each, Mapping):
            return str(each)
        kind, identifiers = str(each.get("type")), _variables(_flat(each.get("identifiers")))
        if kind == "*":
            return "*"
        found.setdefault(kind, []).extend(identifiers)
    return found


def _variables(values: Sequence[Any]) -> list[Any]:
    """`&{aws:username}` is how Terraform writes IAM's own `${aws:username}`."""
    return [each.replace("&{", "${") if isinstance(each, str) else each for each in values]


def whole_json(text: str) -> str:
    """A JSON text with symbols made whole: one that stands bare is quoted, and its own quotes are escaped."""

    def whole(found: re.Match[str]) -> str:
        token = found[0]
        return SYMBOL.sub(_escaped, token) if token[0] == '"' else f'"{_escaped(found)}"'

    return _TEXT_OR_SYMBOL.sub(whole, text)


def _escaped(found: re.Match[str]) -> str:
    text = found[0]
    return text if '\\"' in text else text.replace("\\", "\\\\").replace('"', '\\"')


def alternatives(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A document with values that may be one of several, as each document that it may be.

    Actions, resources and principals stand in lists: there, all of the values stand. A conditional statement is there
    in every alternative. Only the whole list of statements makes alternatives.
    """
    statements = value.get("Statement")
    if isinstance(statements, Unknown) and statements.options:
        return [{**value, "Statement": [_settled(each) for each in _blocks(option)]} for option in statements.options]
    return [{key: _settled_list(each) if str(key).lower() == "statement" else each for key, each in value.items()}]


def _settled_list(value: Any) -> Any:
    return [_settled(each) for each in _flat(value)] if isinstance(value, list) else _settled(value)


def _settled(value: Any) -> Any:
    """A statement in which lists hold all that they may hold."""
    if not isinstance(value, Mapping):
        return value
    made = dict(value)
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in made and not isinstance(made[name], str):
            made[name] = _flat(made[name])
    if isinstance(principal := made.get("Principal"), Mapping):
        made["Principal"] = {kind: _flat(each) for kind, each in principal.items()}
    elif isinstance(principal, Unknown) and principal.options:
        made["Principal"] = principal.options[0]
    return made


def looks_like_a_policy(value: Any) -> Iterator[str]:
    """The texts in a value that are policy documents, by their looks."""
    if isinstance(value, str):
        if '"Statement"' in value and '"Effect"' in value and value.lstrip()[:1] == "{":
            yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from looks_like_a_policy(each)
    elif isinstance(value, list):
        for each in value:
            yield from looks_like_a_policy(each)
    elif isinstance(value, Unknown):
        for each in value.options:
            yield from looks_like_a_policy(each)
