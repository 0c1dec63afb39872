"""Parts of the inside that can be read and written as a whole, through the AWS API."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from opsctl.smoke import SmokeTarget
from tests.e2e.mutations.mutation import Part

LONGEST_WAIT_SECONDS = 40


class Package(bytes):
    """A function's zip, which no message shall show."""

    def __repr__(self) -> str:
        return f"<a zip of {len(self)} bytes>"


def wait_until(look: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not look():
        assert time.monotonic() < deadline, f"{what} was waited for in vain"
        time.sleep(0.1)


# --- Functions


def environment_of(name: str, queue: str = "") -> Part:
    """Environment variables of what a function's alias is on; changed ones are published as a version of their own.

    Args:
        queue: what it works off; it is emptied, because what waited meanwhile is about things that were taken back.
    """

    def read(target: SmokeTarget) -> Any:
        function = target.output(f"functions.{name}.function_name")
        settings = target.aws.call("lambda", "get_function_configuration", FunctionName=function)
        return {"version": _live(target, name), "variables": settings["Environment"]["Variables"]}

    def write(target: SmokeTarget, value: Any) -> None:
        function, before = target.output(f"functions.{name}.function_name"), read(target)
        target.aws.call(
            "lambda", "update_function_configuration",
            FunctionName=function, Environment={"Variables": value["variables"]},
        )  # fmt: skip
        _point(target, name, value["version"], changed=value["variables"] != before["variables"])
        _empty(target, queue)

    return Part(f"variables of {name}", read, write)


def code_of(name: str) -> Part:
    """The package of what runs as a function's alias; a changed one is published as a version of its own."""

    def read(target: SmokeTarget) -> Any:
        found = target.aws.call("lambda", "get_function", FunctionName=target.output(f"functions.{name}.function_name"))
        with urllib.request.urlopen(found["Code"]["Location"]) as answer:
            return {"version": _live(target, name), "package": Package(answer.read())}

    def write(target: SmokeTarget, value: Any) -> None:
        function, before = target.output(f"functions.{name}.function_name"), read(target)
        target.aws.call("lambda", "update_function_code", FunctionName=function, ZipFile=bytes(value["package"]))
        _point(target, name, value["version"], changed=value["package"] != before["package"])

    return Part(f"code of {name}", read, write)


def with_file(package: Package, path: str, change: Callable[[str], str]) -> Package:
    """The package with one of its files changed, which must change."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as before, zipfile.ZipFile(made, "w") as after:
        for entry in before.infolist():
            content = before.read(entry)
            if entry.filename == path:
                changed = change(content.decode())
                assert changed != content.decode(), f"nothing of {path} was changed"
                content = changed.encode()
            after.writestr(entry, content)
    return Package(made.getvalue())


def _live(target: SmokeTarget, name: str) -> str:
    function = target.output(f"functions.{name}.function_name")
    alias = target.output(f"functions.{name}.alias")
    return str(target.aws.call("lambda", "get_alias", FunctionName=function, Name=alias)["FunctionVersion"])


def _point(target: SmokeTarget, name: str, version: str, *, changed: bool) -> None:
    """The alias at `version`; or, while that is what runs and something was changed, at a version of the change."""
    function = target.output(f"functions.{name}.function_name")
    alias, live = target.output(f"functions.{name}.alias"), _live(target, name)
    if changed and version == live:
        version = target.aws.call("lambda", "publish_version", FunctionName=function)["Version"]
    target.aws.call("lambda", "update_alias", FunctionName=function, Name=alias, FunctionVersion=version)
    if int(live) > int(version):
        target.aws.call("lambda", "delete_function", FunctionName=function, Qualifier=live)


def _empty(target: SmokeTarget, queue: str) -> None:
    if queue:
        target.aws.call("sqs", "purge_queue", QueueUrl=target.output(f"queues.{queue}.url"))


def alias_of(name: str) -> Part:
    """The version that a function's alias is on."""

    def write(target: SmokeTarget, version: Any) -> None:
        function = target.output(f"functions.{name}.function_name")
        alias = target.output(f"functions.{name}.alias")
        target.aws.call("lambda", "update_alias", FunctionName=function, Name=alias, FunctionVersion=version)

    return Part(f"alias of {name}", lambda target: _live(target, name), write)


def mapping_of(name: str, queue: str = "") -> Part:
    """Whether a function's event source mapping is on. `queue` as in `environment_of`."""

    def find(target: SmokeTarget) -> dict[str, Any]:
        found: list[dict[str, Any]] = target.aws.call(
            "lambda", "list_event_source_mappings", FunctionName=target.output(f"functions.{name}.arn")
        )["EventSourceMappings"]
        return found[0]

    def write(target: SmokeTarget, on: Any) -> None:
        _empty(target, queue)
        target.aws.call("lambda", "update_event_source_mapping", UUID=find(target)["UUID"], Enabled=on)
        wait_until(lambda: find(target)["State"] == ("Enabled" if on else "Disabled"), f"the mapping of {name}")

    return Part(f"event source mapping of {name}", lambda target: find(target)["State"] == "Enabled", write)


# --- The API


def method(verb: str, path: str) -> Part:
    """Who may call a method of the REST API."""

    def read(target: SmokeTarget) -> Any:
        found = target.aws.call("apigateway", "get_method", **_method(target, verb, path))
        return {name: found.get(name) for name in ("authorizationType", "authorizerId", "apiKeyRequired")}

    def write(target: SmokeTarget, value: Any) -> None:
        given = {name: str(setting).lower() if isinstance(setting, bool) else setting
                 for name, setting in value.items() if setting is not None}  # fmt: skip
        if value["authorizationType"] == "NONE":
            given.pop("authorizerId", None)
        _patch(target, "update_method", _method(target, verb, path), given)

    return Part(f"{verb} {path}", read, write)


def integration(verb: str, path: str) -> Part:
    """Where the REST API sends a method's requests."""

    def read(target: SmokeTarget) -> Any:
        return target.aws.call("apigateway", "get_integration", **_method(target, verb, path))["uri"]

    def write(target: SmokeTarget, uri: Any) -> None:
        _patch(target, "update_integration", _method(target, verb, path), {"uri": uri})

    return Part(f"integration of {verb} {path}", read, write)


def _method(target: SmokeTarget, verb: str, path: str) -> dict[str, str]:
    api = target.output("api.id")
    resources = target.aws.pages("apigateway", "get_resources", "items[]", restApiId=api)
    found = next(resource["id"] for resource in resources if resource["path"] == path)
    return {"restApiId": api, "resourceId": found, "httpMethod": verb}


def _patch(target: SmokeTarget, operation: str, which: dict[str, str], values: dict[str, Any]) -> None:
    target.aws.call(
        "apigateway", operation, **which,
        patchOperations=[{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()],
    )  # fmt: skip


def _read_access_log(target: SmokeTarget) -> Any:
    return target.aws.call("apigateway", "get_stage", **_stage(target))["accessLogSettings"]["format"]


def _stage(target: SmokeTarget) -> dict[str, str]:
    return {"restApiId": target.output("api.id"), "stageName": target.output("api.stage")}


ACCESS_LOG = Part(
    "the format of the API's access log", _read_access_log,
    lambda target, text: _patch(target, "update_stage", _stage(target), {"accessLogSettings/format": text}),
)  # fmt: skip


def _plan(target: SmokeTarget) -> dict[str, str]:
    return {"usagePlanId": target.output("api.usage_plan_id")}


USAGE_PLAN = Part(
    "the usage plan's throttle",
    lambda target: target.aws.call("apigateway", "get_usage_plan", **_plan(target))["throttle"],
    lambda target, throttle: _patch(
        target, "update_usage_plan", _plan(target),
        {f"throttle/{name}": str(value) for name, value in throttle.items()},
    ),
)  # fmt: skip


def route(key: str) -> Part:
    """A route of the WebSocket API: its key, and who may use it."""
    which: dict[str, str] = {}

    def find(target: SmokeTarget) -> dict[str, Any]:
        api = target.output("realtime.api.id")
        for found in target.aws.call("apigatewayv2", "get_routes", ApiId=api)["Items"]:
            if found["RouteKey"] == key or found["RouteId"] == which.get("RouteId"):
                which.update(ApiId=api, RouteId=found["RouteId"])
                return dict(found)
        raise AssertionError(f"there is no route {key}")

    def read(target: SmokeTarget) -> Any:
        found = find(target)
        return {name: found[name] for name in ("RouteKey", "AuthorizationType", "AuthorizerId") if found.get(name)}

    def write(target: SmokeTarget, value: Any) -> None:
        find(target)
        target.aws.call("apigatewayv2", "update_route", **which, **value)

    return Part(f"the route {key}", read, write)


def _messages(target: SmokeTarget) -> dict[str, str]:
    """The integration of the route by which clients subscribe."""
    api = target.output("realtime.api.id")
    routes = target.aws.call("apigatewayv2", "get_routes", ApiId=api)["Items"]
    found = next(route for route in routes if route["RouteKey"] == "subscribe")
    return {"ApiId": api, "IntegrationId": found["Target"].rpartition("/")[2]}


MESSAGES = Part(
    "where the WebSocket API sends messages",
    lambda target: target.aws.call("apigatewayv2", "get_integration", **_messages(target))["IntegrationUri"],
    lambda target, uri: target.aws.call(
        "apigatewayv2", "update_integration", **_messages(target), IntegrationUri=uri
    ),
)  # fmt: skip


# --- Events


def targets_of(rule: str, bus: str = "events.bus.name") -> Part:
    """The targets of a rule of our bus, by their ids. `rule` is its name without the prefix."""

    def which(target: SmokeTarget) -> dict[str, str]:
        return {"Rule": f"{target.prefix}-{rule}", "EventBusName": target.output(bus) if bus else "default"}

    def read(target: SmokeTarget) -> Any:
        found = target.aws.call("events", "list_targets_by_rule", **which(target))["Targets"]
        return {one["Id"]: one for one in found}

    def write(target: SmokeTarget, wanted: Any) -> None:
        if gone := sorted(read(target).keys() - wanted.keys()):
            target.aws.call("events", "remove_targets", **which(target), Ids=gone)
        if wanted:
            target.aws.call("events", "put_targets", **which(target), Targets=list(wanted.values()))

    return Part(f"the targets of rule {rule}", read, write)


def pipe(name: str) -> Part:
    """Whether a pipe runs."""

    def state(target: SmokeTarget) -> str:
        found = target.aws.call("pipes", "describe_pipe", Name=target.output(f"streams.pipes.{name}.name"))
        return str(found["CurrentState"])

    def write(target: SmokeTarget, wanted: Any) -> None:
        operation = "start_pipe" if wanted == "RUNNING" else "stop_pipe"
        target.aws.call("pipes", operation, Name=target.output(f"streams.pipes.{name}.name"))
        wait_until(lambda: state(target) == wanted, f"pipe {name}")

    return Part(f"pipe {name}", state, write)


def subscription(topic: str, end: str) -> Part:
    """The filter of the subscription to a topic (an output) whose endpoint ends so."""

    def find(target: SmokeTarget) -> str:
        return next(
            str(one["SubscriptionArn"])
            for one in target.aws.pages(
                "sns", "list_subscriptions_by_topic", "Subscriptions[]", TopicArn=target.output(topic)
            )
            if one["Endpoint"].endswith(end)
        )

    def read(target: SmokeTarget) -> Any:
        found = target.aws.call("sns", "get_subscription_attributes", SubscriptionArn=find(target))["Attributes"]
        return json.loads(found["FilterPolicy"])

    def write(target: SmokeTarget, policy: Any) -> None:
        target.aws.call(
            "sns", "set_subscription_attributes", SubscriptionArn=find(target), AttributeName="FilterPolicy",
            AttributeValue=json.dumps(policy, separators=(",", ":")),
        )  # fmt: skip

    return Part(f"the filter of {end}", read, write)


def queue_attribute(queue: str, attribute: str) -> Part:
    """An attribute of a work queue; "" for none."""

    def read(target: SmokeTarget) -> Any:
        found = target.aws.call(
            "sqs", "get_queue_attributes", QueueUrl=target.output(f"queues.{queue}.url"), AttributeNames=[attribute]
        )
        return found.get("Attributes", {}).get(attribute, "")

    def write(target: SmokeTarget, value: Any) -> None:
        url = target.output(f"queues.{queue}.url")
        target.aws.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={attribute: value})

    return Part(f"{attribute} of {queue}", read, write)


def state_machine(name: str) -> Part:
    """The definition of one of the workflows."""

    def which(target: SmokeTarget) -> dict[str, str]:
        return {"stateMachineArn": target.output(f"workflows.state_machines.{name}.arn")}

    def read(target: SmokeTarget) -> Any:
        return target.aws.call("stepfunctions", "describe_state_machine", **which(target))["definition"]

    def write(target: SmokeTarget, definition: Any) -> None:
        target.aws.call("stepfunctions", "update_state_machine", **which(target), definition=definition)

    return Part(f"state machine {name}", read, write)


def _notification(target: SmokeTarget) -> Any:
    found = target.aws.call(
        "s3", "get_bucket_notification_configuration", Bucket=target.output("photos.bucket")
    )  # fmt: skip
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


PHOTO_NOTIFICATION = Part(
    "what the photos' bucket tells", _notification,
    lambda target, value: target.aws.call(
        "s3", "put_bucket_notification_configuration",
        Bucket=target.output("photos.bucket"), NotificationConfiguration=value,
    ),
)  # fmt: skip


def _repository(target: SmokeTarget) -> dict[str, str]:
    return {"repositoryName": target.output("repository.repository.name")}


TRIGGERS = Part(
    "the repository's triggers",
    lambda target: target.aws.call("codecommit", "get_repository_triggers", **_repository(target))["triggers"],
    lambda target, triggers: target.aws.call(
        "codecommit", "put_repository_triggers", **_repository(target), triggers=triggers
    ),
)  # fmt: skip


# --- By the clock


def _schedule(target: SmokeTarget) -> dict[str, str]:
    found = target.output("realtime.schedules.realtime-sweep")
    return {"Name": found["name"], "GroupName": found["group"]}


SCHEDULE_FIELDS = (
    "Description", "FlexibleTimeWindow", "ScheduleExpression", "ScheduleExpressionTimezone", "State", "Target",
)  # fmt: skip


def _read_schedule(target: SmokeTarget) -> Any:
    found = target.aws.call("scheduler", "get_schedule", **_schedule(target))
    return {name: found[name] for name in SCHEDULE_FIELDS if name in found}


SCHEDULE = Part(
    "the sweep's schedule", _read_schedule,
    lambda target, value: target.aws.call("scheduler", "update_schedule", **_schedule(target), **value),
)  # fmt: skip


def _read_rotation(target: SmokeTarget) -> Any:
    found = target.aws.call("secretsmanager", "describe_secret", SecretId=target.output("auth.signing_keys_secret"))
    return {"on": bool(found.get("RotationEnabled")), "function": found.get("RotationLambdaARN"),
            "rules": found.get("RotationRules")}  # fmt: skip


def _write_rotation(target: SmokeTarget, value: Any) -> None:
    secret = target.output("auth.signing_keys_secret")
    if value["on"]:
        target.aws.call(
            "secretsmanager", "rotate_secret", SecretId=secret, RotationLambdaARN=value["function"],
            RotationRules=value["rules"], RotateImmediately=False,
        )  # fmt: skip
    else:
        target.aws.call("secretsmanager", "cancel_rotate_secret", SecretId=secret)


ROTATION = Part("the rotation of the signing keys", _read_rotation, _write_rotation)


# --- The private service


def _healthy(target: SmokeTarget) -> dict[str, str]:
    found = target.aws.call("elbv2", "describe_target_health", TargetGroupArn=_group(target))
    return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found["TargetHealthDescriptions"]}


def _group(target: SmokeTarget) -> str:
    return str(target.output("service.target_group_arn"))


def _write_targets(target: SmokeTarget, wanted: Any) -> None:
    now = sorted(_healthy(target))
    for operation, ids in (
        ("deregister_targets", [one for one in now if one not in wanted]),
        ("register_targets", [one for one in wanted if one not in now]),
    ):
        if ids:
            target.aws.call("elbv2", operation, TargetGroupArn=_group(target), Targets=[{"Id": one} for one in ids])
    wait_until(lambda: set(wanted) <= {one for one, at in _healthy(target).items() if at == "healthy"}, "the targets")


TARGETS = Part("the service's targets", lambda target: sorted(_healthy(target)), _write_targets)


def _read_health_check(target: SmokeTarget) -> Any:
    [found] = target.aws.call("elbv2", "describe_target_groups", TargetGroupArns=[_group(target)])["TargetGroups"]
    return found["HealthCheckPath"]


HEALTH_CHECK = Part(
    "the path of the service's health check", _read_health_check,
    lambda target, path: target.aws.call(
        "elbv2", "modify_target_group", TargetGroupArn=_group(target), HealthCheckPath=path
    ),
)  # fmt: skip


def _database_group(target: SmokeTarget) -> str:
    [found] = target.aws.call(
        "rds", "describe_db_instances", DBInstanceIdentifier=target.output("database.identifier")
    )["DBInstances"]  # fmt: skip
    return str(found["VpcSecurityGroups"][0]["VpcSecurityGroupId"])


def _read_ranges(target: SmokeTarget) -> Any:
    [group] = target.aws.call("ec2", "describe_security_groups", GroupIds=[_database_group(target)])["SecurityGroups"]
    return sorted(each["CidrIp"] for rule in group["IpPermissions"] for each in rule.get("IpRanges", ()))


def _write_ranges(target: SmokeTarget, wanted: Any) -> None:
    now, group = _read_ranges(target), _database_group(target)
    for operation, ranges in (
        ("authorize_security_group_ingress", [one for one in wanted if one not in now]),
        ("revoke_security_group_ingress", [one for one in now if one not in wanted]),
    ):
        for one in ranges:
            rule = {"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "IpRanges": [{"CidrIp": one}]}
            target.aws.call("ec2", operation, GroupId=group, IpPermissions=[rule])


DATABASE_RANGES = Part("addresses that may reach the database", _read_ranges, _write_ranges)


# --- What people on call rely on

ALARM_FIELDS: Sequence[str] = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics",
)  # fmt: skip


def alarm(name: str) -> Part:
    """An alarm without its state; None: there is none. One whose threshold is below 0 must come to fire."""

    def find(target: SmokeTarget) -> dict[str, Any] | None:
        found = target.aws.call("cloudwatch", "describe_alarms", AlarmNames=[f"{target.prefix}-{name}"])
        return next((dict(one) for one in found["MetricAlarms"]), None)

    def read(target: SmokeTarget) -> Any:
        if (found := find(target)) is None:
            return None
        tags = target.aws.call("cloudwatch", "list_tags_for_resource", ResourceARN=found["AlarmArn"])["Tags"]
        kept = {field: found[field] for field in ALARM_FIELDS if field in found}
        return kept | {"Tags": sorted(tags, key=lambda tag: str(tag["Key"]))}

    def write(target: SmokeTarget, value: Any) -> None:
        before = find(target)
        if value is None:
            target.aws.call("cloudwatch", "delete_alarms", AlarmNames=[f"{target.prefix}-{name}"])
            return
        target.aws.call("cloudwatch", "put_metric_alarm", **value)
        fires = value["Threshold"] < 0
        if before and (fires or before["Threshold"] < 0):
            wait_until(lambda: (find(target) or {})["StateValue"] == ("ALARM" if fires else "OK"), f"alarm {name}")

    return Part(f"alarm {name}", read, write)


def log_retention(function: str) -> Part:
    """Days for which a function's log is kept; None: for ever."""

    def group(target: SmokeTarget) -> str:
        return str(target.output(f"functions.{function}.log_group"))

    def read(target: SmokeTarget) -> Any:
        found = target.aws.pages("logs", "describe_log_groups", "logGroups[]", logGroupNamePrefix=group(target))
        return next(one.get("retentionInDays") for one in found if one["logGroupName"] == group(target))

    def write(target: SmokeTarget, days: Any) -> None:
        if days is None:
            target.aws.call("logs", "delete_retention_policy", logGroupName=group(target))
        else:
            target.aws.call("logs", "put_retention_policy", logGroupName=group(target), retentionInDays=days)

    return Part(f"how long the log of {function} is kept", read, write)


def _saved_query(target: SmokeTarget) -> Any:
    [found] = target.aws.pages(
        "logs", "describe_query_definitions", "queryDefinitions[]",
        queryDefinitionNamePrefix=target.output("log_queries.follow-one-id.name"),
    )  # fmt: skip
    return {name: found[name] for name in ("queryDefinitionId", "name", "queryString", "logGroupNames")}


SAVED_QUERY = Part(
    "the saved query", _saved_query,
    lambda target, value: target.aws.call("logs", "put_query_definition", **value),
)  # fmt: skip
