"""Which actions, on which resources, a call of an operation needs.

Mostly action and operation have the same name; `ACTIONS` and `RULES` say where they don't. Sources: the Service
Authorization Reference ("Actions, resources, and condition keys for …") and, for S3, "Required permissions for Amazon
S3 API operations" (S3 user guide); for DynamoDB "DynamoDB API permissions" and "IAM with PartiQL"; for S3 and DynamoDB
batch operations the actions of what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opsctl.findings import NOWHERE, Place
from opsctl.hcl.symbols import is_symbolic
from opsctl.iam.code import sdk
from opsctl.iam.code.calls import Alternatives, Call, CannotTell

UNKNOWN = "⟦?⟧"


@dataclass(frozen=True)
class Need:
    """An action that has to be granted.

    Attributes:
        resource: ARN, with symbols for what isn't known; "" where it isn't known at all, "*" where there is none.
        why: what needs it: "PutObject at handler.py:12", "its event source mapping".
        optional: it goes on without, or may never come to it.
        instead: actions any of which serves as well.
    """

    action: str
    resource: str = ""
    why: str = ""
    place: Place = NOWHERE
    optional: bool = False
    instead: tuple[str, ...] = ()


S3_BUCKET_LEVEL = {
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListDirectoryBuckets": "ListAllMyDirectoryBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    **{
        f"{verb}Bucket{kind}Configuration{many}": f"{needed}{kind}Configuration"
        for kind in ("Analytics", "Inventory", "Metrics", "IntelligentTiering")
        for verb, many, needed in (("Get", "", "Get"), ("Put", "", "Put"), ("Delete", "", "Put"), ("List", "s", "Get"))
    },
}
S3_OBJECT_LEVEL = {
    "HeadObject": "GetObject", "SelectObjectContent": "GetObject", "DeleteObjects": "DeleteObject",
    "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
    "ListParts": "ListMultipartUploadParts",
}  # fmt: skip

ACTIONS: Mapping[str, tuple[str, ...]] = {
    **{f"s3.{operation}": (f"s3:{action}",) for operation, action in {**S3_BUCKET_LEVEL, **S3_OBJECT_LEVEL}.items()},
    "s3.CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3.UploadPartCopy": ("s3:GetObject", "s3:PutObject"),
    "s3.RenameObject": ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
    "s3.WriteGetObjectResponse": ("s3-object-lambda:WriteGetObjectResponse",),
    "dynamodb.TransactGetItems": ("dynamodb:GetItem",),
    "dynamodb.TransactWriteItems": (
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
    ),
    **{
        f"dynamodb.{operation}": tuple(f"dynamodb:PartiQL{verb}" for verb in ("Select", "Insert", "Update", "Delete"))
        for operation in ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")
    },
    "dynamodbstreams.GetRecords": ("dynamodb:GetRecords",),
    "lambda.Invoke": ("lambda:InvokeFunction",),
    "lambda.InvokeAsync": ("lambda:InvokeFunction",),
    "lambda.InvokeWithResponseStream": ("lambda:InvokeFunction",),
    "lambda.GetLayerVersionByArn": ("lambda:GetLayerVersion",),
    "sqs.SendMessageBatch": ("sqs:SendMessage",),
    "sqs.DeleteMessageBatch": ("sqs:DeleteMessage",),
    "sqs.ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "sns.PublishBatch": ("sns:Publish",),
    "kms.ReEncrypt": ("kms:ReEncryptFrom", "kms:ReEncryptTo"),
    "apigatewaymanagementapi.PostToConnection": ("execute-api:ManageConnections",),
    "apigatewaymanagementapi.GetConnection": ("execute-api:ManageConnections",),
    "apigatewaymanagementapi.DeleteConnection": ("execute-api:ManageConnections",),
    "rds.GenerateDbAuthToken": ("rds-db:connect",),
    "dsql.GenerateDbConnectAuthToken": ("dsql:DbConnect",),
    "dsql.GenerateDbConnectAdminAuthToken": ("dsql:DbConnectAdmin",),
    "bedrock-runtime.Converse": ("bedrock:InvokeModel",),
    "bedrock-runtime.StartAsyncInvoke": ("bedrock:InvokeModel",),
    "bedrock-runtime.ConverseStream": ("bedrock:InvokeModelWithResponseStream",),
    "bedrock-runtime.InvokeModelWithBidirectionalStream": ("bedrock:InvokeModel",),
    "cloudcontrol.GetResource": ("cloudformation:GetResource",),
    **{
        f"budgets.{operation}": ("budgets:ModifyBudget",)
        for operation in (
            "CreateBudget",
            "CreateNotification",
            "CreateSubscriber",
            "DeleteBudget",
            "DeleteNotification",
            "DeleteSubscriber",
            "UpdateBudget",
            "UpdateNotification",
            "UpdateSubscriber",
        )
    },
    **{
        f"budgets.{operation}": ("budgets:ViewBudget",)
        for operation in (
            "DescribeBudget",
            "DescribeBudgets",
            "DescribeBudgetNotificationsForAccount",
            "DescribeBudgetPerformanceHistory",
            "DescribeNotificationsForBudget",
            "DescribeSubscribersForNotification",
        )
    },
    **{
        f"keyspaces.{operation}": (f"cassandra:{action}",)
        for operation, action in {
            "CreateKeyspace": "Create",
            "CreateTable": "Create",
            "DeleteKeyspace": "Drop",
            "DeleteTable": "Drop",
            "GetKeyspace": "Select",
            "GetTable": "Select",
            "ListKeyspaces": "Select",
            "ListTables": "Select",
            "UpdateTable": "Alter",
            "UpdateKeyspace": "Alter",
            "RestoreTable": "Restore",
        }.items()
    },
    "iot-data.Publish": ("iot:Publish",),
}
"""boto3's service and operation → actions, where they have other names."""

FREE = frozenset({"sts.GetCallerIdentity", "sts.GetSessionToken", "sts.GetAccessKeyInfo", "cognito-idp.InitiateAuth",
                  "cognito-idp.RespondToAuthChallenge", "cognito-idp.SignUp", "cognito-idp.ConfirmSignUp",
                  "cognito-idp.ForgotPassword", "cognito-idp.ConfirmForgotPassword", "cognito-idp.GetUser",
                  "cognito-idp.GlobalSignOut", "cognito-idp.ChangePassword", "cognito-idp.RevokeToken",
                  "cognito-idp.ResendConfirmationCode", "cognito-identity.GetId",
                  "cognito-identity.GetCredentialsForIdentity", "cognito-identity.GetOpenIdToken",
                  "sts.AssumeRoleWithWebIdentity", "sts.AssumeRoleWithSAML"})  # fmt: skip
"""Operations that need no permission, or authorise by a token instead (their API reference pages)."""

# A whole ARN, or the name in it; {} is replaced by what the argument says.
NAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "apigatewaymanagementapi": (),
    "appconfigdata": (),
    "athena": (("WorkGroup", "athena:ra:workgroup/{}"),),
    "batch": (("jobQueue", "batch:ra:job-queue/{}"), ("jobDefinition", "batch:ra:job-definition/{}")),
    "codebuild": (("projectName", "codebuild:ra:project/{}"),),
    "codepipeline": (("name", "codepipeline:ra:{}"), ("pipelineName", "codepipeline:ra:{}")),
    "cognito-idp": (("UserPoolId", "cognito-idp:ra:userpool/{}"),),
    "dynamodb": (("TableName", "dynamodb:ra:table/{}"),),
    "ecr": (("repositoryName", "ecr:ra:repository/{}"),),
    "events": (("EventBusName", "events:ra:event-bus/{}"),),
    "firehose": (("DeliveryStreamName", "firehose:ra:deliverystream/{}"),),
    "iot-data": (("topic", "iot:ra:topic/{}"), ("thingName", "iot:ra:thing/{}")),
    "kinesis": (("StreamARN", ""), ("StreamName", "kinesis:ra:stream/{}")),
    "kms": (("KeyId", "kms:ra:key/{}"),),
    "lambda": (("FunctionName", "lambda:ra:function:{}"),),
    "logs": (("logGroupName", "logs:ra:log-group:{}:*"),),
    "rds-data": (("resourceArn", ""),),
    "s3": (("Bucket", "s3::{}"),),
    "scheduler": (),
    "secretsmanager": (("SecretId", "secretsmanager:ra:secret:{}-⟦?⟧"),),
    "sns": (("TopicArn", ""), ("TargetArn", "")),
    "sqs": (("QueueUrl", "sqs:ra:{}"), ("QueueName", "sqs:ra:{}")),
    "ssm": (("Name", "ssm:ra:parameter/{}"), ("Path", "ssm:ra:parameter/{}"), ("Names", "ssm:ra:parameter/{}")),
    "stepfunctions": (("stateMachineArn", ""),),
    "sts": (("RoleArn", ""),),
}  # fmt: skip
"""Per service the arguments that name the resource: as a whole ARN, or put into a shape ("ra": region and account)."""

NO_RESOURCE = frozenset({
    "dynamodb.ListTables", "s3.ListBuckets", "sqs.ListQueues", "sns.ListTopics", "lambda.ListFunctions", "kms.ListKeys",
    "kms.ListAliases", "kms.GenerateRandom", "secretsmanager.ListSecrets", "secretsmanager.GetRandomPassword",
    "ssm.DescribeParameters", "stepfunctions.ListStateMachines", "stepfunctions.SendTaskSuccess",
    "stepfunctions.SendTaskFailure", "stepfunctions.SendTaskHeartbeat", "batch.DescribeJobs", "batch.ListJobs",
    "cloudwatch.PutMetricData", "cloudwatch.GetMetricData", "ecr.GetAuthorizationToken", "events.ListEventBuses",
    "xray.PutTraceSegments", "xray.PutTelemetryRecords", "kinesis.ListStreams", "logs.DescribeLogGroups",
})  # fmt: skip
"""Operations whose actions take only "*" as their resource."""

TRANSACTION = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
PARTIQL = {"SELECT": "Select", "INSERT": "Insert", "UPDATE": "Update", "DELETE": "Delete"}
ROLE_ARGUMENT = re.compile(r"(?:.*[rR]ole(?:[aA]rn)?|.*RoleARN|IamInstanceProfile|iamInstanceProfile)")
PASSES_ROLES_OF_ITS_OWN = frozenset({"ecs.RunTask", "ecs.StartTask"})
"""Operations that hand over the roles of what they start, besides those that an argument names."""
PASSES_NO_ROLE = frozenset({"sts", "iam", "rolesanywhere", "sso", "lakeformation", "cognito-identity"})


def actions_of(service: str, operation: str) -> tuple[str, ...]:
    """The actions that an operation may need, whatever its arguments; () where none is known or needed."""
    name = f"{service}.{operation}"
    if name in FREE:
        return ()
    if name in ACTIONS:
        return ACTIONS[name]
    known = sdk.service(service)
    action = known.actions.get(operation) if known else None
    return (f"{known.prefix}:{action}",) if known and action else ()


def _never_made(call: Call) -> bool:
    """Whether all that it would be about is an empty string: a setting that turns it off."""
    named = [name for name, _ in NAMED.get(call.service, ()) if name in call.arguments]
    return bool(named) and all(call.arguments[name] == ("",) for name in named)


@dataclass(frozen=True)
class Where:
    """What an ARN is made of around its name, and the ARNs of the keys that aliases ("alias/app") stand for."""

    partition: str = "aws"
    region: str = "⟦region⟧"
    account: str = "⟦account⟧"
    aliases: Mapping[str, str] = field(default_factory=dict)


def needs_of(call: Call, where: Where = Where()) -> tuple[tuple[Need, ...], tuple[CannotTell, ...]]:
    """What one call needs, and what of it can't be told."""
    name = f"{call.service}.{call.operation}"
    why = f"{call.operation}{f' by {call.through}' if call.through else ''}"

    optional = call.optional or _never_made(call)

    def need(action: str, resource: str = "") -> Need:
        return Need(action, resource, why, call.place, optional)

    if name in FREE:
        return (), ()
    found: list[Need] = []
    cannot: list[CannotTell] = []
    if (rule := RULES.get(name)) is not None:
        for action, resource in rule(call, where):
            if action.startswith("?"):
                cannot.append(CannotTell(action[1:], call.place, actions_of(call.service, call.operation)))
            else:
                found.append(need(action, resource))
    else:
        actions = actions_of(call.service, call.operation)
        if not actions:
            known = sdk.service(call.service)
            may = (f"{known.prefix}:*",) if known else ("*",)
            cannot.append(
                CannotTell(f"{call.service} {call.operation}: opsctl doesn't know its action", call.place, may)
            )
        found += [need(action, resource) for action in actions for resource in resources_of(call, where)]
    if call.service not in PASSES_NO_ROLE and not call.operation.startswith(
        ("Get", "List", "Describe", "Delete", "Remove")
    ):
        roles = list(_roles(call.arguments))
        found += [need("iam:PassRole", role) for role in roles]
        if name in PASSES_ROLES_OF_ITS_OWN and not roles:
            why = f"{call.operation} hands over the roles that its task definition names"
            cannot.append(CannotTell(why, call.place, ("iam:PassRole",)))
    return tuple(dict.fromkeys(found)), tuple(cannot)


def resources_of(call: Call, where: Where) -> tuple[str, ...]:
    """ARNs that a call is about; "" among them where one isn't known."""
    name = f"{call.service}.{call.operation}"
    if name in NO_RESOURCE:
        return ("*",)
    found: list[str] = []
    for argument, shape in NAMED.get(call.service, ()):
        if argument not in call.arguments:
            continue
        for value in _flat(call.arguments[argument]):
            found += _shaped(call, value, shape, where)
        if argument == "stateMachineArn" and call.operation in (
            "DescribeExecution",
            "StopExecution",
            "GetExecutionHistory",
        ):
            return ("",)
        if call.service != "batch":
            break
    return tuple(dict.fromkeys(found)) or ("",)


def _shaped(call: Call, value: str | None, shape: str, where: Where) -> Iterator[str]:
    if value is None or value in (UNKNOWN, "") or (value.startswith("⟦?") and call.service != "s3"):
        yield ""
        return
    if value.startswith("arn:"):
        base = _key_of(value, where) if ":kms:" in value else value
    elif not shape:
        base = value if is_symbolic(value) else ""
    elif re.fullmatch("⟦(?!env\\.)[^⟦⟧]*⟧|⟦env\\.[^⟦⟧]*(?:ARN|URL|arn|url)⟧", value) and call.service != "s3":
        base = value  # whether a name, a URL or an ARN: `comparing` knows whose it is
    else:
        base = _filled(shape, value, where)
    if call.service == "s3" and base:
        yield from _objects(call, base)
    elif call.service == "dynamodb" and call.operation in ("Query", "Scan") and "IndexName" in call.arguments:
        for index in _flat(call.arguments["IndexName"]):
            yield f"{base}/index/{index}" if base else ""
    else:
        yield base


def _key_of(arn: str, where: Where) -> str:
    """The key's ARN in place of its alias's."""
    around, _, alias = arn.partition(":alias/")
    if not alias:
        return arn
    own = around == f"arn:{where.partition}:kms:{where.region}:{where.account}"
    return (where.aliases.get(f"alias/{alias}") if own else None) or f"{around}:key/{UNKNOWN}"


QUEUE_URL = re.compile(r"https://(?:[^/]*?\.)?sqs(?:-fips)?\.(⟦[^⟧]*⟧|[^/.]+)\.[^/]*amazonaws[^/]*/(\d{12})/")
"""(region, account) of a queue's URL: a queue may be another account's."""


def _filled(shape: str, value: str, where: Where) -> str:
    service, scope, rest = shape.split(":", 2)
    if service == "sqs" and "/" in value:
        if owner := QUEUE_URL.match(value):
            where = replace(where, region=where.region if is_symbolic(owner[1]) else owner[1], account=owner[2])
        value = value.rstrip("/").rpartition("/")[2]
    if service == "ssm":
        value = value.lstrip("/")
    if service == "kms" and value.startswith("alias/"):  # a statement's resource is the key, whatever names it
        if value in where.aliases:
            return where.aliases[value]
        value = UNKNOWN
    around = f"{where.region}:{where.account}" if scope == "ra" else ":"
    if service == "s3":
        return f"arn:{where.partition}:s3:::{value}"
    return f"arn:{where.partition}:{service}:{around}:{rest.format(value)}"


def _objects(call: Call, bucket: str) -> Iterator[str]:
    """A bucket's ARN, or its objects': by what the action is about."""
    if call.operation in S3_BUCKET_LEVEL or ("Bucket" in call.operation and call.operation not in S3_OBJECT_LEVEL):
        yield bucket
        return
    for key in _flat(call.arguments.get("Key", (None,))) or (None,):
        yield f"{bucket}/{key if key is not None else UNKNOWN}"


def _flat(values: Alternatives) -> tuple[str | None, ...]:
    """The texts among alternatives, also those in lists."""
    found: list[str | None] = []
    for value in values:
        if isinstance(value, list):
            found += [text for inner in value for text in _flat(inner)] or [None]
        else:
            found.append(value if isinstance(value, str) else None)
    return tuple(found)


def _roles(arguments: Mapping[Any, Any]) -> Iterator[str]:
    """ARNs that are handed over in an argument for a role, however deep."""
    for name, values in arguments.items():
        for value in values:
            if isinstance(name, str) and ROLE_ARGUMENT.fullmatch(name) and not isinstance(value, dict | list):
                if value != "":
                    yield value if isinstance(value, str) and value != UNKNOWN else ""
            elif isinstance(value, dict):
                yield from _roles(value)
            elif isinstance(value, list):
                for inner in value:
                    yield from _roles({"": inner})


# — operations whose needs depend on what they are given —

Rule = Callable[[Call, Where], Iterator[tuple[str, str]]]
"""Gives (action, resource); an action that begins with "?" is a sentence about what can't be told."""


def _tables(names: Iterable[str | None], where: Where) -> tuple[str, ...]:
    made = Call("dynamodb", "GetItem", arguments={"TableName": tuple(names)})
    return resources_of(made, where)


def _transact_write(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    known = False
    for kind, body in _entries(call.arguments.get("TransactItems", ())):
        if kind in TRANSACTION:
            known = True
            for table in _tables(_texts(body, "TableName"), where):
                yield f"dynamodb:{TRANSACTION[kind]}", table
    if not known:
        yield "?what a transaction writes comes from elsewhere", ""


def _transact_get(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    tables = [
        table
        for kind, body in _entries(call.arguments.get("TransactItems", ()))
        if kind == "Get"
        for table in _texts(body, "TableName")
    ]
    for table in _tables(tables or [None], where):
        yield "dynamodb:GetItem", table


def _entries(values: Alternatives) -> Iterator[tuple[str, Any]]:
    """("Put", {…}) of each item of TransactItems, as far as they are known."""
    for value in values:
        for item in _flat_items(value):
            if isinstance(item, dict):
                for kind, bodies in item.items():
                    if isinstance(kind, str):
                        for body in bodies:
                            yield kind, body


def _flat_items(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for inner in value:
            for each in inner:
                yield from _flat_items(each)
    else:
        yield value


def _texts(body: Any, name: str) -> list[str | None]:
    return list(_flat(body.get(name, (None,)))) if isinstance(body, dict) else [None]


def _batch(action: str) -> Rule:
    """RequestItems: its keys are the tables."""

    def rule(call: Call, where: Where) -> Iterator[tuple[str, str]]:
        if "TableName" in call.arguments:  # batch_writer's
            names: list[str | None] = list(_flat(call.arguments["TableName"]))
        else:
            names = [
                key for value in call.arguments.get("RequestItems", ()) if isinstance(value, dict) for key in value
            ] or [None]
        for table in _tables(names, where):
            yield action, table

    return rule


def _partiql(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    statements = [
        text
        for name in ("Statement", "Statements", "TransactStatements")
        for text in _statements(call.arguments.get(name, ()))
    ]
    for text in statements or [None]:
        verb = (text or "").split(" ", 1)[0].upper()
        if text is None or verb not in PARTIQL:
            yield "?a PartiQL statement comes from elsewhere", ""
            continue
        table = re.search(r"(?:FROM|INTO|UPDATE)\s+\"?([\w.⟦⟧?-]+)\"?", text, re.IGNORECASE)
        for resource in _tables([table[1].split(".")[0] if table else None], where):
            yield f"dynamodb:PartiQL{PARTIQL[verb]}", resource


def _statements(values: Alternatives) -> Iterator[str | None]:
    for value in values:
        for each in _flat_items(value):
            if isinstance(each, dict):
                yield from _flat(each.get("Statement", (None,)))
            else:
                yield each.strip() if isinstance(each, str) else None


def _copy(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    for source in call.arguments.get("CopySource", (None,)):
        if isinstance(source, dict):
            read = Call("s3", "GetObject", arguments={key: source[key] for key in ("Bucket", "Key") if key in source})
            for resource in resources_of(read, where):
                yield "s3:GetObjectVersion" if "VersionId" in source else "s3:GetObject", resource
        else:
            known = isinstance(source, str) and not source.startswith(UNKNOWN)
            yield (
                "s3:GetObject",
                f"arn:{where.partition}:s3:::{str(source).lstrip('/').partition('?')[0]}" if known else "",
            )
    for resource in resources_of(call, where):
        yield "s3:PutObject", resource
    if "Tagging" in call.arguments or "TaggingDirective" in call.arguments:
        yield "s3:PutObjectTagging", ""


def _object(action: str, versioned: str = "", extra: Mapping[str, str] | None = None) -> Rule:
    """An object's action, its version's where one is named, and those that other arguments need."""

    def rule(call: Call, where: Where) -> Iterator[tuple[str, str]]:
        given = {name for name, values in call.arguments.items() if values}
        for resource in resources_of(call, where):
            yield versioned if versioned and "VersionId" in given else action, resource
            for argument, needed in (extra or {}).items():
                if argument in given:
                    yield needed, resource

    return rule


def _delete_objects(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    versions = any(
        "VersionId" in item
        for value in call.arguments.get("Delete", ())
        if isinstance(value, dict)
        for objects in value.get("Objects", ())
        for item in _flat_items(objects)
        if isinstance(item, dict)
    )
    bucket = Call("s3", "ListObjects", arguments={"Bucket": call.arguments.get("Bucket", (None,))})
    for resource in resources_of(bucket, where):
        yield "s3:DeleteObject", f"{resource}/{UNKNOWN}" if resource else ""
        if versions:
            yield "s3:DeleteObjectVersion", f"{resource}/{UNKNOWN}" if resource else ""


def _put_events(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    names: list[str | None] = []
    for value in call.arguments.get("Entries", ()):
        for entry in _flat_items(value):
            names += (
                _texts(entry, "EventBusName")
                if isinstance(entry, dict) and ("EventBusName" in entry or None in entry)
                else ["default"]
                if isinstance(entry, dict)
                else [None]
            )
    made = Call("events", "PutEvents", arguments={"EventBusName": tuple(names or [None])})
    for resource in resources_of(made, where):
        yield "events:PutEvents", resource


def _publish(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    if "PhoneNumber" in call.arguments and not {"TopicArn", "TargetArn"} & call.arguments.keys():
        yield "sns:Publish", "*"
        return
    for resource in resources_of(call, where):
        yield "sns:Publish", resource


def _queue_url(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    for owner in _flat(call.arguments.get("QueueOwnerAWSAccountId", (where.account,))):
        for resource in resources_of(call, replace(where, account=owner or UNKNOWN)):
            yield "sqs:GetQueueUrl", resource


def _data_api(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    """It reads the secret as whoever calls it (Aurora user guide, "Authorizing access to the Amazon RDS Data API")."""
    for resource in resources_of(call, where):
        yield f"rds-data:{call.operation}", resource
    read = Call("secretsmanager", "GetSecretValue", arguments={"SecretId": call.arguments.get("secretArn", (None,))})
    for secret in resources_of(read, where):
        yield "secretsmanager:GetSecretValue", secret


def _instances(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    for named in _flat(call.arguments.get("InstanceIds") or call.arguments.get("InstanceId") or (None,)):
        known = "" if not named or UNKNOWN in named else _filled("ec2:ra:instance/{}", named, where)
        yield f"ec2:{call.operation}", known


PROFILE = re.compile(r"(?:global|us-gov|apac|[a-z]{2})\.(.+)")
"""A system-defined inference profile's id: where its models are, and the model's own id."""


def _model(call: Call, where: Where) -> Iterator[tuple[str, str]]:
    [action] = actions_of(call.service, call.operation)
    for named in _flat(call.arguments.get("modelId", (None,))) or (None,):
        for resource in _models(named or "", where):
            yield action, resource


def _models(named: str, where: Where) -> Iterator[str]:
    """What naming a model needs: a profile also needs its models, each in every region that it has.

    Source: Bedrock user guide, "Prerequisites for inference profiles". The region is left open: models are often called
    in another one than the code's.
    """
    model = f"arn:{where.partition}:bedrock:{UNKNOWN}::foundation-model/"
    if named.startswith("arn:"):
        yield named
        if ":application-inference-profile/" in named:
            yield f"{model}{UNKNOWN}"
        elif profile := PROFILE.fullmatch(named.partition(":inference-profile/")[2]):
            yield f"{model}{profile[1]}"
    elif not named or is_symbolic(named):
        yield ""
    elif profile := PROFILE.fullmatch(named):
        yield f"arn:{where.partition}:bedrock:{UNKNOWN}:{where.account}:inference-profile/{named}"
        yield f"{model}{profile[1]}"
        if named.startswith("global."):
            yield f"arn:{where.partition}:bedrock:::foundation-model/{profile[1]}"
    else:
        yield f"{model}{named}"


RULES: Mapping[str, Rule] = {
    "dynamodb.TransactWriteItems": _transact_write,
    "dynamodb.TransactGetItems": _transact_get,
    "dynamodb.BatchGetItem": _batch("dynamodb:BatchGetItem"),
    "dynamodb.BatchWriteItem": _batch("dynamodb:BatchWriteItem"),
    "dynamodb.ExecuteStatement": _partiql,
    "dynamodb.BatchExecuteStatement": _partiql,
    "dynamodb.ExecuteTransaction": _partiql,
    "s3.CopyObject": _copy,
    "s3.UploadPartCopy": _copy,
    "s3.DeleteObjects": _delete_objects,
    "s3.GetObject": _object("s3:GetObject", "s3:GetObjectVersion"),
    "s3.HeadObject": _object("s3:GetObject", "s3:GetObjectVersion"),
    "s3.DeleteObject": _object("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3.GetObjectTagging": _object("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    "s3.PutObjectTagging": _object("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
    "s3.DeleteObjectTagging": _object("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
    "s3.GetObjectAcl": _object("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    "s3.GetObjectAttributes": _object(
        "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", {"Bucket": "s3:GetObject"}
    ),
    **{
        f"s3.{operation}": _object(
            "s3:PutObject",
            "",
            {
                "ACL": "s3:PutObjectAcl",
                "Tagging": "s3:PutObjectTagging",
                "ObjectLockMode": "s3:PutObjectRetention",
                "ObjectLockLegalHoldStatus": "s3:PutObjectLegalHold",
            },
        )
        for operation in ("PutObject", "CreateMultipartUpload")
    },
    "events.PutEvents": _put_events,
    "sns.Publish": _publish,
    "sqs.GetQueueUrl": _queue_url,
    "sts.AssumeRole": _object(
        "sts:AssumeRole", "", {"Tags": "sts:TagSession", "SourceIdentity": "sts:SetSourceIdentity"}
    ),
    **{
        f"rds-data.{operation}": _data_api
        for operation in (
            "BatchExecuteStatement", "BeginTransaction", "CommitTransaction", "ExecuteStatement", "RollbackTransaction",
        )
    },
    **{
        f"ec2.{operation}": _instances
        for operation in (
            "GetConsoleOutput", "GetPasswordData", "MonitorInstances", "RebootInstances", "StartInstances",
            "StopInstances", "TerminateInstances", "UnmonitorInstances",
        )
    },
    **{
        f"bedrock-runtime.{operation}": _model
        for operation in (
            "Converse", "ConverseStream", "InvokeModel", "InvokeModelWithBidirectionalStream",
            "InvokeModelWithResponseStream", "StartAsyncInvoke",
        )
    },
}  # fmt: skip
