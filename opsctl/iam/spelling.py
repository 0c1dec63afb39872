"""The action, service or key that somebody meant who wrote one that isn't."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsctl.iam.vocabulary import Vocabulary

# What people write for a service whose prefix is another: names of products, of endpoints and of clients.
SERVICE_ALIASES = {
    "amp": "aps", "api-gateway": "apigateway", "apigatewayv2": "apigateway",
    "application-insights": "applicationinsights", "awslambda": "lambda", "cfn": "cloudformation",
    "cloud-formation": "cloudformation", "cloudwatch-logs": "logs", "cloudwatchevents": "events",
    "cloudwatchlogs": "logs", "cognito": "cognito-idp", "cw": "cloudwatch", "ddb": "dynamodb",
    "directory-service": "ds", "dynamo": "dynamodb", "dynamodb-streams": "dynamodb", "efs": "elasticfilesystem",
    "elastic-beanstalk": "elasticbeanstalk", "elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing",
    "emr": "elasticmapreduce", "eventbridge": "events", "keyspaces": "cassandra",
    "kinesis-analytics": "kinesisanalytics", "kinesis-firehose": "firehose", "kinesisfirehose": "firehose",
    "lambdas": "lambda", "location": "geo", "msk": "kafka", "mwaa": "airflow", "neptune": "neptune-db",
    "pinpoint": "mobiletargeting", "rds-db-connect": "rds-db", "resourcegroupstaggingapi": "tag",
    "route-53": "route53", "sagemaker-runtime": "sagemaker", "secret-manager": "secretsmanager",
    "secretmanager": "secretsmanager", "secrets-manager": "secretsmanager", "service-discovery": "servicediscovery",
    "sesv2": "ses", "sfn": "states", "sso-admin": "sso", "step-functions": "states", "stepfunctions": "states",
    "systems-manager": "ssm", "timestream-query": "timestream", "timestream-write": "timestream", "x-ray": "xray",
}  # fmt: skip

# API operations whose permission has another name (S3 user guide, "Required permissions for Amazon S3 API operations";
# Lambda developer guide).
OPERATION_ALIASES = {
    "lambda:invoke": "lambda:InvokeFunction",
    "lambda:invokeasync": "lambda:InvokeFunction",
    "s3:completemultipartupload": "s3:PutObject",
    "s3:copyobject": "s3:GetObject",
    "s3:createmultipartupload": "s3:PutObject",
    "s3:deletebucketcors": "s3:PutBucketCORS",
    "s3:deletebucketencryption": "s3:PutEncryptionConfiguration",
    "s3:deletebucketlifecycle": "s3:PutLifecycleConfiguration",
    "s3:deletebucketreplication": "s3:PutReplicationConfiguration",
    "s3:deletebuckettagging": "s3:PutBucketTagging",
    "s3:deleteobjects": "s3:DeleteObject",
    "s3:deletepublicaccessblock": "s3:PutBucketPublicAccessBlock",
    "s3:getbucketencryption": "s3:GetEncryptionConfiguration",
    "s3:getbucketlifecycle": "s3:GetLifecycleConfiguration",
    "s3:getbucketlifecycleconfiguration": "s3:GetLifecycleConfiguration",
    "s3:getbucketreplication": "s3:GetReplicationConfiguration",
    "s3:getpublicaccessblock": "s3:GetBucketPublicAccessBlock",
    "s3:headbucket": "s3:ListBucket",
    "s3:headobject": "s3:GetObject",
    "s3:listbuckets": "s3:ListAllMyBuckets",
    "s3:listmultipartuploads": "s3:ListBucketMultipartUploads",
    "s3:listobjects": "s3:ListBucket",
    "s3:listobjectsv2": "s3:ListBucket",
    "s3:listobjectversions": "s3:ListBucketVersions",
    "s3:listparts": "s3:ListMultipartUploadParts",
    "s3:putbucketencryption": "s3:PutEncryptionConfiguration",
    "s3:putbucketlifecycle": "s3:PutLifecycleConfiguration",
    "s3:putbucketlifecycleconfiguration": "s3:PutLifecycleConfiguration",
    "s3:putbucketreplication": "s3:PutReplicationConfiguration",
    "s3:putpublicaccessblock": "s3:PutBucketPublicAccessBlock",
    "s3:selectobjectcontent": "s3:GetObject",
    "s3:uploadpart": "s3:PutObject",
    "s3:uploadpartcopy": "s3:PutObject",
}


def one_edit(written: str, meant: str) -> int:
    """How likely it is that one slip of the hand made `written` of `meant`; 0 where it takes more than one.

    4: two neighbours swapped, 3: a character left out, 2: one too many, 1: another in its place. (There are few ways to
    swap or leave out, and many to put something wrong in.)
    """
    length = len(written) - len(meant)
    if not -1 <= length <= 1 or written == meant:
        return 0
    shorter = min(len(written), len(meant))
    start = 0
    while start < shorter and written[start] == meant[start]:
        start += 1
    if length:
        longer, other = (written, meant) if length > 0 else (meant, written)
        return (2 if length > 0 else 3) if longer[start + 1 :] == other[start:] else 0
    if written[start + 1 :] == meant[start + 1 :]:
        return 1
    swapped = written[start : start + 2] == meant[start : start + 2][::-1]
    return 4 if swapped and written[start + 2 :] == meant[start + 2 :] else 0


def nearest(written: str, known: Iterable[str], *, at_least: float = 0.75) -> str:
    """The known name that somebody most likely meant, compared without regard to case; "" where none is near.

    One slip first; else the most similar one by difflib's ratio, if that is `at_least`.
    """
    from difflib import SequenceMatcher  # only a mistake needs it

    lower = written.lower()
    best, best_score = "", 0.0
    similar = SequenceMatcher(autojunk=False)
    similar.set_seq2(lower)
    for name in known:
        each = name.lower()
        if slip := one_edit(lower, each):
            score = 1.0 + slip
        elif best_score > 1 or 2 * min(len(each), len(lower)) < at_least * (len(each) + len(lower)):
            continue
        else:
            similar.set_seq1(each)
            if similar.real_quick_ratio() < at_least or similar.quick_ratio() < at_least:
                continue
            score = similar.ratio()
            if score < at_least:
                continue
        if score > best_score:
            best, best_score = name, score
    return best


def nearest_action(name: str, known: Vocabulary) -> str:
    """The real action that `name`, which is none, most likely stands for; "" where nothing is near.

    Looked for, nearest first: an operation whose permission is called otherwise; a service that goes by another name;
    one slip in the action or the service; a missing colon; then what is merely similar.
    """
    prefix, colon, action = name.lower().partition(":")
    if name.lower() in OPERATION_ALIASES:
        return OPERATION_ALIASES[name.lower()]
    if not colon:
        return _without_colon(prefix, known)
    service = known.service(prefix)
    found: list[tuple[float, str]] = []
    if service:
        for each in service.action_names:
            if slip := one_edit(action, each.lower()):
                found.append((slip, f"{service.prefix}:{each}"))
    alias = SERVICE_ALIASES.get(prefix)
    for other in (alias,) if alias and not service else sorted(known.services):
        slip = 5 if other == alias else one_edit(prefix, other)
        if slip and (twin := known.action(f"{other}:{action}")):
            found.append((slip, twin.name))
    if found:
        return min(found, key=lambda each: (-each[0], known.is_retired(each[1]), each[1]))[1]
    if moved := _without_colon(prefix + action, known):  # "ec:2RunInstances"
        return moved
    if not service:
        other = alias or nearest(prefix, sorted(known.services))
        service = known.service(other) if other else None
    if service:
        near = nearest(action, service.action_names, at_least=0.7)
        return f"{service.prefix}:{near}" if near else ""
    return ""


def _without_colon(name: str, known: Vocabulary) -> str:
    """ "s3getobject", "s3.getobject", "s3/getobject" → "s3:GetObject"."""
    for length in range(min(len(name), 40), 0, -1):
        if name[:length] in known.services:
            rest = name[length:]
            action = known.action(f"{name[:length]}:{rest}") or known.action(f"{name[:length]}:{rest[1:]}")
            if action:
                return action.name
    return ""
