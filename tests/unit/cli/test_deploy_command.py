"""`opsctl deploy …`: options become arguments, and the document is printed whatever the outcome."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from opsctl.cli import context, deploy
from opsctl.deploy.deploying import Deployed, DeployReturned, HalfDone, LeftInFlight
from opsctl.environments import ports
from opsctl.environments.in_flight import Decision, InFlight, Move
from opsctl.errors import UsageError
from tests.unit.cli.test_start_up import run_in_fresh_interpreter

MOVE = Move("function", "greet", "7", "8")
DONE = Deployed("local", "deploy", "function", "all-at-once", "done", (MOVE,), (), 3.0)
DECISION = Decision("2026-11-22T02:00:05+00:00", "greet", "100 %", "return", "5 of 9 failed", {"new": {"errors": 5}})
RETURNED = Deployed(
    "local", "deploy", "function", "all-at-once", "returned", (MOVE,), (DECISION,), 3.0, "5 of 9 failed"
)
FEATURES = {
    "function": "opsctl.deploy.functions.deploy_functions", "service": "opsctl.deploy.service.deploy_service",
    "site": "opsctl.deploy.site.deploy_site", "resume": "opsctl.deploy.deploying.resume",
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the commands asked their feature for; `outcome` is what it gives, or raises."""
    found: dict[str, Any] = {"outcome": DONE}

    def feature(_: object, *names: object, **options: Any) -> Deployed:
        found.update(options, names=names)
        if isinstance(found["outcome"], Exception):
            raise found["outcome"]
        deployed: Deployed = found["outcome"]
        return deployed

    for place in FEATURES.values():
        monkeypatch.setattr(place, feature)
    monkeypatch.setattr(ports, "connect", lambda *_, on_event, start: SimpleNamespace(on_event=on_event))
    context.console.cache_clear()
    return found


def deployed(*words: str) -> Any:
    return CliRunner().invoke(deploy.app, words)


def test_a_function_s_options_reach_its_deploy(asked: dict[str, Any]) -> None:
    result = deployed(
        "function", "local", "greet", "part", "--strategy", "linear:20%:2m", "--bake", "3m", "--min-requests", "5",
        "--max-error-rate", "0.2", "--patience", "1h", "--alarm", "a", "--alarm", "b", "--check", "edge-health",
        "--why", "because", "--override", "clean_tree=a spike", "--lock-wait", "9",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert asked["names"] == (["greet", "part"],)
    assert (asked["strategy"], asked["bake_seconds"]) == ("linear:20%:2m", 180.0)
    limits = asked["limits"]
    assert (limits.minimum_requests, limits.max_error_rate, limits.patience_seconds) == (5, 0.2, 3600.0)
    assert limits.max_p99_ms is None
    assert (list(asked["alarms"]), list(asked["checks"]), list(asked["exercise"])) == (["a", "b"], ["edge-health"], [])
    assert asked["intent"].why == "because"
    assert asked["intent"].overrides == {"clean_tree": "a spike"}
    assert asked["intent"].lock_wait_seconds == 9


def test_a_service_s_preferences_are_safe_unless_something_else_is_said(asked: dict[str, Any]) -> None:
    from opsctl.deploy.refresh_preferences import RefreshPreferences

    assert deployed("service", "local").exit_code == 0
    assert asked["preferences"] == RefreshPreferences()
    result = deployed("service", "local", "--min-healthy", "90", "--checkpoint", "25", "--checkpoint", "100",
                      "--bake", "0", "--no-auto-rollback", "--artifact", "a.jar")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert asked["preferences"] == RefreshPreferences(
        min_healthy=90, checkpoints=(25, 100), bake_seconds=0, auto_rollback=False
    )
    assert asked["artifact"] == Path("a.jar")


def test_a_page_and_a_resumed_deploy_take_theirs(asked: dict[str, Any], tmp_path: Path) -> None:
    assert deployed("site", "local", "--folder", str(tmp_path)).exit_code == 0
    assert asked["folder"] == tmp_path
    assert deployed("resume", "local", "--back").exit_code == 0
    assert asked["back"] is True


@pytest.mark.parametrize("kind", FEATURES)
def test_a_returned_deploy_prints_its_document_and_is_an_error(asked: dict[str, Any], kind: str) -> None:
    asked["outcome"] = DeployReturned(RETURNED)
    result = deployed(kind, "local", *(["greet"] if kind == "function" else []), "--json")
    document = json.loads(result.stdout)
    assert document == RETURNED.to_json()
    assert document["decisions"][0]["evidence"] == {"new": {"errors": 5}}
    assert isinstance(result.exception, DeployReturned)
    assert result.exception.exit_code == 1


@pytest.mark.parametrize(("error", "status"), [(HalfDone, 1), (LeftInFlight, 130)])
def test_a_half_done_deploy_can_be_told_from_a_returned_one(
    asked: dict[str, Any], error: Callable[..., Any], status: int
) -> None:
    deploy_in_flight = InFlight("id", "local", "deploy", "function", "all-at-once", (MOVE,), "ada", "ada", "now")
    asked["outcome"] = error(deploy_in_flight, *(["Throttled."] if error is HalfDone else []))
    result = deployed("site", "local", "--json")
    assert json.loads(result.stdout)["outcome"] == "half-done"
    assert isinstance(result.exception, HalfDone | LeftInFlight)
    assert result.exception.exit_code == status
    assert "opsctl deploy resume local --back" in result.exception.next


def test_a_deploy_that_is_done_prints_one_document(asked: dict[str, Any]) -> None:
    assert json.loads(deployed("site", "local", "--json").stdout) == DONE.to_json()


def test_a_person_reads_what_runs_now(asked: dict[str, Any]) -> None:
    assert "greet is at 8, before at 7" in deployed("site", "local").stdout


def test_a_time_that_is_none_is_refused_before_anything_happens(asked: dict[str, Any]) -> None:
    result = deployed("function", "local", "greet", "--patience", "soon")
    assert isinstance(result.exception, UsageError)
    assert "names" not in asked


def test_a_recording_that_cannot_be_written_is_refused_before_anything_happens(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    result = deployed("site", "local", "--record", str(tmp_path / "none" / "run.jsonl"))
    assert isinstance(result.exception, UsageError)
    assert "names" not in asked


@pytest.mark.parametrize("words", [["deploy", kind, "--help"] for kind in FEATURES])
def test_the_help_of_each_imports_nothing_heavy(words: list[str]) -> None:
    out = run_in_fresh_interpreter(*words)
    assert out.endswith("HEAVY []\n")
    assert "ENV" in out
