"""Events put into words, as a log without a terminal shows them."""

from __future__ import annotations

import pytest

from opsctl.cli.progress import Progress, short
from opsctl.environments.events import Notice, StageFinished, StageStarted
from opsctl.local.cloud import PortTaken
from opsctl.terraform.events import ApplyComplete, ApplyErrored, ApplyProgress, ApplyStart, PlannedChange, Version
from opsctl.ui.console import Console

BUCKET = ("m", "module.photos.aws_s3_bucket.this", "photos", "aws_s3_bucket", "this")


def shown(capsys: pytest.CaptureFixture[str], *events: object) -> str:
    with Progress(Console()) as progress:
        for event in events:
            progress(event)
    return capsys.readouterr().err


def test_a_resource_is_one_line_when_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, ApplyStart(*BUCKET, "create"), ApplyComplete(*BUCKET, "create", 12.0, "photos"))
    assert text == "  created                12 s  photos · aws_s3_bucket.this\n"


def test_a_slow_resource_says_so_every_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = [ApplyProgress(*BUCKET, "create", float(seconds)) for seconds in range(10, 100, 10)]
    assert shown(capsys, *ticks).count("still at") == 3


def test_a_failed_resource_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "failed" in shown(capsys, ApplyErrored(*BUCKET, "create", 3.0))


def test_a_read_is_not_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, ApplyStart(*BUCKET, "read"), ApplyComplete(*BUCKET, "read", 0.0, "")) == ""


def test_stages_and_notices_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(
        capsys,
        StageStarted("terraform plan"),
        StageFinished("terraform plan", 14.2, "3 to create"),
        Notice("archived in s3://x"),
        PortTaken(4566, 5000),
    )
    assert text.splitlines() == [
        "✓ terraform plan           14 s  3 to create",
        "! archived in s3://x",
        "! port 4566 is taken; the local cloud uses 5000",
    ]


def test_the_count_is_of_one_run_though_an_apply_repeats_the_changes_of_its_plan() -> None:
    progress = Progress(Console())
    tallies: list[str] = []
    progress._board.tally = tallies.append  # type: ignore[method-assign]
    for event in (Version("v", "1.11.4"), PlannedChange(*BUCKET, "create", "")) * 2:
        progress(event)
    progress(ApplyComplete(*BUCKET, "create", 1.0, "photos"))
    assert tallies == ["1 of 1"]


def test_an_event_that_nobody_knows_is_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, object()) == ""


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("aws_vpc.this", "aws_vpc.this"),
        ("module.network.aws_subnet.public[0]", "network · aws_subnet.public[0]"),
        ('module.a.module.b["x.y"].aws_vpc.this', 'a · module.b["x.y"].aws_vpc.this'),
    ],
)
def test_addresses_are_shortened_by_their_module(address: str, words: str) -> None:
    assert short(address) == words
