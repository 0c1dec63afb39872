"""The edge's pure parts: countries, how long answers stay fresh, what is kept, the access log's line."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.edge.access_log import render
from opsctl.local.edge.cache import ERROR, HIT, MISS, REFRESH_HIT, Answer, EdgeCache, Key, Rules, encodings
from opsctl.local.edge.countries import UNKNOWN, country_of
from opsctl.local.edge.execution import Execution
from opsctl.local.edge.freshness import Limits, directives, lifetime
from opsctl.local.edge.store import Store
from opsctl.local.gaps.stages import StageCache

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = Key("E1", "/page")
DAY = Rules(Limits(minimum=0, default=60, maximum=3600))


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Origin:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, status: int = 200, body: bytes = b"hello", **headers: str) -> None:
        self.answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        self.asked: list[dict[str, str]] = []
        self.failure: Exception | None = None

    async def __call__(self, more: Mapping[str, str]) -> Answer:
        self.asked.append(dict(more))
        if self.failure:
            raise self.failure
        if more.get("if-none-match") and more["if-none-match"] == self.answer.headers.get("etag"):
            return Answer(304, {}, b"")
        return self.answer


class Viewer:
    def __init__(self, origin: Origin, rules: Rules = DAY) -> None:
        self.clock, self.origin, self.rules = Clock(), origin, rules
        self.cache = EdgeCache(clock=self.clock)

    def get(self, key: Key = KEY, method: str = "GET", **headers: str) -> tuple[Answer, str]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return asyncio.run(self.cache.serve(key, method, sent, self.rules, self.origin))


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("192.0.2.127", "US"), ("192.0.2.128", "IE"), ("198.51.100.1", "DE"), ("198.51.100.200", "AT"),
        ("203.0.113.7", "CH"), ("203.0.113.200", "KP"), ("127.0.0.1", "DE"), ("::1", "DE"), ("2001:db8:6::1", "KP"),
        ("8.8.8.8", UNKNOWN), ("not an address", UNKNOWN),
    ],
)  # fmt: skip
def test_each_test_network_is_in_its_country_and_no_other_address_is(address: str, country: str) -> None:
    assert country_of(address) == country


@pytest.mark.parametrize(
    ("headers", "limits", "seconds"),
    [
        ({}, Limits(0, 60, 3600), 60),
        ({"cache-control": "max-age=10"}, Limits(0, 60, 3600), 10),
        ({"cache-control": "public, max-age=10, s-maxage=20"}, Limits(0, 60, 3600), 20),
        ({"cache-control": "max-age=10"}, Limits(30, 60, 3600), 30),
        ({"cache-control": "max-age=99999"}, Limits(0, 60, 3600), 3600),
        ({"expires": format_datetime(NOW + timedelta(seconds=25), usegmt=True)}, Limits(0, 60, 3600), 25),
        ({"expires": "0"}, Limits(0, 60, 3600), 0),
        ({"cache-control": "no-store"}, Limits(0, 60, 3600), None),
        ({"cache-control": "private"}, Limits(0, 60, 3600), None),
        ({"cache-control": "no-cache"}, Limits(5, 60, 3600), 5),
        ({"cache-control": "max-age=10"}, Limits(0, 0, 0), None),
    ],
)  # fmt: skip
def test_an_object_stays_fresh_as_long_as_origin_and_policy_agree(
    headers: dict[str, str], limits: Limits, seconds: float | None
) -> None:
    assert lifetime(200, headers, limits, NOW.timestamp()) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (404, {}, 10), (500, {}, 10), (503, {"cache-control": "no-store"}, 10),
        (404, {"cache-control": "no-store"}, None),
        (403, {}, None), (403, {"cache-control": "max-age=3"}, 10), (404, {"cache-control": "max-age=40"}, 40),
        (502, {}, 0), (401, {"cache-control": "max-age=40"}, None), (206, {}, None),
    ],
)  # fmt: skip
def test_an_error_is_kept_for_ten_seconds_or_what_the_distribution_says(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    assert lifetime(status, headers, Limits(errors={502: 0.0}), NOW.timestamp()) == seconds


@given(st.text())
def test_any_cache_control_is_read_without_an_error(text: str) -> None:
    assert all(name == name.lower() for name in directives(text))


@given(
    st.sampled_from([200, 301, 403, 404, 500]), st.integers(0, 10**7), st.integers(0, 100), st.integers(0, 1000),
    st.integers(1, 5000),
)  # fmt: skip
def test_nothing_stays_longer_than_the_policys_maximum(
    status: int, age: int, minimum: int, default: int, maximum: int
) -> None:
    limits = Limits(min(minimum, maximum), min(default, maximum), maximum, {status: 0})
    found = lifetime(status, {"cache-control": f"max-age={age}"}, limits, 0)
    assert found is None or found <= maximum


def test_the_second_viewer_hits_until_the_object_is_too_old() -> None:
    viewer = Viewer(Origin())
    assert viewer.get()[1] == MISS
    viewer.clock.sleep(59)
    answer, outcome = viewer.get()
    assert (answer.body, outcome, answer.header("age")) == (b"hello", HIT, "59")
    viewer.clock.sleep(2)
    assert viewer.get()[1] == MISS
    assert len(viewer.origin.asked) == 2


def test_an_object_that_did_not_change_is_only_asked_after() -> None:
    viewer = Viewer(Origin(etag='"1"'))
    viewer.get()
    viewer.clock.sleep(61)
    answer, outcome = viewer.get()
    assert (answer.body, outcome, viewer.origin.asked[1]) == (b"hello", REFRESH_HIT, {"if-none-match": '"1"'})
    assert viewer.get()[1] == HIT


def test_while_the_origin_fails_viewers_get_the_old_object() -> None:
    viewer = Viewer(Origin(etag='"1"'))
    viewer.get()
    viewer.clock.sleep(61)
    viewer.origin.failure = OSError("gone")
    assert viewer.get()[0].body == b"hello"
    viewer.origin.failure, viewer.origin.answer = None, Answer(200, {}, b"new")
    viewer.clock.sleep(11)
    assert viewer.get()[0].body == b"new"


def test_an_origin_that_fails_before_anything_was_kept_is_an_error() -> None:
    viewer = Viewer(Origin())
    viewer.origin.failure = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        viewer.get()


def test_an_error_is_answered_from_the_cache_for_ten_seconds() -> None:
    viewer = Viewer(Origin(404))
    assert viewer.get()[1] == ERROR
    viewer.origin.answer = Answer(200, {}, b"there")
    viewer.clock.sleep(9)
    assert (viewer.get()[0].status, len(viewer.origin.asked)) == (404, 1)
    viewer.clock.sleep(2)
    assert viewer.get()[0].body == b"there"


def test_a_viewer_that_has_the_object_gets_304_without_a_body() -> None:
    viewer = Viewer(Origin(etag='"1"', content_type="text/html", cache_control="max-age=60"))
    viewer.get()
    answer, outcome = viewer.get(if_none_match='W/"1", "2"')
    assert (answer.status, answer.body, answer.header("etag"), outcome) == (304, b"", '"1"', HIT)
    assert viewer.get(if_none_match='"2"')[0].status == 200


def test_a_head_is_answered_from_what_a_get_left() -> None:
    viewer = Viewer(Origin())
    viewer.get()
    answer, outcome = viewer.get(method="HEAD")
    assert (answer.status, answer.body, answer.header("content-length"), outcome) == (200, b"", "5", HIT)


def test_a_heads_own_answer_is_not_given_to_a_get() -> None:
    viewer = Viewer(Origin(body=b""))
    viewer.get(method="HEAD")
    viewer.origin.answer = Answer(200, {}, b"hello")
    assert viewer.get()[0].body == b"hello"


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=1-2", 206, b"el", "bytes 1-2/5"), ("bytes=3-", 206, b"lo", "bytes 3-4/5"),
        ("bytes=-2", 206, b"lo", "bytes 3-4/5"), ("bytes=9-", 416, b"", "bytes */5"),
        ("bytes=0-0,2-3", 200, b"hello", ""), ("lines=1-2", 200, b"hello", ""),
    ],
)  # fmt: skip
def test_a_part_is_cut_from_the_whole_object(asked: str, status: int, body: bytes, told: str) -> None:
    viewer = Viewer(Origin())
    answer, _ = viewer.get(range=asked)
    assert (answer.status, answer.body, answer.header("content-range")) == (status, body, told)
    assert viewer.get()[1] == HIT


def test_requests_that_differ_in_the_key_do_not_share_an_object() -> None:
    viewer = Viewer(Origin())
    for key in (KEY, Key("E2", "/page"), Key("E1", "/page?a=1"), Key("E1", "/page", (("accept-language", "de"),)),
                Key("E1", "/page", (), (("session", "1"),)), Key("E1", "/page", encodings="gzip")):  # fmt: skip
        assert viewer.get(key)[1] == MISS
        assert viewer.get(key)[1] == HIT


def test_a_cookie_that_the_origin_sets_reaches_nobody_where_cookies_are_not_forwarded() -> None:
    origin = Origin(set_cookie="session=1")
    assert "set-cookie" not in Viewer(origin).get()[0].headers
    assert Viewer(origin, Rules(DAY.limits, cookies=True)).get()[0].header("set-cookie") == "session=1"


@pytest.mark.parametrize(
    ("pattern", "left"),
    [("/*", 0), ("/page", 2), ("/pa*", 1), ("/page?a=1", 2), ("other", 2), ("/Page", 3)],
)
def test_an_invalidation_forgets_what_its_path_matches_in_its_distribution_only(pattern: str, left: int) -> None:
    viewer = Viewer(Origin())
    keys = [Key("E1", "/page"), Key("E1", "/page?a=1"), Key("E1", "/other")]
    for key in [*keys, Key("E2", "/page")]:
        viewer.get(key)
    viewer.cache.invalidate("E1", [pattern])
    assert sum(viewer.get(key)[1] == HIT for key in keys) == left
    assert viewer.get(Key("E2", "/page"))[1] == HIT


def test_text_is_compressed_for_who_accepts_it() -> None:
    viewer = Viewer(Origin(body=b"a" * 5000, content_type="text/html", etag='"1"'), Rules(DAY.limits, compress=True))
    answer, _ = viewer.get(Key("E1", "/page", encodings="br,gzip"))
    assert (answer.header("content-encoding"), answer.header("etag")) == ("gzip", 'W/"1"')
    assert gzip.decompress(answer.body) == b"a" * 5000
    assert viewer.get()[0].body == b"a" * 5000


@pytest.mark.parametrize(
    ("accepted", "normalised"),
    [("gzip, deflate, br", "br,gzip"), ("GZIP;q=0.5", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", ""), ("", "")],
)
def test_accept_encoding_is_reduced_to_what_matters(accepted: str, normalised: str) -> None:
    assert encodings(accepted, gzip_enabled=True, brotli_enabled=True) == normalised
    assert encodings(accepted, gzip_enabled=False, brotli_enabled=False) == ""


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60)), max_size=60))
def test_a_store_never_holds_more_than_it_may_and_counts_right(puts: list[tuple[int, int]]) -> None:
    store: Store[int, int] = Store(200)
    sizes = {}
    for key, size in puts:
        store.put(key, key, size)
        sizes[key] = size
        assert store.bytes <= 200
    assert store.bytes == sum(size for key, size in sizes.items() if store.get(key) is not None)


def test_what_was_used_last_is_forgotten_last() -> None:
    store: Store[str, str] = Store(100)
    for name in "abcd":
        store.put(name, name, 25)
    store.get("a")
    store.put("e", "e", 25)
    assert (store.get("a"), store.get("b")) == ("a", None)


def test_an_access_log_line_is_the_stages_format_filled_in() -> None:
    line = render(
        '{"id":"$context.requestId","status":"$context.status","who":"$context.identity.userAgent","p":"$context.path"}',
        {"requestId": "r-1", "status": 200, "identity.userAgent": 'x","admin":"yes\n', "path": None},
    )
    assert json.loads(line) == {"id": "r-1", "status": "200", "who": 'x","admin":"yes\n', "p": "-"}
    assert "\n" not in line


@given(st.dictionaries(st.sampled_from(["requestId", "identity.userAgent"]), st.text()))
def test_no_value_can_break_the_lines_json(values: dict[str, Any]) -> None:
    line = render('{"id":"$context.requestId","who":"$context.identity.userAgent"}', values)
    assert set(json.loads(line)) == {"id", "who"}


class Stage:
    """A cached GET /things/{id} with the id in its key, and an integration that counts."""

    def __init__(self, **settings: Any) -> None:
        self.clock, self.count = Clock(), 0
        self.cache = StageCache(self.clock)
        own = {"cachingEnabled": True, "cacheTtlInSeconds": 60, **settings}
        self.stage = {"cacheClusterEnabled": True, "methodSettings": {"*/*": own}}

    async def integration(self) -> tuple[int, dict[str, Any], bytes]:
        self.count += 1
        return 200, {}, str(self.count).encode()

    def get(self, thing: str = "1", method: str = "GET", **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        execution = Execution(
            request_id="r", extended_id="e", account_id="1", region="r", api_id="a", stage_name="v1", method=method,
            path=f"/things/{thing}", headers=sent, query={}, client="127.0.0.1", trace_id="t", stage=self.stage,
            request={"resource_path": "/things/{id}", "path_params": {"id": thing}},
        )  # fmt: skip
        integration = {"cacheNamespace": "n", "cacheKeyParameters": ["method.request.path.id"]}
        self.execution = execution
        return asyncio.run(self.cache.serve(execution, integration, self.integration, lambda: "denied"))


def test_a_stages_answer_is_kept_for_its_seconds() -> None:
    stage = Stage()
    assert (stage.get()[2], stage.get()[2], stage.get("2")[2]) == (b"1", b"1", b"2")
    stage.clock.sleep(61)
    assert (stage.get()[2], stage.execution.cache) == (b"3", "miss")


def test_zero_seconds_keep_nothing() -> None:
    stage = Stage(cacheTtlInSeconds=0)
    assert (stage.get()[2], stage.get()[2], stage.execution.cache) == (b"1", b"2", "")


def test_a_client_that_may_not_refresh_is_refused_where_the_stage_says_so() -> None:
    stage = Stage(requireAuthorizationForCacheControl=True, unauthorizedCacheControlHeaderStrategy="FAIL_WITH_403")
    stage.get()
    assert stage.get(Cache_Control="max-age=0") == "denied"
    assert stage.get(Cache_Control="max-age=0", Authorization="AWS4-HMAC-SHA256 Credential=…")[2] == b"2"
    assert stage.get()[2] == b"2"


def test_a_method_can_be_cached_or_not_by_its_own_settings() -> None:
    stage = Stage()
    stage.stage["methodSettings"]["/things/{id}/POST"] = {"cachingEnabled": True, "cacheTtlInSeconds": 60}  # type: ignore[index]
    stage.stage["methodSettings"]["/things/{id}/GET"] = {"cachingEnabled": False}  # type: ignore[index]
    assert (stage.get()[2], stage.get()[2]) == (b"1", b"2")
    assert (stage.get(method="POST")[2], stage.get(method="POST")[2]) == (b"3", b"3")
