"""`opsctl smoke` as people and CI call it: from outside, as a heartbeat, with files that it leaves."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from opsctl.smoke import SmokeTarget
from tests.e2e.project import OPSCTL, Project, interrupt

NO_CONFIGURATION = {"NO_COLOR": "1", "COLUMNS": "120", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def outside(target: SmokeTarget) -> list[str]:
    """What somebody on this machine must say to mean the local cloud; on AWS the URL is enough."""
    return [
        "--url", f"https://{target.host}", "--connect-to", target.base_url.removeprefix("https://"),
        "--connect-to", f"80:{target.plain_url.removeprefix('http://')}", "--cacert", str(target.authority_file),
    ]  # fmt: skip


def smoke(*words: str, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """In a folder without opsctl.toml, and without any setting of AWS."""
    done = subprocess.run(
        [OPSCTL, "smoke", *words], cwd=cwd, env=NO_CONFIGURATION | {"HOME": str(cwd)}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_an_address_alone_is_enough_to_prove_what_anybody_can_see(outside: list[str], tmp_path: Path) -> None:
    done = smoke(*outside, "--tag", "headers", "--tag", "tls", "--junit", "smoke.xml", "--report", "html", "--json",
                 cwd=tmp_path)  # fmt: skip
    seen = {result["name"] for result in json.loads(done.stdout)["results"]}
    assert {"hsts", "tls-version", "certificate", "https-redirect"} <= seen
    suite = ElementTree.parse(tmp_path / "smoke.xml").getroot()
    assert {case.get("name") for case in suite.iter("testcase")} == seen
    [page] = tmp_path.glob("smoke-*.html")
    assert "Browsers are told to use TLS alone" in page.read_text()


def test_whoever_trusts_only_public_authorities_does_not_trust_the_local_cloud(
    outside: list[str], tmp_path: Path
) -> None:
    done = smoke(*outside[:-2], "--only", "certificate", "--only", "hsts", cwd=tmp_path, status=4)
    assert "does not answer" in done.stderr
    assert "certificate" in done.stderr


def test_a_heartbeat_is_a_line_for_each_run_until_its_count_is_reached(outside: list[str], tmp_path: Path) -> None:
    done = smoke(*outside, "--only", "hsts", "--watch", "1s", "--count", "2", "--json", cwd=tmp_path)
    assert [json.loads(line)["passed"] for line in done.stdout.splitlines()] == [True, True]
    assert [line[0] for line in done.stderr.splitlines()] == ["✓", "✓"]


def test_ctrl_c_ends_a_heartbeat_with_the_last_runs_exit_code(stack: Project) -> None:
    process = stack.start("smoke", "local", "--only", "hsts", "--watch", "60s")
    assert process.stderr
    assert process.stderr.readline().startswith("✓")
    interrupt(process, signal.SIGINT)
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tag", "heders"], "There is no tag 'heders'. Did you mean headers?"),
        (["--report", "smoke.pdf"], "is not the name of such a file"),
        (["--junit", "/dev/null/smoke.xml"], "can't be written"),
    ],
)
def test_what_could_not_be_run_or_written_is_said_before_anything_runs(
    stack: Project, words: list[str], says: str
) -> None:
    done = stack.opsctl("smoke", "local", *words, status=2)
    assert says in done.stderr
    assert "✓" not in done.stderr
