"""What AWS itself does as a role: logs, traces, event sources, targets, state machines.

Sources: Lambda developer guide ("Execution role", one page for each event source), Step Functions developer guide ("IAM
policies for integrated services"), EventBridge and EventBridge Scheduler user guides ("Using identity-based policies").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Place
from opsctl.iam.code import sdk
from opsctl.iam.code.actions import Need, Where, needs_of
from opsctl.iam.code.calls import Call, CannotTell
from opsctl.iam.estate import Carrier, Estate, Invocation

READS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sqs": (("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"), ("sqs:ChangeMessageVisibility",)),
    "kinesis": (
        ("kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator"),
        (
            "kinesis:DescribeStreamSummary",
            "kinesis:ListShards",
            "kinesis:ListStreams",
            "kinesis:SubscribeToShard",
            "kinesis:DescribeStreamConsumer",
        ),
    ),
    "dynamodb": (
        ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
        ("dynamodb:ListStreams",),
    ),
    "kafka": (
        ("kafka:DescribeCluster", "kafka:GetBootstrapBrokers"),
        (
            "kafka:DescribeClusterV2",
            "kafka-cluster:Connect",
            "kafka-cluster:DescribeGroup",
            "kafka-cluster:AlterGroup",
            "kafka-cluster:DescribeTopic",
            "kafka-cluster:ReadData",
            "kafka-cluster:DescribeClusterDynamicConfiguration",
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeVpcs",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
        ),
    ),
    "mq": (
        ("mq:DescribeBroker", "secretsmanager:GetSecretValue"),
        (
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ),
    ),
}
"""Service of the source → what a reader needs on it, and what some readers need besides."""

SENDS: Mapping[str, tuple[str, ...]] = {
    "sqs": ("sqs:SendMessage",),
    "sns": ("sns:Publish",),
    "lambda": ("lambda:InvokeFunction",),
    "events": ("events:PutEvents",),
    "states": ("states:StartExecution",),
    "kinesis": ("kinesis:PutRecord",),
    "firehose": ("firehose:PutRecord",),
    "codebuild": ("codebuild:StartBuild",),
    "codepipeline": ("codepipeline:StartPipelineExecution",),
    "batch": ("batch:SubmitJob",),
    "ecs": ("ecs:RunTask",),
    "logs": ("logs:CreateLogStream", "logs:PutLogEvents"),
    "s3": ("s3:PutObject",),
    "execute-api": ("execute-api:Invoke",),
    "redshift": ("redshift-data:ExecuteStatement",),
    "sagemaker": ("sagemaker:StartPipelineExecution",),
    "inspector": ("inspector:StartAssessmentRun",),
}
"""Service of the target → what delivering to it needs."""

ALSO_SENDS: Mapping[str, tuple[str, ...]] = {
    "kinesis": ("kinesis:PutRecords",),
    "firehose": ("firehose:PutRecordBatch",),
    "ecs": ("iam:PassRole", "ecs:TagResource"),
    "s3": ("s3:ListBucket",),
    "batch": ("batch:SubmitJob",),  # on the job's definition, too
}

NETWORK = ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface")
NETWORK_BESIDES = ("ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
                   "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs", "ec2:GetSecurityGroupsForVpc")  # fmt: skip
TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
SAMPLING = ("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries")
DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)

Needs = Iterator[Need | CannotTell]


def service_of(arn: str) -> str:
    """The third part of an ARN; "" for anything else."""
    parts = arn.split(":", 3)
    return parts[2] if len(parts) > 3 and parts[0] == "arn" else ""


def function_needs(carrier: Carrier, estate: Estate, log_groups: frozenset[str]) -> Needs:
    """What Lambda does as a function's role, apart from running its code."""
    settings, place = carrier.settings, carrier.place
    own = (
        settings.get("log_group")
        or f"arn:{estate.partition}:logs:{estate.region}:{estate.account}:log-group:/aws/lambda/{carrier.name}"
    )
    own = own.removesuffix(":*")
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        yield Need(action, f"{own}:log-stream:⟦?⟧", "writing its logs", place)
    if own not in log_groups:
        yield Need("logs:CreateLogGroup", f"{own}", "making its log group", place, optional=True)
    if settings.get("tracing") == "Active":
        yield from (Need(action, "*", "sending its traces", place) for action in TRACES)
        yield from (Need(action, "*", "sampling its traces", place, optional=True) for action in SAMPLING)
    if "network" in settings:
        yield from (Need(action, "*", "its network interfaces in the VPC", place) for action in NETWORK)
        yield from (
            Need(action, "*", "its network interfaces in the VPC", place, optional=True) for action in NETWORK_BESIDES
        )
    for name in ("dead_letters", "on_success", "on_failure"):
        if settings.get(name):
            yield from sends_to(settings[name], f"its {name.replace('_', ' ')} destination", place)
    if "file_system" in settings:
        for action in ("elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"):
            yield Need(action, "", "its file system", place, optional=action.endswith("Write"))


SERVICES_OWN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "flow_log": (
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        ("logs:CreateLogGroup", "logs:DescribeLogGroups", "logs:DescribeLogStreams"),
    ),
    "api_gateway_account": (
        (),
        ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams",
         "logs:PutLogEvents", "logs:GetLogEvents", "logs:FilterLogEvents"),
    ),
}  # fmt: skip
"""What services do with a role that is theirs alone: what they need, and what they may need besides."""


def service_needs(carrier: Carrier) -> Needs:
    needed, besides = SERVICES_OWN[carrier.kind]
    yield from (Need(action, "", "its logs", carrier.place) for action in needed)
    yield from (Need(action, "", "its logs", carrier.place, optional=True) for action in besides)


PULLS = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
)


def execution_needs(carrier: Carrier) -> Needs:
    """What ECS does before a container runs (ECS developer guide, "Task execution IAM role")."""
    private = ".dkr.ecr." in carrier.definition or "aws_ecr_" in carrier.definition
    for action in PULLS:
        yield Need(action, "", "pulling its image", carrier.place, optional=not private)
    for action in ("logs:CreateLogStream", "logs:PutLogEvents", "logs:CreateLogGroup"):
        yield Need(action, "", "writing its logs", carrier.place, optional=True)
    for secret in re.findall(r'"valueFrom"\s*:\s*"([^"]+)"', carrier.definition):
        if service_of(secret) == "secretsmanager":
            arn = ":".join(secret.split(":")[:7])
            yield Need("secretsmanager:GetSecretValue", arn, "its secrets", carrier.place)
        else:
            name = secret if secret.startswith("arn:") else ""
            yield Need("ssm:GetParameters", name, "its secrets", carrier.place)
            yield Need("kms:Decrypt", "", "its secrets", carrier.place, optional=True)


def sends_to(target: str, why: str, place: Place) -> Needs:
    service = service_of(target)
    if service not in SENDS:
        yield CannotTell(
            f"{why}: what {target or 'its target'} needs isn't known", place, (f"{service}:*" if service else "*",)
        )
        return
    resource = f"{target}/⟦?⟧" if service == "s3" else target
    instead = ("states:StartSyncExecution",) if service == "states" else ()
    yield from (Need(action, resource, why, place, instead=instead) for action in SENDS[service])
    yield from (Need(action, "", why, place, optional=True) for action in ALSO_SENDS.get(service, ()))


def reads_from(source: str, why: str, place: Place) -> Needs:
    service = service_of(source)
    if service not in READS:
        yield CannotTell(
            f"{why}: what reading {source or 'its source'} needs isn't known",
            place,
            (f"{service}:*" if service else "*",),
        )
        return
    needed, besides = READS[service]
    yield from (Need(action, source, why, place) for action in needed)
    yield from (Need(action, "", why, place, optional=True) for action in besides)


def invocation_needs(invocation: Invocation, *, as_function: bool) -> Needs:
    """What an invocation does as the role of the function that it feeds (`as_function`), or as its own."""
    kind, place = invocation.kind, invocation.place
    if as_function:
        if kind.endswith("destination"):
            yield from sends_to(invocation.target, "the destination for what its event source mapping gave up", place)
        elif kind == "lambda_event_source_mapping":
            yield from reads_from(invocation.source, "its event source mapping", place)
        return
    if kind == "cloudwatch_event_target_destination":
        return  # EventBridge reaches a rule's dead-letter queue by the queue's own policy, whatever the target's role
    name = kind.replace("_", " ")
    if kind == "pipes_pipe":
        yield from reads_from(invocation.source, name, place)
    if scheduled := re.match(r"arn:[^:]*:scheduler:::aws-sdk:(\w+):(\w+)", invocation.target):
        yield from _sdk(scheduled[1], scheduled[2], {}, place, Where())
        return
    if gateway := re.match(r"arn:[^:]*:apigateway:[^:]*:([\w.-]+):(action|path)/(.*)", invocation.target):
        yield from _behind_a_gateway(gateway[1], gateway[2], gateway[3], place)
        return
    if invocation.target:
        yield from sends_to(invocation.target, name, place)
    else:
        yield CannotTell(f"the target of {invocation.address or name} isn't known", place)


def _behind_a_gateway(service: str, form: str, rest: str, place: Place) -> Needs:
    """API Gateway's own integration: arn:aws:apigateway:region:states:action/StartExecution, …:lambda:path/…"""
    if form == "action":
        name = {"states": "stepfunctions"}.get(service, service)
        yield from _named_operation(name, rest, {}, place, Where(), "its API's integration")
    elif service == "lambda" and (found := re.search(r"functions/(arn:.*)/invocations", rest)):
        yield Need("lambda:InvokeFunction", found[1], "its API's integration", place)
    elif service == "sqs":
        yield Need("sqs:SendMessage", "", "its API's integration", place)
        yield CannotTell("what the API does to SQS is in its mapping template", place, ("sqs:*",))
    else:
        yield CannotTell(f"what the API does to {service} is in its request", place, (f"{service}:*",))


# — Step Functions —

NAMES = {
    "sfn": "stepfunctions", "cloudwatchlogs": "logs", "eventbridge": "events", "cognitoidentityprovider": "cognito-idp",
    "cognitoidentity": "cognito-identity", "elasticloadbalancingv2": "elbv2", "elasticloadbalancing": "elb",
    "databasemigration": "dms", "costexplorer": "ce", "applicationautoscaling": "application-autoscaling",
    "emr": "emr", "apigatewaymanagementapi": "apigatewaymanagementapi", "bedrockruntime": "bedrock-runtime",
    "resourcegroupstaggingapi": "resourcegroupstaggingapi", "iotdataplane": "iot-data", "rdsdata": "rds-data",
    "redshiftdata": "redshift-data", "configservice": "config", "transfer": "transfer", "autoscaling": "autoscaling",
}  # fmt: skip
"""The SDK names of Step Functions' AWS SDK integrations that aren't boto3's with the hyphens gone."""

RULES_OF_EVENTBRIDGE = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
"""What `.sync` needs where Step Functions waits for an event rather than asking."""

SYNC: Mapping[str, tuple[str, ...]] = {
    "states:startExecution": ("states:DescribeExecution", "states:StopExecution", *RULES_OF_EVENTBRIDGE),
    "batch:submitJob": ("batch:DescribeJobs", "batch:TerminateJob", *RULES_OF_EVENTBRIDGE),
    "ecs:runTask": ("ecs:StopTask", "ecs:DescribeTasks", *RULES_OF_EVENTBRIDGE),
    "codebuild:startBuild": ("codebuild:StopBuild", "codebuild:BatchGetBuilds", *RULES_OF_EVENTBRIDGE),
    "codebuild:startBuildBatch": ("codebuild:StopBuildBatch", "codebuild:BatchGetBuildBatches", *RULES_OF_EVENTBRIDGE),
    "glue:startJobRun": ("glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"),
    "athena:startQueryExecution": ("athena:GetQueryExecution", "athena:StopQueryExecution"),
}  # fmt: skip

OPTIMISED = {
    "states": "stepfunctions", "elasticmapreduce": "emr", "bedrock": "bedrock-runtime", "mediaconvert": "mediaconvert",
    "emr-containers": "emr-containers", "databrew": "databrew",
}  # fmt: skip


def machine_needs(carrier: Carrier, where: Where) -> Needs:
    """What a state machine's definition does as its role."""
    place = carrier.place
    try:
        machine = json.loads(carrier.definition)
    except ValueError:
        yield CannotTell(f"the definition of {carrier.name} isn't known as JSON", place)
        return
    yield from (Need(action, "*", "its logs", place, optional=True) for action in DELIVERY)
    traced = carrier.settings.get("tracing") in ("Active", "true", "True")
    yield from (Need(action, "*", "its traces", place, optional=not traced) for action in TRACES)
    yield from (Need(action, "*", "its traces", place, optional=True) for action in SAMPLING[:2])
    if isinstance(machine, dict):
        yield from _states(machine, carrier, where)


def _states(machine: Mapping[str, Any], carrier: Carrier, where: Where, depth: int = 0) -> Needs:
    states = machine.get("States")
    if depth > 40 or not isinstance(states, dict):
        return
    for name, state in states.items():
        if not isinstance(state, dict):
            continue
        if state.get("Type") == "Task":
            yield from _task(name, state, carrier.place, where)
        for field in ("ItemProcessor", "Iterator"):
            inner = state.get(field)
            if isinstance(inner, dict):
                yield from _states(inner, carrier, where, depth + 1)
                config = inner.get("ProcessorConfig")
                if isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED":
                    yield Need("states:StartExecution", carrier.arn, f"the distributed map {name}", carrier.place)
                    for action in ("states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"):
                        yield Need(action, "", f"the distributed map {name}", carrier.place, optional=True)
        for field in ("ItemReader", "ResultWriter"):
            if isinstance(state.get(field), dict) and state[field].get("Resource"):
                yield from _task(f"{name}.{field}", state[field], carrier.place, where)
                if field == "ResultWriter":
                    for action in ("s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"):
                        yield Need(action, "", f"the results of {name}", carrier.place, optional=True)
        for branch in state.get("Branches", ()) if isinstance(state.get("Branches"), list) else ():
            if isinstance(branch, dict):
                yield from _states(branch, carrier, where, depth + 1)


def _task(name: str, state: Mapping[str, Any], place: Place, where: Where) -> Needs:
    resource = str(state.get("Resource", ""))
    given = state.get("Arguments") if isinstance(state.get("Arguments"), dict) else state.get("Parameters")
    given = given if isinstance(given, dict) else {}
    why = f"its state {name}"
    if ":activity:" in resource:
        return
    if found := re.match(r"arn:[^:]*:states:[^:]*:[^:]*:aws-sdk:([\w-]+):(\w+)", resource):
        for need in _sdk(found[1], found[2], given, place, where):
            yield need if isinstance(need, CannotTell) else Need(need.action, need.resource, why, place, need.optional)
        return
    if found := re.match(r"arn:[^:]*:states:[^:]*:[^:]*:([\w-]+):(\w+)(\.\w+)?", resource):
        service, operation, pattern = found[1], found[2], found[3] or ""
        if (service, operation) == ("http", "invoke"):
            yield Need("states:InvokeHTTPEndpoint", "", why, place)
            yield Need("events:RetrieveConnectionCredentials", "", why, place)
            for action in ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"):
                yield Need(action, "", why, place)
            return
        boto = OPTIMISED.get(service, service)
        if service == "apigateway":
            yield Need("execute-api:Invoke", "", why, place)
        else:
            yield from _named_operation(boto, operation, given, place, where, why)
        if pattern.startswith(".sync"):
            for action in SYNC.get(f"{service}:{operation}", ()):
                yield Need(action, "", f"{why} waiting for the end", place)
            if f"{service}:{operation}" not in SYNC:
                yield CannotTell(
                    f"what waiting for {service}:{operation} needs isn't known", place, (f"{service}:*", "events:*")
                )
        if (service, operation) == ("ecs", "runTask"):
            yield Need("iam:PassRole", "", why, place)
        return
    if service_of(resource) == "lambda":
        yield Need("lambda:InvokeFunction", resource, why, place)
        return
    yield CannotTell(f"{why} calls {resource or 'something'} that isn't known", place)


def _sdk(name: str, operation: str, given: Mapping[str, Any], place: Place, where: Where) -> Needs:
    plain = NAMES.get(name, name)
    service = (
        plain if sdk.service(plain) else next((each for each in _services() if each.replace("-", "") == plain), "")
    )
    if not service:
        yield CannotTell(f"the service {name} of an SDK integration isn't known", place)
        return
    yield from _named_operation(service, operation, given, place, where, f"{name}:{operation}")


def _services() -> tuple[str, ...]:
    return tuple(sdk._index())


def _named_operation(
    service: str, operation: str, given: Mapping[str, Any], place: Place, where: Where, why: str
) -> Needs:
    known = sdk.service(service)
    exact = known.operation(operation) if known else ""
    if not exact:
        yield CannotTell(f"{service}:{operation} isn't known", place, (f"{known.prefix if known else service}:*",))
        return
    arguments = {
        _spelled(service, key): (_alternatives(value),) for key, value in given.items() if isinstance(key, str)
    }
    needs, cannot = needs_of(Call(service, exact, place, arguments), where)
    yield from (Need(need.action, need.resource, why, place, need.optional) for need in needs)
    yield from cannot


SMALL_ARGUMENTS = frozenset({"batch", "bedrock-runtime", "codebuild", "ecs", "iot-data", "rds-data", "stepfunctions"})
"""Services whose arguments begin with a small letter."""


def _spelled(service: str, key: str) -> str:
    """`StateMachineArn.$` → stateMachineArn: the States Language writes all arguments with a capital."""
    key = key.removesuffix(".$")
    return key[:1].lower() + key[1:] if service in SMALL_ARGUMENTS else key


def _alternatives(value: Any) -> Any:
    if isinstance(value, str):
        return None if value.startswith(("$", "{%")) else value
    if isinstance(value, dict):
        return {
            key.removesuffix(".$"): (_alternatives(inner) if not key.endswith(".$") else None,)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [(_alternatives(inner),) for inner in value]
    return None if value is None else str(value)
