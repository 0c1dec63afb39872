"""The real stack on the local cloud, as a user meets it. One `up` serves this file; the last test takes it down."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import zipfile
from typing import Any

from PIL import Image

from opsctl.aws.clients import Aws
from opsctl.environments.settling import target_states
from opsctl.smoke import photos
from opsctl.smoke.check import Trial
from opsctl.smoke.checks import CHECKS
from tests.e2e.project import Project, wait_for


def test_a_second_up_says_that_nothing_changes(stack: Project) -> None:
    again = stack.opsctl("up", "local", "--yes")
    assert "no changes" in again.stdout


def test_a_plan_has_no_changes_and_exits_0(stack: Project) -> None:
    plan = stack.json("plan", "local")
    assert plan["changes"] == []
    assert plan["drift"] == []
    assert plan["has_changes"] is False
    stack.opsctl("plan", "local", "--detailed-exitcode", status=0)


def test_smoke_proves_every_path_and_every_guard(stack: Project) -> None:
    """After all that was done to it: alarms may ring by now, since other tests broke things on purpose."""
    report = json.loads(stack.opsctl("smoke", "local", "--json", status=None).stdout)
    failed = [result for result in report["results"] if result["status"] != "passed"]
    assert [result for result in failed if result["name"] != "alarms-quiet"] == []
    assert {result["name"] for result in report["results"]} == {check.name for check in CHECKS}
    newest, *_ = stack.json("history", "local", "--command", "smoke")["records"]
    assert newest["details"]["failed"] == [result["name"] for result in failed]


def test_nothing_of_a_stack_in_use_passes_for_drift_but_what_somebody_changed(
    stack: Project, aws: Aws, outputs: dict[str, Any]
) -> None:
    before = stack.json("drift", "local")
    assert before["drift"] == []
    assert before["resources"] > 600
    queue = outputs["photos"]["queue_url"]
    asked = aws.call("sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["VisibilityTimeout"])
    aws.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"VisibilityTimeout": "77"})
    try:
        [found] = stack.json("drift", "local", status=3)["drift"]
        assert found["type"] == "aws_sqs_queue"
        assert [one["path"] for one in found["attributes"]] == ["visibility_timeout_seconds"]
        assert found["by"]["event"] == "SetQueueAttributes"
    finally:
        aws.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes=asked["Attributes"])


def test_a_break_is_caught_by_smoke_and_exits_4(stack: Project, aws: Aws, outputs: dict[str, Any]) -> None:
    [mapping] = aws.call("lambda", "list_event_source_mappings", EventSourceArn=outputs["photos"]["queue_arn"])[
        "EventSourceMappings"
    ]
    aws.call("lambda", "update_event_source_mapping", UUID=mapping["UUID"], Enabled=False)
    try:
        report = json.loads(stack.opsctl("smoke", "local", "--only", "photo-path", "--json", status=4).stdout)
        assert report["results"][0]["status"] == "failed"
    finally:
        aws.call("lambda", "update_event_source_mapping", UUID=mapping["UUID"], Enabled=True)


def test_the_demo_shows_thumbnail_record_and_announcement(stack: Project) -> None:
    shown = stack.json("demo", "local")
    with Image.open(shown["thumbnail"]["file"]) as thumbnail:
        assert thumbnail.size == (256, 170)
        assert thumbnail.format == "JPEG"
    assert shown["record"]["status"] == "ready"
    assert shown["announcement"]["photo_id"] == shown["photo_id"]


def test_a_photo_of_ten_megabytes_passes_and_the_waf_body_rules_leave_it_alone(
    trial: Trial, aws: Aws, outputs: dict[str, Any]
) -> None:
    noise = Image.frombytes("RGB", (3000, 2400), os.urandom(3000 * 2400 * 3))
    body = io.BytesIO()
    noise.save(body, "JPEG", quality=93)
    assert 5_000_000 < len(body.getvalue()) < 10_000_000
    photo_id = photos.send(trial, body.getvalue())
    stored = aws.call("s3", "get_object", Bucket=outputs["photos"]["bucket"], Key=f"uploads/{photo_id}")
    assert stored["Body"].read() == body.getvalue()


def test_without_the_api_key_nothing_is_uploaded(trial: Trial) -> None:
    answer = trial.request("POST", "/v1/photos", body=photos.photo(), content_type="image/jpeg", api_key="")
    assert answer.status == 403


def test_orders_answer_as_aws_does_without_instances_and_again_with_them(
    trial: Trial, aws: Aws, outputs: dict[str, Any]
) -> None:
    group = outputs["service"]["autoscaling_group"]

    def resize(least: int, wanted: int) -> None:
        aws.call(
            "autoscaling", "update_auto_scaling_group", AutoScalingGroupName=group, MinSize=least,
            DesiredCapacity=wanted,
        )  # fmt: skip

    resize(0, 0)
    wait_for(lambda: not target_states(aws, outputs["service"]["target_group_arn"]), what="instances that are gone")
    answer = trial.get("/v1/orders")
    assert answer.status == 504
    assert "Traceback" not in answer.body.decode()
    resize(2, 2)
    wait_for(lambda: trial.get("/v1/orders").status == 200, what="orders that are served again")


def test_every_function_runs_as_a_role_of_its_own(outputs: dict[str, Any]) -> None:
    roles = [function["role_arn"] for function in outputs["functions"].values()]
    assert len(set(roles)) == len(roles) > 1


def test_the_database_is_private_encrypted_and_its_secret_can_be_read(aws: Aws, outputs: dict[str, Any]) -> None:
    [database] = aws.call("rds", "describe_db_instances", DBInstanceIdentifier=outputs["database"]["identifier"])[
        "DBInstances"
    ]
    assert database["StorageEncrypted"]
    assert not database["PubliclyAccessible"]
    assert database["EngineVersion"].startswith("8.4")
    secret = aws.call("secretsmanager", "get_secret_value", SecretId=outputs["database"]["secret_arn"])["SecretString"]
    assert {"username", "password"} <= set(json.loads(secret))


def test_one_account_id_is_seen_everywhere(stack: Project) -> None:
    text = stack.opsctl("outputs", "local", "--json").stdout
    assert set(re.findall(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d+):", text)) == {"111122223333"}


def test_every_alarm_names_its_runbook(aws: Aws) -> None:
    alarms = list(aws.pages("cloudwatch", "describe_alarms", "MetricAlarms"))
    assert len(alarms) >= 10
    for alarm in alarms:
        assert "unbook" in alarm.get("AlarmDescription", ""), alarm["AlarmName"]


def deploy_service_by_hand(aws: Aws, service: dict[str, Any], digest: str) -> None:
    """The steps of terraform/modules/service/README.md, without the refresh: nothing is to run."""
    template = service["launch_template_id"]
    [current] = aws.call("ec2", "describe_launch_template_versions", LaunchTemplateId=template, Versions=["$Default"])[
        "LaunchTemplateVersions"
    ]
    data = current["LaunchTemplateData"]
    script = base64.b64decode(data["UserData"]).decode()
    changed, count = re.subn("ARTIFACT_SHA256='[0-9a-f]{64}'", f"ARTIFACT_SHA256='{digest}'", script)
    assert count == 1
    data["UserData"] = base64.b64encode(changed.encode()).decode()
    version = str(
        aws.call(
            "ec2",
            "create_launch_template_version",
            LaunchTemplateId=template,
            LaunchTemplateData=data,
            VersionDescription=current["VersionDescription"],
        )["LaunchTemplateVersion"]["VersionNumber"]
    )
    aws.call(
        "autoscaling", "update_auto_scaling_group", AutoScalingGroupName=service["autoscaling_group"],
        LaunchTemplate={"LaunchTemplateId": template, "Version": version},
    )  # fmt: skip
    aws.call("ssm", "put_parameter", Name=service["artifact_parameter"], Value=digest, Overwrite=True)
    aws.call("ec2", "modify_launch_template", LaunchTemplateId=template, DefaultVersion=version)


def test_what_a_deploy_moved_is_neither_put_back_nor_drift(stack: Project, aws: Aws, outputs: dict[str, Any]) -> None:
    """Terraform owns shape, deploy owns versions: function code and alias, the service's artifact, site objects."""
    function = outputs["functions"]["photos-api"]["function_name"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context):\n    return {}\n")
    aws.call("lambda", "update_function_code", FunctionName=function, ZipFile=code.getvalue())
    version = aws.call("lambda", "publish_version", FunctionName=function)["Version"]
    assert version != "1"
    weights = {"AdditionalVersionWeights": {version: 0.1}}
    aws.call("lambda", "update_alias", FunctionName=function, Name="live", RoutingConfig=weights)
    deploy_service_by_hand(aws, outputs["service"], "a" * 64)
    aws.call("s3", "put_object", Bucket=outputs["site"]["bucket"], Key="index.html", Body=b"<p>deployed</p>")

    assert stack.json("plan", "local")["changes"] == []
    assert not stack.json("up", "local", "--yes")["changed"]
    alias = aws.call("lambda", "get_alias", FunctionName=function, Name="live")
    assert alias["RoutingConfig"] == weights


def test_the_history_of_up_is_recorded_with_its_plan_and_versions(stack: Project, aws: Aws) -> None:
    body = aws.call(
        "s3", "get_object", Bucket="opsctl-state-111122223333-eu-central-1", Key="local/journal/00000001.json"
    )["Body"].read()
    entry = json.loads(body)["entry"]
    assert (entry["command"], entry["result"]) == ("up", "done")
    assert entry["details"]["counts"]["created"] > 150
    assert re.fullmatch(r"[0-9a-f]{64}", entry["details"]["plan_sha256"])


def test_zz_down_leaves_no_resource_no_process_and_no_lock(stack: Project) -> None:
    """Last by its name: it takes the suite's environment down."""
    photo = stack.json("demo", "local")
    assert photo["photo_id"]
    gone = stack.json("down", "local", "--yes")
    assert gone["deleted"] > 150
    assert gone["emptied"] > 0
    assert all("pending deletion" in remainder["why"] for remainder in gone["remainders"]), gone["remainders"]
    assert stack.processes() == {}
    assert stack.opsctl("status", "local", status=1).stderr.count("opsctl up local") == 1
    stack.opsctl("local", "start")
    status = stack.json("status", "local")
    assert (status["phase"], status["lock"], status["last"]["command"]) == ("absent", None, "down")
