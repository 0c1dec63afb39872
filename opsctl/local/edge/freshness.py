"""How long CloudFront keeps an answer.

Sources: CloudFront developer guide, "Manage how long content stays in the cache (expiration)", "Control how long
CloudFront caches errors" and "HTTP 4xx and 5xx status codes that CloudFront caches".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

ERROR_SECONDS = 10.0
"""The error caching minimum TTL where the distribution sets none."""
ERRORS_ALWAYS = frozenset({404, 410, 414, 500, 501, 502, 503, 504})
ERRORS_WITH_MAX_AGE = frozenset({400, 403, 405, 412, 415})
ERRORS_THAT_MAY_FORBID = frozenset({404, 410, 414, 501})
"""Of these, one that says no-store, no-cache or private is not kept."""
CACHEABLE = frozenset({200, 203, 204, 300, 301, 302, 307, 308})


@dataclass(frozen=True)
class Limits:
    """A cache policy's TTLs in seconds, and the distribution's error caching minimum TTLs by status."""

    minimum: float = 0
    default: float = 86400
    maximum: float = 31536000
    errors: Mapping[int, float] = field(default_factory=dict)


def lifetime(status: int, headers: Mapping[str, str], limits: Limits, now: float) -> float | None:
    """Seconds for which an answer stays fresh; None when it is not kept at all.

    Args:
        headers: of the origin's answer, names in lower case.
        now: Unix seconds, for Expires.
    """
    if limits.maximum <= 0:
        return None
    said = directives(headers.get("cache-control", ""))
    forbids = not {"no-store", "no-cache", "private"}.isdisjoint(said)
    named = _named_seconds(said, headers, now)
    if status >= 400:
        return _error_lifetime(status, forbids, named, limits)
    if status not in CACHEABLE:
        return None
    if forbids:
        return limits.minimum if limits.minimum > 0 else None
    if named is None:
        return max(limits.minimum, limits.default)
    return min(max(named, limits.minimum), limits.maximum)


def _error_lifetime(status: int, forbids: bool, named: float | None, limits: Limits) -> float | None:
    if status not in ERRORS_ALWAYS and not (status in ERRORS_WITH_MAX_AGE and named is not None):
        return None
    if forbids and status in ERRORS_THAT_MAY_FORBID:
        return None
    return max(limits.errors.get(status, ERROR_SECONDS), min(named or 0, limits.maximum))


def _named_seconds(said: Mapping[str, str], headers: Mapping[str, str], now: float) -> float | None:
    for name in ("s-maxage", "max-age"):
        if said.get(name, "").isdecimal():
            return float(said[name])
    if "expires" not in headers:
        return None
    try:
        return max(0.0, parsedate_to_datetime(headers["expires"]).timestamp() - now)
    except ValueError:
        return 0.0  # RFC 9111 section 5.3: an invalid date is in the past


def directives(cache_control: str) -> dict[str, str]:
    """Cache-Control as name (lower case) → value ('' without one)."""
    found = re.findall(r"([A-Za-z-]+)(?:\s*=\s*(?:\"([^\"]*)\"|([^\s,]*)))?", cache_control)
    return {name.lower(): quoted or bare for name, quoted, bare in found}
