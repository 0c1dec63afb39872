"""A web ACL as data: what AWS WAF's API calls WebACL, Rule, Statement and FieldToMatch, checked and complete.

`Unknown` stands for whatever can't be decided: a statement of a kind that we don't know, an IP set whose address only
an apply will tell. It matches nothing and is reported in each verdict that it could have changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

Oversize = Literal["CONTINUE", "MATCH", "NO_MATCH"]
Scope = Literal["ALL", "KEY", "VALUE"]


@dataclass(frozen=True)
class Field:
    """Which part of a request is looked at, and how it is written before that.

    Attributes:
        kind: AWS's name: UriPath, QueryString, SingleHeader, Headers, Cookies, AllQueryArguments, …
        name: of a header or query argument, in lower case.
        scope: keys, values or both, of headers, cookies and JSON.
        included, excluded: names (headers, cookies) or JSON pointers; empty means all.
        fallback: for JSON that can't be parsed; "" looks at what stands before the fault.
        transformations, before_parsing: names, in the order in which they are applied.
    """

    kind: str
    name: str = ""
    scope: Scope = "ALL"
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    oversize: Oversize = "CONTINUE"
    fallback: str = ""
    transformations: tuple[str, ...] = ()
    before_parsing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForwardedAddress:
    """An address out of a header: "FIRST", "LAST" or "ANY" of the list, and what a bad one counts as."""

    header: str
    fallback_matches: bool
    position: str = "FIRST"


@dataclass(frozen=True)
class ByteMatch:
    field: Field
    search: bytes
    constraint: str


@dataclass(frozen=True)
class RegexMatch:
    """Any of the patterns, anywhere in the text. AWS uses libpcre without back references; Python's re stands in."""

    field: Field
    patterns: tuple[re.Pattern[bytes], ...]


@dataclass(frozen=True)
class SizeConstraint:
    field: Field
    operator: str
    size: int


@dataclass(frozen=True)
class SqliMatch:
    field: Field
    sensitivity: Literal["LOW", "HIGH"] = "LOW"


@dataclass(frozen=True)
class XssMatch:
    field: Field


@dataclass(frozen=True)
class IPSetMatch:
    networks: tuple[IPv4Network | IPv6Network, ...]
    forwarded: ForwardedAddress | None = None


@dataclass(frozen=True)
class GeoMatch:
    countries: frozenset[str]


@dataclass(frozen=True)
class LabelMatch:
    """`key` is a label or, with scope NAMESPACE, what stands before one; a part of a name counts from its end."""

    scope: Literal["LABEL", "NAMESPACE"]
    key: str


@dataclass(frozen=True)
class And:
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Or:
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Not:
    statement: Statement


@dataclass(frozen=True)
class RateKey:
    """One part of an aggregation key: kind as AWS names it (IP, Header, Cookie, QueryArgument, LabelNamespace, …)."""

    kind: str
    name: str = ""
    transformations: tuple[str, ...] = ()


@dataclass(frozen=True)
class RateBased:
    limit: int
    window_seconds: int
    aggregate: str
    keys: tuple[RateKey, ...]
    scope_down: Statement | None = None
    forwarded: ForwardedAddress | None = None


@dataclass(frozen=True)
class ManagedGroup:
    """A vendor's rule group. `overrides`: rule name → action in place of its own."""

    vendor: str
    name: str
    version: str
    overrides: tuple[tuple[str, Action], ...]
    scope_down: Statement | None = None


@dataclass(frozen=True)
class RuleGroup:
    """A group of one's own."""

    arn: str
    name: str
    metric: str
    rules: tuple[Rule, ...]
    overrides: tuple[tuple[str, Action], ...]
    bodies: tuple[tuple[str, tuple[str, str]], ...] = ()


@dataclass(frozen=True)
class Unknown:
    """What can't be decided, and why (a clause for people)."""

    reason: str


Statement = (
    ByteMatch | RegexMatch | SizeConstraint | SqliMatch | XssMatch | IPSetMatch | GeoMatch | LabelMatch
    | And | Or | Not | RateBased | ManagedGroup | RuleGroup | Unknown
)  # fmt: skip


@dataclass(frozen=True)
class CustomResponse:
    """The answer to a blocked request: status, headers, and the key of a body of the web ACL."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body_key: str = ""


@dataclass(frozen=True)
class Action:
    """`kind` is Allow, Block, Count, Captcha or Challenge; `insert`: headers for the request, without AWS's prefix."""

    kind: str
    response: CustomResponse | None = None
    insert: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Visibility:
    metric: str = ""
    metrics_enabled: bool = False
    sampled: bool = False


SILENT = Visibility()


@dataclass(frozen=True)
class Rule:
    """`action` is None for rule groups, which act by their own rules unless `count_only` (the override action)."""

    name: str
    priority: int
    statement: Statement
    action: Action | None
    count_only: bool = False
    labels: tuple[str, ...] = ()
    visibility: Visibility = SILENT


@dataclass(frozen=True)
class WebACL:
    """A web ACL; `rules` in the order of their priority.

    Attributes:
        account_id: for the full names of labels.
        scope: CLOUDFRONT or REGIONAL.
        bodies: custom response bodies, key → (content type as AWS names it, content).
        body_limits: resource (AssociationConfig's name) → bytes of a body that are inspected, where set.
    """

    arn: str
    name: str
    account_id: str
    scope: str
    default: Action
    rules: tuple[Rule, ...]
    visibility: Visibility
    bodies: tuple[tuple[str, tuple[str, str]], ...] = ()
    body_limits: tuple[tuple[str, int], ...] = field(default=())
