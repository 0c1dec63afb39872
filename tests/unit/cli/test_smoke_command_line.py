"""What makes no sense on the command line of smoke is said before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsctl.cli.smoke import smoke
from opsctl.errors import UsageError


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"environment": "local", "url": "https://a.example"}, "Name one environment, or say --url"),
        ({}, "Name one environment, or say --url"),
        ({"environment": "local", "cacert": Path("ca.pem")}, "belong to --url"),
        ({"environment": "local", "connect_to": ["127.0.0.1:1"]}, "belong to --url"),
        ({"environment": "local", "count": 2}, "--count belongs to --watch"),
        ({"environment": "local", "watch": "soon"}, "'soon' is no time"),
        ({"url": "https://a.example", "watch": "0s"}, "'0s' is no time"),
        ({"url": "a.example"}, "is not the address of an edge"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        smoke(**given)
