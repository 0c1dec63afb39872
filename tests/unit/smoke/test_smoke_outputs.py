"""What a run leaves behind: JUnit, HTML, a heartbeat; and aiming at an address from outside."""

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsctl import smoke
from opsctl.aws import Access, Aws
from opsctl.errors import OpsctlError, UsageError
from opsctl.smoke import Check, Report, Result, SmokeTarget, Status, UnknownCheck
from opsctl.smoke.edge import EdgeUnreachable
from opsctl.smoke.html_report import to_html
from opsctl.smoke.junit import to_junit
from opsctl.smoke.outputs import CannotWrite, report_file, require_writable, write_reports
from opsctl.smoke.outside import BadAddress, aim
from opsctl.smoke.run import checks_for, possible
from opsctl.smoke.target import NotSaid, OutsideOnly
from opsctl.smoke.watching import REMEMBERED, watch
from opsctl.ui.latency import Row, bars, latency_table

AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SECRET = "k3y-of-the-environment"
HEADER = "eyJhbGciOiJSUzI1NiJ9"


def result(name, message="", *, seconds=1.0, begun=0.0, evidence=None, runbook="edge-headers"):
    status = Status.FAILED if message else Status.PASSED
    return Result(name, status, seconds, message, evidence or {}, f"{name} holds.", runbook, begun)


def report(*results, environment="local"):
    return Report(environment, AT, 3.5, results)


REPORT = report(
    result("hsts", evidence={"max_age": 31536000}), result("framing", "the page may be framed", begun=1.0, seconds=2.5)
)


def test_junit_counts_the_failures_and_says_why_and_which_runbook():
    suite = ElementTree.fromstring(to_junit(REPORT)).find("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "time", "timestamp")} == {
        "tests": "2", "failures": "1", "errors": "0", "time": "3.500", "timestamp": "2026-11-22T02:00:00",
    }  # fmt: skip
    good, bad = suite.findall("testcase")
    assert (good.get("name"), good.get("classname"), good.find("failure")) == ("hsts", "smoke.local", None)
    assert bad.find("failure").get("message") == "the page may be framed"
    assert "It proves: framing holds." in bad.find("failure").text
    assert "runbook: edge-headers" in bad.find("failure").text
    assert '"max_age": 31536000' in good.find("system-out").text


@example("half a pair \ud800", "\0 \ufffe", {})
@given(st.text(), st.text(min_size=1), st.dictionaries(st.text(), st.text() | st.floats() | st.none()))
def test_junit_is_well_formed_whatever_a_check_saw(name, message, evidence):
    suite = ElementTree.fromstring(to_junit(report(result(name, message, evidence=evidence), environment=name)))
    assert suite.get("failures") == "1"


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


def test_the_html_report_shows_failures_first_with_what_they_prove_and_their_runbook():
    page = Page(to_html(REPORT).decode())
    assert page.text.index("✗ framing") < page.text.index("✓ hsts")
    assert "1 of 2 checks failed in 3.5 s" in " ".join(page.text.split())
    assert "framing holds." in page.text
    assert "Runbook: edge-headers" in page.text
    assert '"max_age": 31536000' in page.text
    assert [value for name, value in page.attributes if name == "open"] == [None]


def test_the_waterfall_has_each_check_where_it_ran():
    lanes = [dict(attributes) for tag, attributes in lanes_of(to_html(REPORT).decode()) if tag == "rect"]
    assert [(lane["x"], lane["width"]) for lane in lanes] == [("0", "286"), ("286", "714")]


def lanes_of(text):
    class Rects(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, attributes))

    found = []
    Rects().feed(text)
    return found


def test_the_html_report_needs_nothing_from_elsewhere_and_fits_a_phone():
    page = Page(to_html(REPORT).decode())
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("src", "href")]
    assert links == ["#hsts", "#framing"]
    assert ("content", "width=device-width, initial-scale=1") in page.attributes


@given(st.text())
@example("half a pair \ud800")
def test_the_html_report_makes_no_markup_of_what_a_check_saw(text):
    plain = Page(to_html(report(result("a", "b", evidence={"seen": "c"}, runbook="d"), environment="e")).decode())
    odd = Page(to_html(report(
        result(f"<script>{text}", f'"><img src=x>{text}', evidence={"</pre><script>": text}, runbook=f"<b>{text}"),
        environment=f"<i>{text}",
    )).decode())  # fmt: skip
    assert odd.tags == plain.tags


def test_no_key_and_no_token_gets_into_a_result():
    target = SmokeTarget("local", "p", "http://127.0.0.1:9", "host", SECRET, {}, {}, Aws(Access("r", "1")))
    token = f"{HEADER}.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

    def careless(trial):
        trial.evidence["headers"] = {"x-api-key": SECRET, "Authorization": f"Bearer {token}"}
        raise OpsctlError(f"GET /?key={SECRET} with {token}")

    [seen] = smoke.run(target, checks=[Check("careless", "x.", careless, 5)]).results
    text = json.dumps([seen.message, seen.evidence])
    assert "(masked)" in text
    assert SECRET not in text
    assert HEADER not in text


def test_evidence_that_is_no_json_is_told_in_words():
    target = SmokeTarget("local", "p", "http://127.0.0.1:9", "host", SECRET, {}, {}, Aws(Access("r", "1")))
    [seen] = smoke.run(target, checks=[Check("odd", "x.", lambda trial: {"at": AT, "pair": (1, 2)}, 5)]).results
    assert seen.evidence == {"at": str(AT), "pair": [1, 2]}


def test_reports_are_written_where_they_were_wanted(tmp_path):
    files = {"junit": tmp_path / "new" / "smoke.xml", "html": tmp_path / "smoke.html"}
    require_writable(*files.values())
    write_reports(REPORT, files)
    assert ElementTree.parse(files["junit"]).getroot().get("tests") == "2"
    assert files["html"].read_text().startswith("<!DOCTYPE html>")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new", "smoke.html"]


def test_a_report_that_can_not_be_written_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="is a folder"):
        require_writable(tmp_path)
    with pytest.raises(CannotWrite, match="can't be written"):
        require_writable(tmp_path / "file" / "smoke.xml")


@pytest.mark.parametrize(("given_", "file"), [("a/b.html", "a/b.html"), ("html", "smoke-dev.html")])
def test_a_report_is_an_html_file(given_, file):
    assert str(report_file(given_, "dev")) == file


def test_a_report_of_another_kind_is_refused():
    with pytest.raises(CannotWrite, match=r"'smoke\.pdf' is not the name of such a file"):
        report_file("smoke.pdf", "dev")


class HeldClock:
    """Time moves only when somebody sleeps."""

    def __init__(self):
        self.seconds, self.slept = 0.0, []

    def now(self):
        return AT

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds


def watching(*runs, count=None, clock=None, every=60.0):
    """A watch over these runs: reports, or what is raised."""
    left, clock, told = iter(runs), clock or HeldClock(), []

    def run_once():
        clock.seconds += 5
        found = next(left)
        if isinstance(found, BaseException):
            raise found
        return found

    heartbeat = watch(
        run_once, every_seconds=every, count=count, clock=clock, on_run=lambda found: told.append(found.passed)
    )
    return heartbeat, told


GOOD, BAD = report(result("hsts", seconds=2.0)), report(result("hsts", "gone"))


def test_a_heartbeat_begins_each_run_a_minute_after_the_last():
    clock = HeldClock()
    heartbeat, told = watching(GOOD, GOOD, GOOD, count=3, clock=clock)
    assert told == [True, True, True]
    assert clock.slept == [55.0, 55.0]
    assert heartbeat.runs == 3


def test_a_run_that_takes_longer_is_followed_at_once():
    clock = HeldClock()
    watching(GOOD, GOOD, count=2, clock=clock, every=1.0)
    assert clock.slept == [0.0]


def test_ctrl_c_ends_a_heartbeat_with_what_the_last_run_said():
    assert watching(GOOD, BAD, KeyboardInterrupt())[0].passed is False
    assert watching(BAD, GOOD, KeyboardInterrupt())[0].passed is True
    with pytest.raises(KeyboardInterrupt):
        watching(KeyboardInterrupt())


def test_a_cloud_that_does_not_answer_is_a_missing_beat_and_the_next_run_tries_again():
    heartbeat, told = watching(GOOD, OpsctlError("AWS does not answer."), GOOD, count=3)
    assert told == [True, False, True]
    beats = heartbeat.checks["hsts"]
    assert (list(beats.seconds), beats.runs, beats.failures) == ([2.0, None, 2.0], 3, 1)


def test_a_heartbeat_of_a_year_remembers_two_hours():
    heartbeat, _ = watching(*[GOOD] * 1000, count=1000)
    assert len(heartbeat.checks["hsts"].seconds) == REMEMBERED
    assert heartbeat.checks["hsts"].runs == 1000


def test_a_chart_draws_each_time_from_nothing_to_the_longest():
    assert bars([0.0, 1.0, None, 4.0], 6).plain == "  ▁▃✗█"
    assert bars([1.0] * 50, 3).plain == "███"
    assert bars([], 2).plain == "  "
    assert bars([0.0], 1).plain == "▁"


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=200), st.integers(1, 200))
def test_a_chart_is_as_wide_as_it_may_be(seconds, width):
    assert len(bars(seconds, width).plain) == width


def test_a_table_that_is_too_tall_keeps_what_fails_and_counts_the_rest():
    rows = [Row(f"good-{number}", [1.0], 1, 0) for number in range(20)] + [Row("bad", [1.0, None], 2, 1, "gone")]
    table = latency_table(rows, width=100, height=6)
    names = [str(cell) for cell in table.columns[0].cells]
    assert names[0] == "✗ bad"
    assert str(list(table.columns[-1].cells)[1]) == "gone"
    assert names[-1] == "and 16 more"
    assert len(names) <= 7


def test_from_outside_only_what_needs_no_more_than_the_address_runs():
    def check(name, **more):
        return Check(name, "x.", lambda trial: None, 5, **more)

    outside = SmokeTarget("h", "", "https://h", None, "", {}, {}, Aws(Access("", "")), inside=False)
    checks = [check("inner"), check("edge", outside=True), check("flood", outside=True, local_only=True)]
    assert [found.name for found in possible(checks, outside)] == ["edge"]
    with pytest.raises(UnknownCheck, match="photo-path needs more than an address"):
        checks_for(outside, only=["photo-path"])


@pytest.mark.parametrize(
    ("url", "connect_to", "says"),
    [
        ("photos.example.com", [], "is not the address of an edge"),
        ("http://photos.example.com", [], "is not the address of an edge"),
        ("https://user:pass@photos.example.com", [], "is not the address of an edge"),
        ("https://photos.example.com:port", [], "is no URL"),
        ("https://[::1", [], "is no URL"),
        ("https://photos.example.com/v1/health", [], "has a path"),
        ("https://photos.example.com", ["4443"], "is not ADDRESS:PORT"),
        ("https://photos.example.com", ["443:127.0.0.1"], "is not ADDRESS:PORT"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(url, connect_to, says):
    with pytest.raises(BadAddress, match=says):
        aim(url, connect_to=connect_to)


@given(st.text())
def test_no_address_does_worse_than_be_refused(text):
    with pytest.raises(UsageError):
        aim(f"https://\0{text}")


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), ("no certificate", "holds no certificate")])
def test_an_authority_that_is_none_is_refused(tmp_path, content, why):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(BadAddress, match=why):
        aim("https://photos.example.com", authority_file=file)


def test_an_address_where_nobody_answers_says_what_may_be_missing():
    with pytest.raises(EdgeUnreachable) as seen:
        aim("https://photos.example.com", connect_to=["127.0.0.1:9"])
    assert seen.value.what == "photos.example.com does not answer."
    assert "--connect-to" in seen.value.next


@pytest.fixture
def answering(monkeypatch):
    """An edge that answers /site.json with a page's own key."""
    from opsctl.smoke.edge import Answer, Edge

    monkeypatch.setattr(
        Edge, "request", lambda self, method, path, **how: Answer(method, path, 200, {}, b'{"api_key": "open"}', 0.0)
    )


@pytest.mark.usefixtures("answering")
def test_an_address_is_aimed_at_as_curl_would():
    at = aim("https://photos.example.com", connect_to=["127.0.0.1:4443", "80:127.0.0.1:4566"])
    assert (at.base_url, at.host, at.domain) == ("https://127.0.0.1:4443", "photos.example.com", "photos.example.com")
    assert (at.plain_edge().base_url, at.plain_edge().host) == ("http://127.0.0.1:4566", "photos.example.com")
    assert at.api_key == "open"
    public = aim("https://photos.example.com/")
    assert (public.base_url, public.host, public.plain_edge().base_url) == (
        "https://photos.example.com", None, "http://photos.example.com",
    )  # fmt: skip


@pytest.mark.usefixtures("answering")
def test_from_outside_nothing_asks_aws_and_nobody_guesses_an_address():
    at = aim("https://photos.example.com", connect_to=["127.0.0.1:4443"])
    with pytest.raises(NotSaid, match="without TLS"):
        at.plain_edge()
    with pytest.raises(OutsideOnly, match="s3 can't be asked from outside"):
        at.aws.call("s3", "list_buckets")
