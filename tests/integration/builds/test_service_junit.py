"""The service's own tests (JUnit), run by Maven, its store on a real MariaDB."""

import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from opsctl import processes
from opsctl.local.databases.server import throw_away

ROOT = Path(__file__).parents[3]
APP = ROOT / "terraform" / "modules" / "service" / "app"
# Taken at import: tests run with caches of their own, and MariaDB's 190 MB need not be unpacked for each.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opsctl"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """How Maven ended, and JUnit's reports: pairs of a test's full name and what failed ("" if nothing)."""
    folder = tmp_path_factory.mktemp("service")
    app = folder / "app"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("target"))
    with throw_away(folder / "database", cache=CACHE) as database:
        settings = {
            "MAVEN_OPTS": "-XX:TieredStopAtLevel=1",
            "ORDERS_TEST_DB_URL": database.jdbc_url,
            "ORDERS_TEST_DB_USER": database.login.user,
            "ORDERS_TEST_DB_PASSWORD": database.login.password,
            "ORDERS_TEST_DB_CA": str(database.authority_file),
        }
        done = processes.run(
            ["mvn", "-q", "-B", "-ntp", "-Dstyle.color=never", "test"],
            cwd=app, env=dict(os.environ) | settings, timeout_seconds=600,
        )  # fmt: skip
    cases = [
        (f"{case.get('classname')}.{case.get('name')}", outcome(case))
        for file in (app / "target" / "surefire-reports").glob("*.xml")
        for case in ElementTree.parse(file).iter("testcase")
    ]
    return done, cases


def outcome(case):
    return "\n".join(
        f"{part.tag}: {part.get('message') or ''}\n{(part.text or '')[:1000]}"
        for part in case
        if part.tag in ("failure", "error", "skipped")
    )


def test_every_test_of_the_service_passes(run):
    done, cases = run
    wrong = "\n\n".join(f"{name}\n{what}" for name, what in cases if what)
    assert done.status == 0, wrong or (done.stdout + done.stderr)[-4000:]
    assert not wrong, wrong


def test_each_test_class_ran_the_store_on_a_real_database_too(run):
    _, cases = run
    ran = {name.rpartition("(")[0].rpartition(".")[0] or name.rpartition(".")[0] for name, _ in cases}
    written = {
        ".".join(file.relative_to(APP / "src/test/java").with_suffix("").parts)
        for file in (APP / "src/test/java").rglob("*Test.java")
    }
    assert written - ran == set()
    assert "opsctl.service.store.SqlOrderStoreTest" in ran
