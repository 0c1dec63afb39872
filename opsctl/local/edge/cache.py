"""CloudFront's cache: what is asked, what is kept, and what a viewer gets of it.

One place for all of a distribution's edge locations: a second viewer hits what the first one fetched. Between an
object's miss and its arrival others miss too; each asks the origin (AWS collapses them).
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import unquote

from opsctl.clock import Clock, SystemClock
from opsctl.local.edge.freshness import Limits, lifetime
from opsctl.local.edge.store import Store

MAX_BYTES = 64 * 1024 * 1024
HIT, MISS, REFRESH_HIT, ERROR = (f"{word} from cloudfront" for word in ("Hit", "Miss", "RefreshHit", "Error"))

CONDITIONS = frozenset({"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"})
"""Request headers that CloudFront answers itself once it has the object."""
KEPT_BY_304 = frozenset(
    {"cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary", "age"}
)
COMPRESSED = re.compile(
    r"^(text/.*|application/(.*\+)?(json|xml)|application/(javascript|x-javascript|manifest\+json|wasm)"
    r"|image/svg\+xml|font/(otf|ttf|eot)|application/(vnd\.ms-fontobject|x-font-.*|font-.*))$"
)
"""Content types that CloudFront compresses, in short (developer guide, "Serve compressed files")."""
COMPRESS_FROM, COMPRESS_TO = 1_000, 10_000_000

Headers = dict[str, "str | list[str]"]


@dataclass(frozen=True)
class Answer:
    """From the origin, or for the viewer. Header names in lower case; a list is a repeated header."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        value = self.headers.get(name, "")
        return value if isinstance(value, str) else ", ".join(value)


@dataclass(frozen=True)
class Key:
    """What makes two requests the same one. `url` is the path, with what counts of the query string."""

    distribution: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    encodings: str = ""


@dataclass(frozen=True)
class Rules:
    """What the behavior says: TTLs, whether to compress, and whether the origin sees (and sets) cookies."""

    limits: Limits
    compress: bool = False
    cookies: bool = False


@dataclass(frozen=True)
class Kept:
    """An object in the cache. `origin_etag` is what the origin knows it by, before we compressed it."""

    answer: Answer
    stored_at: float
    fresh_until: float
    origin_etag: str


Fetch = Callable[[Mapping[str, str]], Awaitable[Answer]]
"""Asks the origin, with these headers more. Raises when it can't be reached."""


class EdgeCache:
    """The objects of all distributions. For one event loop."""

    def __init__(self, *, clock: Clock | None = None, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock or SystemClock()
        self._store: Store[Key, Kept] = Store(max_bytes)

    async def serve(
        self, key: Key, method: str, request_headers: Mapping[str, str], rules: Rules, fetch: Fetch
    ) -> tuple[Answer, str]:
        """Answer a GET or HEAD, from the cache if it may be, and say which it was (the X-Cache header).

        A HEAD is answered from a GET's object; its own answer is not kept.
        """
        kept = self._store.get(key)
        now = self._clock.now().timestamp()
        if kept and now < kept.fresh_until:
            return self._present(kept, method, request_headers, now), _outcome(kept.answer, HIT)
        if method == "HEAD" and kept is None:
            answer = await fetch({})
            return answer, _outcome(answer, MISS)
        if kept and kept.answer.status < 400:
            return await self._renew(key, kept, method, request_headers, rules, fetch)
        return await self._miss(key, method, request_headers, rules, fetch)

    def invalidate(self, distribution: str, patterns: list[str]) -> int:
        """Forget what lies at these paths; `*` at an end stands for anything. Gives the number of objects."""
        wanted = [unquote(pattern if pattern.startswith("/") else f"/{pattern}") for pattern in patterns]

        def matches(key: Key) -> bool:
            url = unquote(key.url)
            return key.distribution == distribution and any(
                url.startswith(path[:-1]) if path.endswith("*") else url == path for path in wanted
            )

        return self._store.drop_where(matches)

    async def _miss(
        self, key: Key, method: str, request_headers: Mapping[str, str], rules: Rules, fetch: Fetch
    ) -> tuple[Answer, str]:
        answer = await fetch({})
        kept = await self._keep(key, answer, rules, whole=method != "HEAD")
        return self._present(kept, method, request_headers, kept.stored_at), _outcome(answer, MISS)

    async def _renew(
        self, key: Key, kept: Kept, method: str, request_headers: Mapping[str, str], rules: Rules, fetch: Fetch
    ) -> tuple[Answer, str]:
        """Ask the origin whether the object changed; while the origin fails, viewers still get the old one."""
        conditions = {"if-none-match": kept.origin_etag} if kept.origin_etag else {}
        if not conditions and kept.answer.header("last-modified"):
            conditions = {"if-modified-since": kept.answer.header("last-modified")}
        failure: Exception | None = None
        try:
            answer = await fetch(conditions)
        except Exception as error:
            failure = error
            answer = Answer(504, {}, b"")
        now = self._clock.now().timestamp()
        if answer.status == 304 or answer.status >= 500:
            headers = kept.answer.headers
            if answer.status == 304:
                headers = {**headers, **{name: answer.headers[name] for name in KEPT_BY_304 - {"etag", "vary"}
                                         if name in answer.headers}}  # fmt: skip
            seconds = (
                lifetime(kept.answer.status, _single(headers), rules.limits, now)
                if answer.status == 304
                else lifetime(answer.status, {}, rules.limits, now)
            )
            stale = Kept(replace(kept.answer, headers=headers), now, now + (seconds or 0), kept.origin_etag)
            self._store.put(key, stale, _size(stale.answer))
            age_from = stale if answer.status == 304 else replace(stale, stored_at=kept.stored_at)
            outcome = REFRESH_HIT if answer.status == 304 else HIT
            return self._present(age_from, method, request_headers, now), outcome
        if failure is not None:
            raise failure
        if method == "HEAD":
            return answer, _outcome(answer, MISS)
        fresh = await self._keep(key, answer, rules, whole=True)
        return self._present(fresh, method, request_headers, now), _outcome(answer, MISS)

    async def _keep(self, key: Key, answer: Answer, rules: Rules, *, whole: bool) -> Kept:
        now = self._clock.now().timestamp()
        seconds = lifetime(answer.status, _single(answer.headers), rules.limits, now)
        etag = answer.header("etag")
        if not rules.cookies and "set-cookie" in answer.headers:
            answer = replace(answer, headers={k: v for k, v in answer.headers.items() if k != "set-cookie"})
        if rules.compress and "gzip" in key.encodings:
            answer = await _compressed(answer)
        kept = Kept(answer, now, now + (seconds or 0), etag)
        if seconds is not None and whole:
            self._store.put(key, kept, _size(answer))
        else:
            self._store.drop(key)
        return kept

    def _present(self, kept: Kept, method: str, request_headers: Mapping[str, str], now: float) -> Answer:
        answer = kept.answer
        headers = dict(answer.headers)
        headers.setdefault("date", formatdate(kept.stored_at, usegmt=True))
        if (age := int(now - kept.stored_at)) > 0:
            headers["age"] = str(age)
        if answer.status == 200:
            if _not_modified(answer, request_headers):
                return Answer(304, {name: value for name, value in headers.items() if name in KEPT_BY_304}, b"")
            if method == "GET" and (part := _part(answer, request_headers)):
                return part(headers)
        if method == "HEAD":
            headers["content-length"] = str(len(answer.body))
            return Answer(answer.status, headers, b"")
        return Answer(answer.status, headers, answer.body)


def encodings(accept_encoding: str, *, gzip_enabled: bool, brotli_enabled: bool) -> str:
    """Accept-Encoding as CloudFront normalises it for key and origin: `br,gzip`, `br`, `gzip` or nothing."""
    offered = {
        name.strip().lower()
        for name, _, parameters in (entry.partition(";") for entry in accept_encoding.split(","))
        if not re.fullmatch(r"\s*q=0(\.0*)?\s*", parameters)
    }
    wanted = (("br", brotli_enabled), ("gzip", gzip_enabled))
    return ",".join(name for name, enabled in wanted if enabled and name in offered)


async def _compressed(answer: Answer) -> Answer:
    content_type = answer.header("content-type").partition(";")[0].strip().lower()
    if (
        answer.status not in (200, 403, 404)
        or "content-encoding" in answer.headers
        or not COMPRESS_FROM <= len(answer.body) <= COMPRESS_TO
        or not COMPRESSED.match(content_type)
    ):
        return answer
    body = await asyncio.to_thread(gzip.compress, answer.body, 6, mtime=0)
    headers: Headers = {**answer.headers, "content-encoding": "gzip", "content-length": str(len(body))}
    headers["vary"] = ", ".join(filter(None, (answer.header("vary"), "Accept-Encoding")))
    if (etag := answer.header("etag")) and not etag.startswith("W/"):
        headers["etag"] = f"W/{etag}"
    return Answer(answer.status, headers, body)


def _not_modified(answer: Answer, request_headers: Mapping[str, str]) -> bool:
    """RFC 9110 section 13.2.2: If-None-Match decides; without it If-Modified-Since does."""
    if asked := request_headers.get("if-none-match"):
        etag = answer.header("etag").removeprefix("W/")
        return asked.strip() == "*" or (
            bool(etag) and etag in {entry.strip().removeprefix("W/") for entry in asked.split(",")}
        )
    since, modified = request_headers.get("if-modified-since"), answer.header("last-modified")
    if not since or not modified:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def _part(answer: Answer, request_headers: Mapping[str, str]) -> Callable[[Headers], Answer] | None:
    """One byte range (RFC 9110 section 14); several are answered with the whole, which the RFC allows."""
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request_headers.get("range", "").replace(" ", ""))
    if not asked or asked.groups() == ("", ""):
        return None
    if (condition := request_headers.get("if-range")) and condition not in (
        answer.header("etag"), answer.header("last-modified")
    ):  # fmt: skip
        return None
    total = len(answer.body)
    first = max(0, total - int(asked[2])) if not asked[1] else int(asked[1])
    last = total - 1 if not asked[1] or not asked[2] else min(int(asked[2]), total - 1)
    if first > last:
        return lambda headers: Answer(416, {**headers, "content-range": f"bytes */{total}", "content-length": "0"}, b"")
    body = answer.body[first : last + 1]
    return lambda headers: Answer(
        206, {**headers, "content-range": f"bytes {first}-{last}/{total}", "content-length": str(len(body))}, body
    )


def _outcome(answer: Answer, otherwise: str) -> str:
    return ERROR if answer.status >= 400 else otherwise


def _single(headers: Headers) -> dict[str, str]:
    return {name: value if isinstance(value, str) else ", ".join(value) for name, value in headers.items()}


def _size(answer: Answer) -> int:
    return len(answer.body) + sum(len(name) + len(str(value)) for name, value in answer.headers.items()) + 500
