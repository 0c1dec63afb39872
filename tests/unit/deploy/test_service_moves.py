"""A deploy of the service: every way that it can go ends with one version that runs, and both places that name it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from opsctl.aws.errors import AccessDenied, Throttled
from opsctl.deploy import DeployReturned, HalfDone, resume
from opsctl.deploy.events import Watched
from opsctl.deploy.migrations import NotTheService
from opsctl.deploy.refresh_preferences import BadPreferences, RefreshPreferences
from opsctl.deploy.rolling_back import roll_back
from opsctl.deploy.service import (
    DeployRefused,
    OtherRefresh,
    SchemaConflict,
    ServiceMover,
    deploy_service,
    earlier_artifacts,
)
from opsctl.environments.guards.checking import OverrideRefused
from opsctl.environments.in_flight import InFlightStore
from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports
from opsctl.errors import OpsctlError, UsageError
from tests.unit.deploy.memory_fleet import ALARM, OUTPUTS, FleetAws, digest, failed, jar
from tests.unit.environments.dials import Killed

FIRST = jar()
SECOND = jar(V2__colour="ALTER TABLE orders ADD COLUMN colour VARCHAR(20)")
DROPS = jar(V2__drop="ALTER TABLE orders DROP COLUMN customer")
STATE = {
    "version": 4, "serial": 1, "lineage": "l", "terraform_version": "1.11.4",
    "outputs": {"service": {"value": OUTPUTS, "type": "object"}},
    "resources": [{"mode": "managed", "type": "aws_lb", "instances": [{"attributes": {"id": "x"}}]}],
}  # fmt: skip
QUICK = RefreshPreferences(checkpoint_seconds=2, bake_seconds=2, healthy_within_seconds=10)


@pytest.fixture
def aws() -> FleetAws:
    return FleetAws(FIRST)


@pytest.fixture(autouse=True)
def up(aws: FleetAws, ports: Ports) -> None:
    set_up(aws, ports)


def set_up(aws: FleetAws, ports: Ports) -> None:
    """An environment whose service runs FIRST on two instances."""
    clock = aws.clock
    aws.__init__(FIRST)  # type: ignore[misc]
    aws.clock = clock
    aws.buckets = {
        ports.bucket.name: {ports.environment.state_key: json.dumps(STATE).encode()},
        "artifacts": {f"service/{digest(FIRST)}.jar": FIRST},
    }


def deploy(ports: Ports, body: bytes = SECOND, preferences: RefreshPreferences = QUICK, **named: Any) -> Any:
    file = ports.environment.work / "next.jar"
    file.write_bytes(body)
    return deploy_service(ports, artifact=file, preferences=preferences, **named)


def runs(aws: FleetAws, body: bytes) -> bool:
    """Whether everything says that this artifact runs, and nothing else is left."""
    versions = {aws.group, aws.default, *(version for version, _ in aws.instances.values())}
    [number] = versions
    return f"'{digest(body)}'" in aws.templates[number] and aws.parameter == digest(body) and aws.active is None


def test_a_good_version_replaces_all_instances_and_both_places_name_it(aws: FleetAws, ports: Ports) -> None:
    seen: list[Any] = []
    ports.on_event = seen.append
    done = deploy(ports)
    assert done.strategy == "refresh:50%,100%:2s,bake:2s"
    assert RefreshPreferences().strategy == "refresh:50%,100%:5m,bake:5m"
    assert runs(aws, SECOND)
    assert [(one.step, one.verdict) for one in done.decisions] == [
        ("50 %", "advance"), ("100 %", "advance"), ("bake", "promote"),
    ]  # fmt: skip
    assert done.decisions[2].evidence["healthy"] == {digest(FIRST)[:12]: 0, digest(SECOND)[:12]: 2}
    assert done.decisions[2].evidence["alarms"] == {ALARM: "OK"}
    assert {digest(FIRST): 50.0, digest(SECOND): 50.0} in [one.weights for one in seen if isinstance(one, Watched)]
    assert aws.buckets["artifacts"][f"service/{digest(SECOND)}.jar"] == SECOND


def test_only_the_artifacts_line_of_the_launch_template_changes(aws: FleetAws, ports: Ports) -> None:
    deploy(ports)
    assert aws.templates[4] == aws.templates[3].replace(digest(FIRST), digest(SECOND))
    assert aws.descriptions[4] == aws.descriptions[3]


def test_aws_is_told_to_watch_and_to_roll_back_without_us_and_never_the_latest_version(
    aws: FleetAws, ports: Ports
) -> None:
    deploy(ports)
    told = aws.refreshes[0]
    assert told["DesiredConfiguration"]["LaunchTemplate"] == {"LaunchTemplateId": "lt-1", "Version": "4"}
    assert told["Preferences"] == {
        "MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "SkipMatching": True, "AutoRollback": True,
        "ScaleInProtectedInstances": "Refresh", "StandbyInstances": "Wait", "BakeTime": 2,
        "CheckpointPercentages": [50, 100], "CheckpointDelay": 2, "AlarmSpecification": {"Alarms": [ALARM]},
    }  # fmt: skip


def test_what_runs_already_is_not_deployed_again(aws: FleetAws, ports: Ports) -> None:
    done = deploy(ports, FIRST, approve=lambda _: pytest.fail("nobody needs to agree to nothing"))
    assert "runs" in done.why
    assert aws.refreshes == []


def test_a_version_that_never_becomes_healthy_is_returned_and_leaves_nothing(aws: FleetAws, ports: Ports) -> None:
    aws.sick.add(digest(SECOND))
    with pytest.raises(DeployReturned, match="0 of the 1 instances needed became healthy") as caught:
        deploy(ports)
    assert runs(aws, FIRST)
    assert sorted(aws.templates) == [3]
    assert caught.value.deployed.decisions[-1].verdict == "return"


def test_an_alarm_that_rings_at_the_bake_returns_it(aws: FleetAws, ports: Ports) -> None:
    aws.rings_at = 100
    with pytest.raises(DeployReturned, match=f"{ALARM} is in ALARM"):
        deploy(ports)
    assert runs(aws, FIRST)


def test_a_refresh_that_somebody_cancels_is_returned_by_one_of_our_own(aws: FleetAws, ports: Ports) -> None:
    def cancel(event: Any) -> None:
        if isinstance(event, Watched) and event.weights[digest(SECOND)] == 50 and aws.active:
            aws.cancel_instance_refresh("shop-service")

    ports.on_event = cancel  # type: ignore[assignment]
    with pytest.raises(DeployReturned, match="Cancelled"):
        deploy(ports)
    assert runs(aws, FIRST)
    back = aws.refreshes[0]["Preferences"]
    assert "AlarmSpecification" not in back
    assert "CheckpointPercentages" not in back


def test_what_aws_cant_roll_back_is_cancelled_and_refreshed_back(aws: FleetAws, ports: Ports) -> None:
    aws.sick.add(digest(SECOND))
    aws.faults["rollback_instance_refresh"] = [failed("IrreversibleInstanceRefresh")]
    with pytest.raises(DeployReturned):
        deploy(ports)
    assert runs(aws, FIRST)
    assert "cancel_instance_refresh" in aws.calls


@pytest.mark.parametrize(
    "operation",
    ["describe_instance_refreshes", "describe_target_health", "describe_auto_scaling_groups", "describe_alarms"],
)
def test_a_look_that_is_throttled_is_a_note_and_another_look(aws: FleetAws, ports: Ports, operation: str) -> None:
    notes: list[str] = []

    def throttle(event: Any) -> None:
        if isinstance(event, Watched):
            notes.append(event.note)
            if len(notes) < 3:
                aws.faults[operation] = [Throttled("AWS limits the rate of calls: Rate exceeded")]

    ports.on_event = throttle  # type: ignore[assignment]
    assert deploy(ports).outcome == "done"
    assert runs(aws, SECOND)
    assert any("Rate exceeded" in note for note in notes)


def test_what_cant_be_seen_for_long_is_not_taken_for_health(aws: FleetAws, ports: Ports) -> None:
    def blind(event: Any) -> None:
        if isinstance(event, Watched) and not event.note:
            aws.faults.setdefault("describe_target_health", [failed("InternalError")] * 25)

    ports.on_event = blind  # type: ignore[assignment]
    with pytest.raises(DeployReturned, match="nothing could be seen of the refresh for"):
        deploy(
            ports,
            preferences=RefreshPreferences(
                healthy_within_seconds=10, checkpoint_seconds=20, bake_seconds=2, warmup_seconds=0
            ),
        )
    assert runs(aws, FIRST)


def test_an_answer_that_was_lost_does_not_start_it_twice(aws: FleetAws, ports: Ports) -> None:
    aws.after_start = [failed("ConnectionClosedError")]
    assert deploy(ports).outcome == "done"
    assert len(aws.refreshes) == 1


def test_a_denied_look_ends_it_since_another_would_be_denied_too(aws: FleetAws, ports: Ports) -> None:
    def deny(event: Any) -> None:
        if isinstance(event, Watched) and not event.note:
            aws.faults["describe_target_health"] = [AccessDenied("AWS denies elasticloadbalancing:Describe.")]

    ports.on_event = deny  # type: ignore[assignment]
    with pytest.raises((DeployReturned, HalfDone)):
        deploy(ports)


UNSAFE = [
    (RefreshPreferences(watch_alarms=False), "alarms"),
    (RefreshPreferences(auto_rollback=False), "auto-rollback"),
    (RefreshPreferences(bake_seconds=0), "bake"),
]


@pytest.mark.parametrize(("preferences", "guard"), UNSAFE)
def test_an_unsafe_default_of_aws_is_refused_until_somebody_says_why(
    aws: FleetAws, ports: Ports, preferences: RefreshPreferences, guard: str
) -> None:
    with pytest.raises(DeployRefused) as caught:
        deploy(ports, preferences=preferences)
    assert [name for name, _, _ in caught.value.objections] == [guard]
    assert f"--override {guard}=" in caught.value.next
    assert (aws.refreshes, sorted(aws.templates)) == ([], [3])
    assert deploy(ports, preferences=preferences, intent=Intent(overrides={guard: "a drill"})).outcome == "done"
    [record] = list(ports.journal.newest())
    assert record.entry.details["overrides"] == {guard: "a drill"}  # type: ignore[union-attr]


def test_an_override_that_nothing_asked_for_is_refused(ports: Ports) -> None:
    with pytest.raises(OverrideRefused, match="--override bake is not needed"):
        deploy(ports, intent=Intent(overrides={"bake": "out of habit"}))


def test_an_environment_without_an_alarm_on_its_service_is_refused(aws: FleetAws, ports: Ports) -> None:
    aws.alarms = {}
    with pytest.raises(DeployRefused) as caught:
        deploy(ports)
    assert "No alarm watches the service" in caught.value.where


def test_an_alarm_that_rings_already_is_named_before_anything_begins(aws: FleetAws, ports: Ports) -> None:
    aws.alarms = {ALARM: "ALARM"}
    with pytest.raises(DeployRefused) as caught:
        deploy(ports)
    assert f"{ALARM} is in ALARM already" in caught.value.where


def test_an_image_that_is_looked_up_at_each_launch_is_refused_since_aws_rolls_nothing_back_then(
    aws: FleetAws, ports: Ports
) -> None:
    aws.image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023"
    with pytest.raises(DeployRefused) as caught:
        deploy(ports)
    assert [name for name, _, _ in caught.value.objections] == ["auto-rollback"]


def test_more_alarms_than_aws_watches_are_not_cut_off_in_silence(aws: FleetAws, ports: Ports) -> None:
    aws.alarms = {f"service-{number}": "OK" for number in range(11)}
    with pytest.raises(BadPreferences, match="11 alarms"):
        deploy(ports)
    some = RefreshPreferences(alarms=("service-1", "service-2"), checkpoint_seconds=2, bake_seconds=2)
    assert deploy(ports, preferences=some).outcome == "done"
    assert aws.refreshes[0]["Preferences"]["AlarmSpecification"] == {"Alarms": ["service-1", "service-2"]}


def test_a_named_alarm_that_does_not_exist_is_a_mistake(ports: Ports) -> None:
    with pytest.raises(UsageError, match="There is no alarm nonsense"):
        deploy(ports, preferences=RefreshPreferences(alarms=("nonsense",)))


def test_a_migration_that_the_running_version_could_not_live_with_is_refused(aws: FleetAws, ports: Ports) -> None:
    with pytest.raises(DeployRefused) as caught:
        deploy(ports, DROPS)
    assert "V2__drop.sql: the older version may need the column" in caught.value.where
    assert aws.refreshes == []
    assert f"service/{digest(DROPS)}.jar" not in aws.buckets["artifacts"]
    assert deploy(ports, DROPS, intent=Intent(overrides={"migrations": "nobody reads it"})).outcome == "done"


def test_a_migration_that_was_changed_can_be_overridden_by_nobody(aws: FleetAws, ports: Ports) -> None:
    changed = jar(V1__orders="CREATE TABLE orders (id INT)")
    with pytest.raises(SchemaConflict) as caught:
        deploy(ports, changed, intent=Intent(overrides={}))
    assert "V1__orders.sql has been applied and was changed" in caught.value.where
    assert aws.refreshes == []


def test_somebody_elses_refresh_is_left_alone(aws: FleetAws, ports: Ports) -> None:
    aws.templates[3] = aws.templates[3]
    template = {"LaunchTemplate": {"Version": "3"}}
    aws.refreshes = [{"InstanceRefreshId": "r-0", "Status": "Pending", "DesiredConfiguration": template}]
    with pytest.raises(OtherRefresh):
        deploy(ports)
    assert aws.refreshes[0]["Status"] == "Pending"


def test_what_is_no_jar_is_said_before_anything_is_changed(aws: FleetAws, ports: Ports) -> None:
    with pytest.raises(NotTheService):
        deploy(ports, b"not a jar")
    with pytest.raises(UsageError, match="no such artifact"):
        deploy_service(ports, artifact=Path("/nowhere/x.jar"))
    assert aws.refreshes == []


def test_an_earlier_artifact_runs_again_without_a_build(aws: FleetAws, ports: Ports) -> None:
    deploy(ports)
    assert {artifact.sha256 for artifact in earlier_artifacts(ports)} == {digest(FIRST), digest(SECOND)}
    (ports.environment.work / "next.jar").unlink()
    aws.alarms[ALARM] = "ALARM"  # what rings may be why we go back
    done = roll_back(ports, ("service",))
    assert (done.command, done.outcome) == ("rollback", "done")
    assert runs(aws, FIRST)


def test_a_digest_that_is_not_in_the_bucket_is_a_mistake_that_names_those_that_are(ports: Ports) -> None:
    from opsctl.deploy.deploying import outputs_of

    with pytest.raises(UsageError) as caught:
        ServiceMover().require_version(ports, outputs_of(ports), "service", "f" * 64, Intent())
    assert digest(FIRST) in caught.value.next


def test_the_way_back_over_a_dropped_column_is_refused_until_somebody_says_why(aws: FleetAws, ports: Ports) -> None:
    from opsctl.deploy.deploying import outputs_of

    deploy(ports, DROPS, intent=Intent(overrides={"migrations": "nobody reads it"}))
    with pytest.raises(DeployRefused):
        ServiceMover().require_version(ports, outputs_of(ports), "service", digest(FIRST), Intent())
    allowed = Intent(overrides={"migrations": "better than nothing"})
    ServiceMover().require_version(ports, outputs_of(ports), "service", digest(FIRST), allowed)


WRITES = 24
"""More than a deploy makes: it is killed at each."""


@pytest.mark.parametrize("is_sick", [False, True])
@pytest.mark.parametrize("back", [False, True])
def test_a_deploy_killed_at_any_write_is_finished_or_returned_and_never_left_between(
    aws: FleetAws, ports: Ports, is_sick: bool, back: bool
) -> None:
    deploy(ports)
    assert aws.effects < WRITES
    for left in range(WRITES):
        set_up(aws, ports)
        aws.sick = {digest(SECOND)} if is_sick else set()
        for budget, what in ((left, lambda: deploy(ports)), (left % 7, lambda: resume(ports, back=back))):
            aws.left = budget
            with contextlib.suppress(Killed, OpsctlError):
                what()
        aws.left = None
        while InFlightStore(ports.bucket, "local").read() is not None:
            with contextlib.suppress(DeployReturned):
                resume(ports, back=back)
        is_new = runs(aws, SECOND)
        assert is_new or runs(aws, FIRST)
        assert not (is_new and is_sick)
        assert sorted(aws.templates) == ([3, 4] if is_new else [3])
        assert sum(one["DesiredConfiguration"]["LaunchTemplate"]["Version"] == "4" for one in aws.refreshes) <= 1


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (RefreshPreferences(min_healthy=101), "minimum"),
        (RefreshPreferences(min_healthy=20, max_healthy=150), "at most 100 more"),
        (RefreshPreferences(max_healthy=90), "maximum"),
        (RefreshPreferences(checkpoints=(50,)), "end at 100"),
        (RefreshPreferences(checkpoints=(50, 20, 100)), "go up"),
        (RefreshPreferences(bake_seconds=200_000), "bake time"),
        (RefreshPreferences(alarms=tuple("abcdefghijk")), "11 alarms"),
        (RefreshPreferences(standby="Ignore"), "standby"),
        (RefreshPreferences(scale_in_protected="Ignore"), "protected"),
    ],
)
def test_preferences_that_aws_would_refuse_or_that_leave_two_versions_are_named(
    given: RefreshPreferences, wrong: str
) -> None:
    with pytest.raises(BadPreferences, match=wrong):
        given.check()
