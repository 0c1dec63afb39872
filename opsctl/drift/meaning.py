"""What a value means, apart from how it is spelled: two spellings of one meaning have the same canonical form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

EMPTY: tuple[Any, ...] = (None, "", [], {})
ACCOUNT = re.compile(r"\d{12}")
LISTS = {"Action", "NotAction", "Resource", "NotResource"}
PRINCIPALS = {"Principal", "NotPrincipal"}


def is_empty(value: Any) -> bool:
    """null, "", [] and {} are one to the provider: it writes the first and reads any of the others."""
    return value is None or (isinstance(value, str | list | dict) and not value)


def canonical(value: Any) -> str:
    """A text that two values share if they mean the same: emptiness at any depth, JSON documents inside texts."""
    return json.dumps(_canonical(value), sort_keys=True)


def document(text: Any) -> Any:
    """The JSON object or array that a text holds; None if it holds none."""
    if not isinstance(text, str) or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _canonical(value: Any) -> Any:
    if is_empty(value):
        return None
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    parsed = document(value)
    return value if parsed is None else {"json": _policy(parsed) if _is_policy(parsed) else parsed}


def _is_policy(parsed: Any) -> bool:
    return isinstance(parsed, dict) and isinstance(parsed.get("Statement"), list | dict)


def _policy(policy: Mapping[str, Any]) -> Any:
    """A policy document by its meaning: neither its statements nor the lists in them have an order, and one value may
    stand for a list of one. Source: IAM user guide, "Grammar of the IAM JSON policy language"."""
    statements = policy["Statement"]
    return dict(policy) | {
        "Statement": _sorted(
            [_statement(one) for one in (statements if isinstance(statements, list) else [statements])]
        )
    }


def _statement(statement: Any) -> Any:
    if not isinstance(statement, Mapping):
        return statement
    plain = dict(statement)
    for key in LISTS & plain.keys():
        plain[key] = _sorted([item.lower() if key.endswith("Action") and isinstance(item, str) else item
                              for item in _listed(plain[key])])  # fmt: skip
    for key in PRINCIPALS & plain.keys():
        plain[key] = _principal(plain[key])
    if isinstance(plain.get("Condition"), Mapping):
        plain["Condition"] = {
            operator: {key.lower(): _sorted(list(map(_condition, _listed(value)))) for key, value in keys.items()}
            if isinstance(keys, Mapping) else keys
            for operator, keys in plain["Condition"].items()
        }  # fmt: skip
    return plain


def _principal(principal: Any) -> Any:
    """ "*" is {"AWS": "*"}, and an account's number is its root. Source: IAM user guide, "AWS JSON policy elements:
    Principal"."""
    if principal == "*":
        principal = {"AWS": "*"}
    if not isinstance(principal, Mapping):
        return principal
    return {
        kind: _sorted([
            f"arn:aws:iam::{one}:root" if kind == "AWS" and isinstance(one, str) and ACCOUNT.fullmatch(one) else one
            for one in _listed(value)
        ])
        for kind, value in principal.items()
    }  # fmt: skip


def _condition(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _sorted(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))
