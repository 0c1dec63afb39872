"""What holds right after an `up`, before the other tests fill the environment and break things in it."""

from opsctl.smoke import SmokeTarget
from tests.e2e.project import Project, wait_for


def test_the_emulators_stay_below_500_mb(stack: Project) -> None:
    assert stack.json("local", "status")["daemon_mb"] < 500


def test_no_alarm_rings_in_an_environment_that_is_well(target: SmokeTarget) -> None:
    """Missing data are breaching for some: these may ring until their first datapoint."""

    def ringing() -> list[str]:
        alarms = [
            alarm
            for region in (None, "us-east-1")
            for alarm in target.aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", region=region)
        ]
        assert len(alarms) >= 100
        return [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]

    wait_for(lambda: not ringing(), seconds=150, what="alarms that are OK")
