"""The parts of a request that a statement looks at, cut where AWS WAF stops reading.

Source: AWS WAF developer guide, "Request components" and "Oversize web request components": 8 KB and 200 headers, the
same for cookies; a body as far as the web ACL's limit for the resource. Query arguments are taken as sent: nothing but
the text transformations decodes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opsctl.waf.request import WebRequest
from opsctl.waf.transformations import transform
from opsctl.waf.web_acl import Field

MOST_PAIRS, MOST_BYTES = 200, 8_192


@dataclass(frozen=True)
class Found:
    """What is to be looked at, after its transformations.

    Attributes:
        texts: any of them may match; empty when the request has no such part.
        decided: what the field's oversize handling or fallback says instead of looking: True, False, or None.
    """

    texts: tuple[bytes, ...]
    decided: bool | None = None


DECISIONS = {"MATCH": True, "NO_MATCH": False}


def find(field: Field, request: WebRequest, body_limit: int) -> Found:
    texts, is_oversize = EXTRACTORS[field.kind](field, request, body_limit)
    if is_oversize and field.oversize in DECISIONS:
        return Found((), DECISIONS[field.oversize])
    if texts is None:  # JSON that can't be parsed
        if field.fallback in DECISIONS:
            return Found((), DECISIONS[field.fallback])
        texts = [request.body[:body_limit]]
    return Found(tuple(transform(text, field.transformations) for text in texts))


Extracted = tuple[list[bytes] | None, bool]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _path(field: Field, request: WebRequest, _: int) -> Extracted:
    return [_bytes(request.path)], False


def _query(field: Field, request: WebRequest, _: int) -> Extracted:
    return [_bytes(request.query)], False


def _method(field: Field, request: WebRequest, _: int) -> Extracted:
    return [_bytes(request.method)], False


def _header(field: Field, request: WebRequest, _: int) -> Extracted:
    return [_bytes(value) for value in request.header_values(field.name)], False


def _header_order(field: Field, request: WebRequest, _: int) -> Extracted:
    names, is_oversize = _cut(request.headers)
    return [b":".join(_bytes(name.lower()) for name, _ in names)], is_oversize


def _arguments(field: Field, request: WebRequest, _: int) -> Extracted:
    query = transform(_bytes(request.query), field.before_parsing)
    wanted = _bytes(field.name)
    pairs = (part.partition(b"=") for part in query.split(b"&") if part)
    return [value for name, _, value in pairs if not wanted or name.lower() == wanted], False


def _body(field: Field, request: WebRequest, limit: int) -> Extracted:
    return [request.body[:limit]] if request.body else [], len(request.body) > limit


def _headers(field: Field, request: WebRequest, _: int) -> Extracted:
    return _pairs(field, request.headers)


def _cookies(field: Field, request: WebRequest, _: int) -> Extracted:
    return _pairs(field, cookies(request))


def cookies(request: WebRequest) -> list[tuple[str, str]]:
    """Name and value of each cookie, in order."""
    parts = (part.strip().partition("=") for line in request.header_values("cookie") for part in line.split(";"))
    return [(name, value) for name, _, value in parts if name]


def _cut(pairs: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str]], bool]:
    kept: list[tuple[str, str]] = []
    size = 0
    for name, value in pairs:
        size += len(name) + len(value)
        if len(kept) == MOST_PAIRS or size > MOST_BYTES:
            return kept, True
        kept.append((name, value))
    return kept, False


def _pairs(field: Field, pairs: Iterable[tuple[str, str]]) -> Extracted:
    kept, is_oversize = _cut(pairs)
    included = {name.lower() for name in field.included}
    excluded = {name.lower() for name in field.excluded}
    chosen = [
        pair for pair in kept
        if (not included or pair[0].lower() in included) and pair[0].lower() not in excluded
    ]  # fmt: skip
    return list(_scoped(field, ((_bytes(name), _bytes(value)) for name, value in chosen))), is_oversize


def _scoped(field: Field, pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for key, value in pairs:
        if field.scope != "VALUE":
            yield key
        if field.scope != "KEY":
            yield value


def _json_body(field: Field, request: WebRequest, limit: int) -> Extracted:
    if not request.body:
        return [], False
    try:
        document = json.loads(request.body[:limit])
    except (ValueError, RecursionError):
        return None, len(request.body) > limit
    roots = [_pointed(document, pointer) for pointer in field.included] if field.included else [document]
    return [text for root in roots for text in _leaves(root, field.scope)], len(request.body) > limit


def _pointed(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None where there is nothing."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def _leaves(node: Any, scope: str) -> Iterator[bytes]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if scope != "VALUE":
                yield from map(_json_text, node)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
        elif node is not None and scope != "KEY":
            yield _json_text(node)


def _json_text(value: Any) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


EXTRACTORS = {
    "UriPath": _path,
    "QueryString": _query,
    "Method": _method,
    "SingleHeader": _header,
    "Headers": _headers,
    "HeaderOrder": _header_order,
    "Cookies": _cookies,
    "AllQueryArguments": _arguments,
    "SingleQueryArgument": _arguments,
    "Body": _body,
    "JsonBody": _json_body,
}
