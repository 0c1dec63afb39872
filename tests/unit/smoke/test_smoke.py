"""Checks as data, their budgets, their cleaning up, and what a report says."""

import contextlib
import io
import json
import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from opsctl import smoke
from opsctl.aws import Access, Aws
from opsctl.clock import SystemClock
from opsctl.environments.environment import Environment, Target
from opsctl.errors import OpsctlError
from opsctl.exit_codes import ExitCode
from opsctl.smoke import Check, OutputMissing, SmokeTarget, Status, UnknownCheck, jpeg, photos, visitor
from opsctl.smoke.burst import Spread
from opsctl.smoke.check import CheckFailed, expect
from opsctl.smoke.checks import CHECKS
from opsctl.smoke.edge import Edge
from opsctl.smoke.run import CheckEnded, CheckStarted, choose
from opsctl.smoke.visitor import Visitor

TARGET = SmokeTarget(
    "local", "opsctl-local", "http://127.0.0.1:9", "host", "the-key", outputs={}, tags={}, aws=Aws(Access("r", "1"))
)


class HeldClock:
    """Time moves only when somebody sleeps."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return datetime(2026, 11, 21, tzinfo=UTC)

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


def run(*functions, budget_seconds=10.0, **more):
    checks = [Check(function.__name__, "something", function, budget_seconds) for function in functions]
    return smoke.run(TARGET, checks=checks, clock=more.pop("clock", None) or HeldClock(), **more)


def passing(trial):
    return {"seen": 1}


def failing(trial):
    trial.evidence["half"] = "seen"
    expect(False, "saw nothing")


def test_a_run_that_passes_says_so_and_exits_0():
    report = run(passing)
    assert report.exit_code is ExitCode.DONE
    assert report.results[0].evidence == {"seen": 1}


def test_one_failure_makes_the_run_exit_4_and_the_others_go_on():
    report = run(failing, passing)
    assert report.exit_code is ExitCode.SMOKE_FAILED
    assert [(result.name, result.status, result.message) for result in report.results] == [
        ("failing", Status.FAILED, "saw nothing"),
        ("passing", Status.PASSED, ""),
    ]
    assert report.results[0].evidence == {"half": "seen"}


def test_what_a_check_did_not_foresee_fails_it_alone_and_tells_no_value():
    def hung_up(trial):
        trial.afterwards("the order", lambda: {}["the-key"])
        raise TimeoutError("timed out during opening handshake")

    def confused(trial):
        {}["the-key"]

    report = run(hung_up, confused, passing)
    assert [(result.name, result.message) for result in report.results] == [
        ("hung_up", "unforeseen: TimeoutError: timed out during opening handshake; "
                    "left behind: the order (unforeseen: KeyError)"),
        ("confused", "unforeseen: KeyError"),
        ("passing", ""),
    ]  # fmt: skip


def test_a_report_is_json_with_everything_that_a_reader_needs():
    shown = json.loads(json.dumps(run(failing).to_json()))
    assert shown == {
        "environment": "local",
        "started_at": "2026-11-21T00:00:00+00:00",
        "seconds": 0.0,
        "passed": False,
        "results": [
            {"name": "failing", "status": "failed", "begun": 0.0, "seconds": 0.0, "proves": "something",
             "message": "saw nothing", "runbook": "", "evidence": {"half": "seen"}},
        ],
    }  # fmt: skip


def test_looking_ends_with_the_budget_and_says_what_was_not_seen():
    clock = HeldClock()
    looks = []

    def patient(trial):
        trial.until("the thumbnail", lambda: looks.append(clock.seconds))

    [result] = run(patient, clock=clock, budget_seconds=10.0).results
    assert result.message == "the thumbnail was not seen within 10.0 s"
    assert looks[0] == 0.0
    assert looks[-1] == pytest.approx(10.0)
    assert max(later - earlier for earlier, later in pairwise(looks)) <= 2.0
    assert len(looks) < 20


def test_looking_ends_as_soon_as_it_is_seen():
    clock = HeldClock()

    def quick(trial):
        return {"seen": trial.until("it", lambda: "it" if clock.seconds >= 1 else 0)}

    [result] = run(quick, clock=clock).results
    assert result.passed
    assert result.seconds < 1.5


def test_a_check_that_passes_after_its_budget_has_failed():
    clock = HeldClock()

    def slow(trial):
        clock.sleep(11)

    [result] = run(slow, clock=clock, budget_seconds=10.0).results
    assert result.message == "passed, but took longer than its 10 s"


@pytest.mark.parametrize("end", [passing, failing])
def test_what_a_check_made_is_undone_last_thing_first_however_it_ends(end):
    undone = []

    def making(trial):
        trial.afterwards("first", lambda: undone.append("first"))
        trial.afterwards("second", lambda: undone.append("second"))
        end(trial)

    run(making)
    assert undone == ["second", "first"]


def test_a_check_that_leaves_something_behind_has_failed_and_undoes_the_rest():
    undone = []

    def refuse():
        raise OpsctlError("AWS denies it.")

    def making(trial):
        trial.afterwards("queue a", lambda: undone.append("a"))
        trial.afterwards("queue b", refuse)

    [result] = run(making).results
    assert result.message == "left behind: queue b (AWS denies it.)"
    assert undone == ["a"]


def test_an_error_of_the_cloud_fails_the_check_with_its_own_words():
    def unreachable(trial):
        raise OpsctlError("AWS does not answer.", where="sqs.create_queue")

    assert run(unreachable).results[0].message == "AWS does not answer. sqs.create_queue"


def test_independent_checks_run_at_the_same_time():
    both = threading.Barrier(2, timeout=10)

    def one(trial):
        both.wait()

    def two(trial):
        both.wait()

    assert run(one, two).passed


def test_ctrl_c_stops_the_checks_and_they_clean_up_first():
    undone = []

    def endless(trial):
        trial.afterwards("queue", lambda: undone.append("queue"))
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        trial.until("what never comes", lambda: None)

    clock = SystemClock()
    begun = clock.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(endless, clock=clock, budget_seconds=30)
    assert undone == ["queue"]
    assert clock.monotonic() - begun < 10


@pytest.mark.parametrize("end", ["ctrl-c", "no time left"])
def test_what_was_made_is_undone_in_its_own_time(end):
    undone, clock = [], SystemClock()

    def made(trial):
        looks = iter([False, False, True])
        trial.afterwards("queue", lambda: undone.append(trial.until("its end", lambda: next(looks))))
        if end == "ctrl-c":
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        trial.until("what never comes", lambda: None)

    with pytest.raises(KeyboardInterrupt) if end == "ctrl-c" else contextlib.nullcontext():
        run(made, clock=clock, budget_seconds=30 if end == "ctrl-c" else 0.05)
    assert undone == [True]


def test_a_user_that_could_not_be_removed_is_told_and_costs_no_result(monkeypatch):
    def refuse(visitor):
        raise OpsctlError("The cloud does not answer.")

    monkeypatch.setattr(Visitor, "leave", refuse)
    report = run(passing)
    assert [(result.name, result.passed) for result in report.results] == [("passing", True), ("clean-up", False)]
    assert report.results[1].message == "left behind: the user (The cloud does not answer.)"
    assert report.exit_code is ExitCode.SMOKE_FAILED


def test_a_user_that_was_made_and_not_let_in_is_removed(monkeypatch):
    removed = []
    monkeypatch.setattr(visitor, "add_user", lambda *_: None)
    monkeypatch.setattr(visitor, "remove_user", lambda *given: removed.append(given[2]))
    monkeypatch.setattr(visitor, "sign_in", lambda *_: (_ for _ in ()).throw(OpsctlError("Refused.")))
    one = Visitor(replace(TARGET, outputs={"auth": {"users_table": "users"}}), Edge.of(TARGET))
    with pytest.raises(OpsctlError, match="Refused"):
        _ = one.token
    one.leave()
    assert [name[:6] for name in removed] == ["smoke-"]


def test_what_may_take_longest_begins_first_and_the_report_keeps_the_order_of_the_checks():
    begun = []
    checks = [
        Check(f"{budget} s", "something.", lambda trial: begun.append(trial.seconds_left) or None, budget)
        for budget in (15, 240, 60)
    ]
    report = smoke.run(TARGET, checks=checks, clock=HeldClock(), concurrency=1)
    assert begun == [240, 60, 15]
    assert [result.name for result in report.results] == ["15 s", "240 s", "60 s"]


def test_a_listener_hears_of_each_check_when_it_starts_and_ends():
    events = []
    run(passing, on_event=events.append)
    assert [type(event) for event in events] == [CheckStarted, CheckEnded]
    assert events[1].result.passed


def test_only_the_named_checks_run():
    assert [check.name for check in choose(CHECKS, only=["photo-path"])] == ["photo-path"]
    assert {check.name for check in choose(CHECKS, tags=["site"])} == {"site-page"}
    assert choose(CHECKS) == list(CHECKS)


def test_a_misspelt_check_is_refused_with_the_near_one():
    with pytest.raises(UnknownCheck) as caught:
        smoke.run(TARGET, only=["photo-paht"])
    assert caught.value.what == "There is no check 'photo-paht'. Did you mean photo-path?"
    assert caught.value.exit_code is ExitCode.USAGE


def test_every_check_has_a_name_of_its_own_a_sentence_and_a_budget():
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.proves.endswith(".")
        assert 0 < check.budget_seconds <= 300


def test_a_secret_is_not_in_what_a_target_prints():
    assert "the-key" not in repr(TARGET)


def test_an_environment_that_is_not_up_says_how_to_take_it_up(tmp_path):
    environment = Environment(
        "local", Target.LOCAL, "opsctl", "111122223333", "eu-central-1", None, tmp_path, tmp_path, tmp_path, tmp_path
    )
    with pytest.raises(OutputMissing) as caught:
        SmokeTarget.of(environment, Access("eu-central-1", "111122223333", "http://127.0.0.1:9"), {})
    assert caught.value.what == "local has no output edge.domain_name."
    assert caught.value.next == "opsctl up local"


def encoded(size, **options):
    image, file = Image.new(options.pop("mode", "RGB"), size, 100), io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@settings(deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.booleans(), st.sampled_from(["RGB", "L", "CMYK"]))
def test_a_jpegs_size_is_read_as_pillow_reads_it(width, height, progressive, mode):
    assert jpeg.pixel_size(encoded((width, height), progressive=progressive, mode=mode)) == (width, height)


def test_a_jpegs_size_is_found_behind_large_metadata():
    exif = Image.Exif()
    exif[0x010E] = "\xff\xc0" * 20_000  # looks like a frame header inside the metadata
    assert jpeg.pixel_size(encoded((31, 17), exif=exif, comment=b"\xff\xc2" * 100)) == (31, 17)


def test_a_huffman_table_is_not_taken_for_the_frame_header():
    table = b"\xff\xc4\x00\x0b\x00\x00\x07\x00\x07\x00\x00\x00\x00"
    frame = b"\xff\xc0\x00\x0b\x08\x00\x11\x00\x1f\x01\x01\x11\x00"
    assert jpeg.pixel_size(b"\xff\xd8" + table + frame) == (31, 17)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_what_is_not_a_whole_jpeg_has_no_size(data):
    with pytest.raises(ValueError, match="JPEG"):
        jpeg.pixel_size(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_input_hangs_or_crashes_the_size_reader(data):
    with contextlib.suppress(ValueError):
        jpeg.pixel_size(b"\xff\xd8" + data)


def test_the_photo_that_is_sent_is_a_real_turned_jpeg_of_odd_size():
    image = Image.open(io.BytesIO(photos.photo()))
    assert image.format == "JPEG"
    assert ImageOps.exif_transpose(image).size == photos.PHOTO_SIZE
    assert image.size == tuple(reversed(photos.PHOTO_SIZE))
    assert jpeg.pixel_size(photos.photo()) == image.size


def test_the_corrupt_photo_is_one_that_no_decoder_takes():
    assert photos.corrupt_photo()[:3] == b"\xff\xd8\xff"
    with pytest.raises(OSError):
        Image.open(io.BytesIO(photos.corrupt_photo())).load()


@pytest.mark.parametrize(
    ("size", "good"),
    [
        ((191, 256), True),
        ((192, 256), True),  # rounded up
        ((190, 256), False),
        ((256, 191), False),  # lying
        ((256, 256), False),
        ((191, 257), False),
        ((96, 128), False),
    ],
)
def test_a_thumbnail_keeps_the_aspect_within_256_pixels(size, good):
    assert photos.has_thumbnail_size(size) is good


def test_a_small_photo_is_not_enlarged():
    assert photos.expected_thumbnail((100, 50)) == (100, 50)


def test_a_spread_of_one_is_that_one():
    assert Spread.of([2.0]) == Spread(2.0, 2.0, 2.0)


def test_a_spread_of_many_names_its_middle_and_its_tail():
    spread = Spread.of([float(number) for number in range(1, 101)])
    assert (spread.median, spread.p95, spread.longest) == (pytest.approx(50.5), pytest.approx(95.05), 100.0)


def test_an_expectation_that_holds_raises_nothing():
    expect(True, "never shown")
    with pytest.raises(CheckFailed, match="shown"):
        expect(None, "shown")
