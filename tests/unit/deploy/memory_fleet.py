"""A service in memory: its bucket, launch template, group and instance refreshes, over the calls that a deploy makes.

Half a second on the test's clock is one tick: an instance is replaced, unless a checkpoint holds. What is written is
counted, so that a test can kill the client at each.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import Any

from opsctl.aws.errors import AwsError, NotFound
from tests.unit.environments.dials import DyingAws

TABLE = "CREATE TABLE orders (order_id CHAR(36) NOT NULL PRIMARY KEY, customer VARCHAR(200) NOT NULL)"
USER_DATA = "#!/bin/bash\n# a comment\nARTIFACT_SHA256='{}'\naws s3 cp $ARTIFACT_SHA256.jar .\n"
OUTPUTS = {
    "autoscaling_group": "shop-service", "target_group_arn": "arn:tg", "target_group_arn_suffix": "targetgroup/shop/1",
    "launch_template_id": "lt-1", "artifact_bucket": "artifacts", "artifact_parameter": "/shop/service/artifact",
}  # fmt: skip
ALARM = "service-unhealthy-targets"
WRITES = ("create_", "modify_", "delete_", "start_", "rollback_", "cancel_", "put_")


def jar(**migrations: str) -> bytes:
    """`V1__orders=…` is db/migration/V1__orders.sql."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in {"V1__orders": TABLE, **migrations}.items():
            archive.writestr(zipfile.ZipInfo(f"db/migration/{name}.sql"), text)
    return body.getvalue()


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def failed(code: str) -> AwsError:
    error = AwsError(f"AWS said {code}")
    error.code = code
    return error


class FleetAws(DyingAws):
    """Attributes:
    templates: version → its user data; `default` is one of them, and gone numbers are never used again.
    group: version that the group launches; instances: id → (version, state of its target).
    sick: artifacts whose instances never become healthy.
    alarms: name → state; `rings_at` is the percentage at which the first begins to ring.
    faults: operation → errors that its next calls end in.
    """

    def __init__(self, first: bytes) -> None:
        super().__init__()
        self.default, self.group, self.last = 3, 3, 3
        self.templates = {3: USER_DATA.format(digest(first))}
        self.descriptions = {3: "Instances of the service"}
        self.parameter = digest(first)
        self.instances: dict[str, tuple[int, str]] = {"i-1": (3, "healthy"), "i-2": (3, "healthy")}
        self.refreshes: list[dict[str, Any]] = []
        self.sick: set[str] = set()
        self.alarms = {ALARM: "OK"}
        self.rings_at = 101
        self.faults: dict[str, list[AwsError]] = {}
        self.image = "ami-1"
        self.made, self.ticked = 0, -1.0
        self.since: dict[int, float] = {}
        self.after_start: list[AwsError] = []

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> Any:
        # The lock and the journal have their own tests of a killed client.
        if operation.startswith(WRITES) and (
            service != "s3" or parameters["Key"].startswith(("local/deploy", "service/"))
        ):
            self.count()
        if self.faults.get(operation):
            raise self.faults[operation].pop(0)
        self.calls.append(operation)
        return getattr(self, operation)(**parameters)

    def pages(self, service: str, operation: str, key: str, *, region: str | None = None, **parameters: Any) -> Any:
        if self.faults.get(operation):
            raise self.faults[operation].pop(0)
        return super().pages(service, operation, key, **parameters)

    # --- S3

    def head_object(self, Bucket: str, Key: str, ChecksumMode: str) -> Any:  # noqa: N803
        if Key not in self.buckets[Bucket]:
            raise NotFound(Key)
        return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(self.buckets[Bucket][Key]).digest()).decode()}

    def put_object(self, Bucket: str, Key: str, Body: bytes, **rest: Any) -> Any:  # noqa: N803
        if said := rest.pop("ChecksumSHA256", ""):
            assert base64.b64decode(said) == hashlib.sha256(Body).digest()
            rest.pop("ContentType")
        return super().put_object(Bucket, Key, Body, **rest)

    def list_objects_v2(self, Bucket: str, Prefix: str) -> Any:  # noqa: N803
        bucket = self.buckets[Bucket]
        return iter(
            [
                {"Key": key, "Size": len(bucket[key]), "LastModified": self.clock.now()}
                for key in bucket
                if Prefix in key
            ]
        )

    # --- The launch template and the parameter

    def describe_launch_template_versions(self, LaunchTemplateId: str, Versions: Any = ()) -> Any:  # noqa: N803
        wanted = [self.default if one == "$Default" else int(one) for one in Versions] or sorted(self.templates)[::-1]
        if missing := [one for one in wanted if one not in self.templates]:
            raise NotFound(str(missing))
        return [
            {
                "LaunchTemplateId": LaunchTemplateId, "VersionNumber": one,
                "VersionDescription": self.descriptions[one],
                "LaunchTemplateData": {
                    "ImageId": self.image, "UserData": base64.b64encode(self.templates[one].encode()),
                },
            }
            for one in wanted
        ]  # fmt: skip

    def create_launch_template_version(self, SourceVersion: str, LaunchTemplateData: Any, **rest: Any) -> Any:  # noqa: N803
        assert set(LaunchTemplateData) == {"UserData"}
        self.last += 1
        self.templates[self.last] = base64.b64decode(LaunchTemplateData["UserData"]).decode()
        self.descriptions[self.last] = rest["VersionDescription"]
        return {"LaunchTemplateVersion": {"VersionNumber": self.last}}

    def modify_launch_template(self, LaunchTemplateId: str, DefaultVersion: str) -> None:  # noqa: N803
        self.default = int(DefaultVersion)

    def delete_launch_template_versions(self, LaunchTemplateId: str, Versions: list[str]) -> Any:  # noqa: N803
        [number] = map(int, Versions)
        assert number not in {self.default, self.group, *(version for version, _ in self.instances.values())}
        del self.templates[number]
        return {"UnsuccessfullyDeletedLaunchTemplateVersions": []}

    def put_parameter(self, Name: str, Value: str, Type: str, Overwrite: bool) -> None:  # noqa: N803
        self.parameter = Value

    # --- The group

    def describe_auto_scaling_groups(self, AutoScalingGroupNames: list[str]) -> Any:  # noqa: N803
        return {
            "AutoScalingGroups": [
                {
                    "DesiredCapacity": 2, "LaunchTemplate": {"Version": str(self.group)}, "DefaultInstanceWarmup": 180,
                    "Instances": [
                        {"InstanceId": name, "LaunchTemplate": {"Version": str(version)}, "LifecycleState": "InService"}
                        for name, (version, _) in self.instances.items()
                    ],
                }
            ]
        }  # fmt: skip

    def describe_target_health(self, TargetGroupArn: str) -> Any:  # noqa: N803
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": name}, "TargetHealth": {"State": state}}
                for name, (_, state) in self.instances.items()
            ]
        }

    def describe_alarms(self, AlarmNames: Any = (), AlarmTypes: Any = ()) -> Any:  # noqa: N803
        if AlarmTypes:
            return []
        suffix = [{"Name": "TargetGroup", "Value": OUTPUTS["target_group_arn_suffix"]}]
        scaling = [{"Name": "AutoScalingGroupName", "Value": "shop-service"}]
        known = [
            *({"AlarmName": name, "StateValue": state, "Dimensions": suffix} for name, state in self.alarms.items()),
            {"AlarmName": "TargetTracking-cpu-low", "StateValue": "ALARM", "Dimensions": scaling},
            {"AlarmName": "somebody-elses", "StateValue": "ALARM", "Dimensions": []},
        ]
        return [one for one in known if not AlarmNames or one["AlarmName"] in AlarmNames]

    def start_instance_refresh(self, DesiredConfiguration: Any, Preferences: Any, **rest: Any) -> Any:  # noqa: N803
        if self.active:
            raise failed("InstanceRefreshInProgress")
        self.made += 1
        refresh = {
            "InstanceRefreshId": f"r-{self.made}", "Status": "InProgress", "PercentageComplete": 0,
            "DesiredConfiguration": DesiredConfiguration, "Preferences": Preferences,
        }  # fmt: skip
        self.refreshes.insert(0, refresh)
        self.since = {}
        if self.after_start:
            raise self.after_start.pop()
        return refresh

    @property
    def active(self) -> dict[str, Any] | None:
        return next(
            (one for one in self.refreshes if one["Status"] in ("InProgress", "Baking", "RollbackInProgress")), None
        )

    def describe_instance_refreshes(self, AutoScalingGroupName: str, MaxRecords: int) -> Any:  # noqa: N803
        now = self.clock.monotonic()
        if (refresh := self.active) is not None and now >= self.ticked + 0.5:
            self.ticked = now
            self._tick(refresh, now)
        return {"InstanceRefreshes": [dict(one) for one in self.refreshes]}

    def rollback_instance_refresh(self, AutoScalingGroupName: str) -> None:  # noqa: N803
        self._require_active()["Status"] = "RollbackInProgress"

    def cancel_instance_refresh(self, AutoScalingGroupName: str) -> None:  # noqa: N803
        self._require_active()["Status"] = "Cancelled"

    def _require_active(self) -> dict[str, Any]:
        if self.active is None:
            raise failed("ActiveInstanceRefreshNotFound")
        return self.active

    def _tick(self, refresh: dict[str, Any], now: float) -> None:
        forward, preferences = refresh["Status"] != "RollbackInProgress", refresh["Preferences"]
        wanted = int(refresh["DesiredConfiguration"]["LaunchTemplate"]["Version"]) if forward else self.group
        done = self._done(wanted)
        held = now - self.since.setdefault(done, now)
        other = next((name for name, (version, _) in self.instances.items() if version != wanted), None)
        waits = any(version == wanted and state != "healthy" for version, state in self.instances.values())
        if other and not (forward and (waits or (done and held < preferences.get("CheckpointDelay", 0)))):
            self.made += 1
            del self.instances[other]
            is_sick = self.templates[wanted].split("'")[1] in self.sick
            self.instances[f"i-new-{self.made}"] = (wanted, "unhealthy" if is_sick else "healthy")
        done = self._done(wanted)
        since = self.since.setdefault(done, now)
        if not forward:
            refresh["Status"] = "RollbackSuccessful" if done == 2 else "RollbackInProgress"
            return
        refresh["PercentageComplete"] = 50 * done
        if self.rings_at <= 50 * done and ALARM in preferences.get("AlarmSpecification", {}).get("Alarms", ()):
            self.alarms[ALARM] = "ALARM"
            refresh |= {"Status": "RollbackInProgress", "StatusReason": f"{ALARM} went into ALARM"}
        elif done == 2:
            over = now - since >= preferences["BakeTime"]
            refresh["Status"] = "Successful" if over else "Baking"
            self.group = wanted if over else self.group

    def _done(self, wanted: int) -> int:
        return sum(version == wanted and state == "healthy" for version, state in self.instances.values())
