"""How a local environment is reached by hand."""

from __future__ import annotations

import shlex
from pathlib import Path

from opsctl.aws import Access
from opsctl.environments.outputs import reach

OUTPUTS = {"edge": {"domain_name": "local.opsctl.test"}}


def test_a_local_environment_is_reached_by_one_curl_line() -> None:
    access = Access("r", "1", "http://127.0.0.1:4566", edge_port=4443, authority_file=Path("/my work/authority.crt"))
    way = reach(access, OUTPUTS)
    assert way is not None
    assert way.url == "https://local.opsctl.test:4443"
    assert shlex.split(way.curl) == [
        "curl", "--cacert", "/my work/authority.crt", "--resolve", "local.opsctl.test:4443:127.0.0.1",
        "https://local.opsctl.test:4443/v1/health",
    ]  # fmt: skip


def test_on_aws_nothing_has_to_be_said() -> None:
    assert reach(Access("r", "1"), OUTPUTS) is None


def test_an_environment_without_an_edge_has_no_way() -> None:
    assert reach(Access("r", "1", "http://x", edge_port=1, authority_file=Path("a")), {}) is None
