"""`data.aws_iam_policy_document`: the JSON that the AWS provider makes of its blocks.

Source: the provider's documentation of the data source, and its merging: a statement whose Sid is there already
replaces it, in place; one without a Sid is appended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from opsctl.hcl.functions import expand, jsonable
from opsctl.hcl.symbols import OPEN, Some, SomeMap, Unknown
from opsctl.hcl.values import EvaluationError, name_of, reference_of, to_list, to_text


def document(values: Mapping[str, Any], lost: Callable[[str], None]) -> Any:
    """The text of a document, an `Unknown` with the texts that it may be, in the order of its blocks.

    Args:
        values: the data source's attributes and blocks.
        lost: is told what could not be read and is missing in the result.
    """

    def text(chosen: Any) -> str:
        return json.dumps(jsonable(_merged(chosen, lost)), separators=(",", ":"), ensure_ascii=False)

    return expand(dict(values), text)


def _merged(values: Mapping[str, Any], lost: Callable[[str], None]) -> dict[str, Any]:
    sources = _documents(values, "source_policy_documents", "source_json", lost)
    overrides = _documents(values, "override_policy_documents", "override_json", lost)
    version = values.get("version")
    own: dict[str, Any] = {"Version": version if isinstance(version, str) else "2012-10-17"}
    if isinstance(identifier := values.get("policy_id"), str) and identifier:
        own["Id"] = identifier
    written = values.get("statement")
    own["Statement"] = [_statement(each) for each in (written if isinstance(written, list) else [])]
    result: dict[str, Any] = {}
    for each in (*sources, own, *overrides):
        _merge(result, each)
    return {key: result[key] for key in ("Version", "Id", "Statement") if key in result}


def _merge(result: dict[str, Any], other: Mapping[str, Any]) -> None:
    if other.get("Id"):
        result["Id"] = other["Id"]
    if str(other.get("Version") or "") > result.get("Version", ""):
        result["Version"] = other["Version"]
    statements: list[Any] = result.setdefault("Statement", [])
    added = other.get("Statement") or []
    places = {each["Sid"]: place for place, each in enumerate(statements) if isinstance(each, dict) and each.get("Sid")}
    for each in added if isinstance(added, list) else [added]:
        sid = each.get("Sid") if isinstance(each, dict) else None
        if sid and sid in places:
            statements[places[sid]] = each
        else:
            if sid:
                places[sid] = len(statements)
            statements.append(each)


def _documents(values: Mapping[str, Any], name: str, deprecated: str, lost: Callable[[str], None]) -> list[Any]:
    texts = [values[deprecated]] if values.get(deprecated) else []
    given = values.get(name)
    if isinstance(given, Some) or (given is not None and not isinstance(given, list)):
        lost(f"{name} isn't known as a whole: {name_of(given)}.")
    if given is not None:
        texts += to_list(given)
    found: list[Any] = []
    for text in texts:
        if text is None or text == "":
            continue
        try:
            parsed = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            found.append(parsed)
        else:
            reference = reference_of(text)
            lost(f"a document of {name} can't be read{': ' + reference if reference else ''}.")
    return found


_LISTS = (
    ("actions", "Action"),
    ("not_actions", "NotAction"),
    ("resources", "Resource"),
    ("not_resources", "NotResource"),
)
_PRINCIPALS = (("principals", "Principal"), ("not_principals", "NotPrincipal"))


def _statement(block: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {}
    if sid := block.get("sid"):
        statement["Sid"] = sid
    statement["Effect"] = block.get("effect") or "Allow"
    for name, key in _LISTS:
        if (given := block.get(name)) is not None and not (isinstance(given, list) and not given):
            statement[key] = _texts(given, variables=name.endswith("resources"))
    for name, key in _PRINCIPALS:
        if entries := block.get(name):
            statement[key] = _principals(entries)
    if conditions := block.get("condition"):
        statement["Condition"] = _conditions(conditions)
    return statement


def _texts(given: Any, *, variables: bool) -> Any:
    items: dict[str, None] = {}
    for item in to_list(given):
        if item is None:
            raise EvaluationError("null in a list of a policy document")
        text = str(item) if isinstance(item, Unknown) else to_text(item)
        items[_variables(text) if variables else text] = None
    texts = list(items)
    return texts[0] if len(texts) == 1 else texts


def _variables(text: str) -> str:
    """`&{aws:username}` is how the provider writes `${aws:username}`."""
    return text.replace("&{", "${") if "&{" in text else text


def _principals(entries: Any) -> Any:
    found: dict[str, list[str]] = {}
    for entry in entries:
        identifiers = _texts(entry.get("identifiers", []), variables=True)
        found.setdefault(to_text(entry.get("type")), []).extend(
            [identifiers] if isinstance(identifiers, str) else identifiers
        )
    if list(found) == ["*"] and found["*"] == ["*"]:
        return "*"
    return {kind: values[0] if len(values) == 1 else values for kind, values in found.items()}


def _conditions(entries: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        values = _texts(entry.get("values", []), variables=True)
        place = found.setdefault(to_text(entry.get("test")), {}).setdefault(to_text(entry.get("variable")), [])
        place.extend([values] if isinstance(values, str) else values)
    return {
        test: {key: values[0] if len(values) == 1 else values for key, values in keys.items()}
        for test, keys in found.items()
    }


__all__ = ["OPEN", "SomeMap", "document"]
