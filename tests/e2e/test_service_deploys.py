"""Deploys of the service on the real stack: JVMs are replaced under load, bad versions come back, old ones start."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from opsctl.files import sha256_of
from opsctl.smoke import SmokeTarget, orders
from opsctl.smoke.check import Trial
from tests.e2e.project import Project, healthy, wait_for
from tests.e2e.test_faults import Load, jvms, viewer

COLOUR = {"db/migration/V901__colour.sql": "ALTER TABLE orders ADD COLUMN colour VARCHAR(20);"}
"""What an older version does not notice. The number is far above the stack's own."""


@pytest.fixture(scope="module")
def built(stack: Project) -> Path:
    """The jar that the environment began with."""
    return next(iter(sorted((stack.root / ".opsctl").rglob("packages/service.jar"))))


def variant(built: Path, folder: Path, name: str, files: Mapping[str, str]) -> Path:
    """The jar with more files in it: the same files give the same bytes, without a compiler."""
    made = folder / f"{name}.jar"
    with zipfile.ZipFile(built) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry))
        for path, text in sorted(files.items()):
            new.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return made


def test_a_good_version_replaces_real_jvms_under_load_and_the_way_back_runs_on_the_newer_schema(
    stack: Project, target: SmokeTarget, trial: Trial, built: Path, tmp_path: Path
) -> None:
    wait_for(lambda: len(healthy(target)) == 2, what="two healthy instances")
    good = variant(built, tmp_path, "good", COLOUR)
    # MySQL knows no such table: the migration fails, and leaves its failure in Flyway's history.
    broken = variant(
        built, tmp_path, "broken", COLOUR | {"db/migration/V902__broken.sql": "ALTER TABLE nowhere ADD COLUMN a INT;"}
    )
    order_id = orders.place(trial)["order_id"]
    trial.afterwards("the order", lambda: orders.remove(trial, order_id))
    with Load(lambda number: trial.get(f"/v1/orders/{order_id}", headers=viewer(number)), clients=2) as load:
        before = jvms(stack)
        done = stack.json("deploy", "service", "local", "--artifact", str(good), "--yes")
        assert (done["outcome"], done["moves"][0]["after"]) == ("done", sha256_of(good))
        assert [one["verdict"] for one in done["decisions"]] == ["advance", "advance", "promote"]
        wait_for(lambda: not set(before) & set(jvms(stack)), what="the end of the JVMs that were replaced")

        kept = jvms(stack)
        returned = stack.json("deploy", "service", "local", "--artifact", str(broken), "--yes", status=1)
        assert returned["outcome"] == "returned"
        assert returned["decisions"][-1]["verdict"] == "return"
        wait_for(lambda: set(jvms(stack)) == set(kept), what="the JVMs that ran before, alone")

        back = stack.json("rollback", "local", "service", "--to", sha256_of(built), "--yes")
        assert back["outcome"] == "done"
        wait_for(lambda: not set(kept) & set(jvms(stack)), what="JVMs of the older version")
        assert len(healthy(target)) == 2
    assert load.failed == []
    assert load.asked > 100
    assert "No changes" in stack.opsctl("plan", "local", "--detailed-exitcode").stdout


def test_a_migration_that_the_running_version_could_not_live_with_is_refused_and_nothing_changes(
    stack: Project, built: Path, tmp_path: Path
) -> None:
    drop = {"db/migration/V903__drop.sql": "ALTER TABLE orders DROP COLUMN customer;"}
    kept = jvms(stack)
    refused = stack.opsctl(
        "deploy", "service", "local", "--artifact", str(variant(built, tmp_path, "drop", drop)), "--yes", status=5
    )
    assert "V903__drop.sql: the older version may need the column that is dropped" in refused.stderr
    assert '--override migrations="…"' in refused.stderr
    assert set(jvms(stack)) == set(kept)
