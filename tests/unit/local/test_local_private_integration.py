from __future__ import annotations

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.network.private_integration import Call, answer_headers, call_of


def call(uri: str = "http://service.test:8080/orders/{proxy}", **changes: object) -> Call:
    settings = {"headers": {}, "query": {}, "body": b"", "mapped": {}} | changes
    return call_of(uri, "GET", **settings)  # type: ignore[arg-type]


def test_a_greedy_path_keeps_its_slashes_and_its_encoding() -> None:
    made = call(mapped={"integration.request.path.proxy": "7/items/a b?ü%"})
    assert made.url == "http://service.test:8080/orders/7/items/a%20b%3F%C3%BC%25"


def test_a_query_keeps_its_repeats_and_a_mapped_parameter_takes_the_place_of_the_clients() -> None:
    query, mapped = {"tag": ["a", "b&"], "limit": "5"}, {"integration.request.querystring.limit": "9"}
    made = call("http://h/", query=query, mapped=mapped)
    assert made.url == "http://h/?tag=a&tag=b%26&limit=9"


def test_headers_of_the_connection_stay_here_and_a_mapped_one_takes_the_place_of_the_clients() -> None:
    sent = {
        "Host": "api.test", "Connection": "keep-alive, X-Secret", "X-Secret": "1", "Transfer-Encoding": "chunked",
        "x-request-id": "forged", "Accept": ["a", "b"], "Content-Length": "3",
    }  # fmt: skip
    made = call(headers=sent, mapped={"integration.request.header.X-Request-Id": "ours"})
    assert made.headers == (("Accept", "a"), ("Accept", "b"), ("X-Request-Id", "ours"))


def test_an_answers_repeats_stay_and_what_api_gateway_makes_itself_is_renamed() -> None:
    given_by_service = [
        ("Set-Cookie", "a"), ("Set-Cookie", "b"), ("Set-Cookie", "c"), ("Server", "Java"),
        ("WWW-Authenticate", "Basic"), ("Transfer-Encoding", "chunked"), ("Content-Length", "3"), ("Retry-After", "5"),
    ]  # fmt: skip
    assert answer_headers(given_by_service) == {
        "Set-Cookie": ["a", "b", "c"], "x-amzn-Remapped-Server": "Java", "x-amzn-Remapped-WWW-Authenticate": "Basic",
        "Retry-After": "5",
    }  # fmt: skip


@given(st.text(min_size=1))
def test_whatever_the_path_holds_it_neither_ends_the_path_nor_starts_another_line(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    path = call(mapped={"integration.request.path.proxy": value}).url.removeprefix("http://service.test:8080/orders/")
    assert not set(path) & set("?# \r\n")
    assert unquote(path) == value
