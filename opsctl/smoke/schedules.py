"""What goes by the clock, as a smoke test sees it: a schedule that fires, and keys that rotate."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from opsctl.aws import NotFound
from opsctl.smoke.check import Trial, expect
from opsctl.smoke.streams import logged

SWEEP = "realtime.schedules.realtime-sweep"
IN_A_MOMENT = timedelta(seconds=2)
LATE = timedelta(days=1)
"""Secrets Manager rotates within a window, by default the whole day."""


def schedule_fires(trial: Trial) -> Mapping[str, Any]:
    """The sweep's schedule is on; one like it, due in a moment and once, reaches the function by the same role."""
    which = {"Name": trial.target.output(f"{SWEEP}.name"), "GroupName": trial.target.output(f"{SWEEP}.group")}
    found = trial.aws.call("scheduler", "get_schedule", **which)
    expect(found["State"] == "ENABLED", f"{which['Name']} is {found['State'].lower()}")
    mark = f"smoke-{trial.id}"
    once = {"Name": mark, "GroupName": which["GroupName"]}
    at = datetime.now(UTC) + IN_A_MOMENT
    trial.afterwards(f"schedule {mark}", partial(_forget, trial, once))
    trial.aws.call(
        "scheduler", "create_schedule", **once, ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"}, ActionAfterCompletion="DELETE",
        Target=found["Target"] | {"Input": json.dumps(json.loads(found["Target"]["Input"]) | {"execution_id": mark})},
    )  # fmt: skip
    begun, log = trial.seconds, trial.target.output("functions.realtime-sweep.log_group")
    trial.until(f"{mark} in the sweep's log", lambda: logged(trial, log, mark))
    return {"expression": found["ScheduleExpression"], "seconds_to_fire": round(trial.seconds - begun, 3)}


def key_rotation(trial: Trial) -> Mapping[str, Any]:
    """The keys that sign tokens are rotated, the last time not too long ago, and nothing is half rotated."""
    name = trial.target.output("auth.signing_keys_secret")
    secret = trial.aws.call("secretsmanager", "describe_secret", SecretId=name)
    expect(secret.get("RotationEnabled"), f"{name} is not rotated")
    days = (secret.get("RotationRules") or {}).get("AutomaticallyAfterDays")
    expect(days, f"{name} has no days after which it is rotated")
    # A secret's first keys are made when it is; until it was rotated once, it has no date of that.
    last = secret.get("LastRotatedDate") or secret["LastChangedDate"]
    expect(
        datetime.now(UTC) - last <= timedelta(days=int(days or 0)) + LATE, f"{name} was last rotated at {last:%Y-%m-%d}"
    )
    stages = [stage for version in secret["VersionIdsToStages"].values() for stage in version]
    expect("AWSCURRENT" in stages, f"{name} has no current version")
    return {"days": days, "last": last.astimezone(UTC).isoformat(timespec="seconds")}


def _forget(trial: Trial, which: Mapping[str, str]) -> None:
    with contextlib.suppress(NotFound):
        trial.aws.call("scheduler", "delete_schedule", **which)
