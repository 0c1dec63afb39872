"""opsctl waf test: files of requests, expectations, and the plan that is asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from waf_requests import Told, in_field, rule, web_acl

from benchmarks.waf import PLAN
from opsctl.exit_codes import ExitCode
from opsctl.waf.replay import BadRequests, Replay, from_plan, read_requests, replay


def replayed(tmp_path: Path, *entries: dict[str, Any]) -> Replay:
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(map(json.dumps, entries)))
    acl = web_acl(
        rule(in_field("UriPath"), name="paths"),
        rule({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP"}}, name="rate", priority=1),
    )
    return asyncio.run(replay(acl, read_requests(file), detector=Told()))


def test_each_request_says_which_rule_would_act(tmp_path: Path) -> None:
    found = replayed(tmp_path, {"path": "/bad"}, {"path": "/good?x=1"}).to_json()
    assert [(entry["action"], entry["rule"]) for entry in found["results"]] == [
        ("BLOCK", "paths"), ("ALLOW", "Default_Action")
    ]  # fmt: skip
    assert found["schema"] == "opsctl.waf-test/1"


@pytest.mark.parametrize(
    ("path", "expect", "is_met"),
    [
        ("/bad", "block", True), ("/bad", "block:paths", True), ("/bad", "block:other", False),
        ("/bad", "allow", False), ("/good", "allow", True), ("/good", "block", False),
    ],
)  # fmt: skip
def test_an_expectation_that_is_not_met_is_a_finding(tmp_path: Path, path: str, expect: str, is_met: bool) -> None:
    found = replayed(tmp_path, {"path": path, "expect": expect})
    assert found.exit_code == (ExitCode.DONE if is_met else ExitCode.FINDINGS)
    assert found.to_json()["results"][0]["met"] is is_met


def test_a_repeated_request_reaches_its_rate(tmp_path: Path) -> None:
    found = replayed(tmp_path, {"repeat": 10, "expect": "allow"}, {"expect": "block:rate"})
    assert found.unmet == ()


def test_requests_may_be_written_as_toml(tmp_path: Path) -> None:
    file = tmp_path / "requests.toml"
    file.write_text("""
[[request]]
path = "/search"
query = { q = "a b", tag = ["x", "y"] }
headers = { X-Note = "1" }
body = '''
two
lines'''
client_ip = "192.0.2.200"
""")
    (case,) = read_requests(file)
    assert case.request.query == "q=a+b&tag=x&tag=y"
    assert case.request.body == b"two\nlines"
    assert case.request.country == "IE"
    assert ("x-note", "1") in case.request.headers


def test_a_usual_header_can_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "requests.json"
    file.write_text('[{"headers": {"user-agent": ""}}]')
    assert [name for name, _ in read_requests(file)[0].request.headers] == ["host"]


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("r.jsonl", '{"path": "/"}\n{broken', "r.jsonl:2"),
        ("r.jsonl", '{"paht": "/"}', "r.jsonl:1"),
        ("r.jsonl", '{"path": 5}', "r.jsonl:1 -> path"),
        ("r.jsonl", '{"path": "v1"}', "r.jsonl:1 -> path"),
        ("r.jsonl", '{"expect": "maybe"}', "r.jsonl:1 -> expect"),
        ("r.jsonl", '{"repeat": 0}', "r.jsonl:1 -> repeat"),
        ("r.jsonl", '{"body_base64": "?"}', "r.jsonl:1 -> body_base64"),
        ("r.jsonl", "", "r.jsonl"),
        ("r.json", "[1]", "r.json: entry 1"),
        ("r.toml", "x = 1", "r.toml"),
        ("r.toml", "= 1", "r.toml"),
    ],
)
def test_a_bad_file_is_refused_at_the_place_where_it_is_bad(tmp_path: Path, name: str, text: str, where: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadRequests) as refused:
        read_requests(tmp_path / name)
    assert refused.value.where == f"{tmp_path}/{where}"
    assert refused.value.exit_code == ExitCode.USAGE


def test_the_web_acl_of_a_plan_is_found_by_its_name() -> None:
    address, acl = from_plan(PLAN, name="opsctl-test-edge")
    assert (address, acl.name) == ("module.edge.aws_wafv2_web_acl.this", "opsctl-test-edge")
