"""Lines of a log group that a check is waiting for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from opsctl.smoke.check import Trial

CLOCKS_DIFFER = timedelta(minutes=1)


def lines(trial: Trial, group: str, *words: str) -> Iterator[str]:
    """Lines that have all these words, since shortly before the trial began.

    Without a begin CloudWatch reads the whole group, page by page, empty ones too (FilterLogEvents, API reference).
    """
    since = trial.now - timedelta(seconds=trial.seconds) - CLOCKS_DIFFER
    pattern = " ".join(f'"{word}"' for word in words)
    return trial.aws.pages(
        "logs", "filter_log_events", "events[].message", logGroupName=group, filterPattern=pattern,
        startTime=int(since.timestamp() * 1000),
    )  # fmt: skip
