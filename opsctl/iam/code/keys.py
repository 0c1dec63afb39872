"""Which KMS actions come with an action on something that a customer's key guards.

Sources: "Key management" or "Encryption at rest" of each guide: S3 ("Using SSE-KMS", permissions), SQS and SNS
("Key management"), DynamoDB ("Using a customer managed key": the caller's permissions), Secrets Manager ("Secret
encryption and decryption"), Systems Manager ("How Parameter Store uses KMS"), Kinesis ("… user-generated
KMS keys").
"""

from __future__ import annotations

from collections.abc import Mapping

READ, WRITE, BOTH = ("kms:Decrypt",), ("kms:GenerateDataKey",), ("kms:GenerateDataKey", "kms:Decrypt")

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "s3:GetObject": READ,
    "s3:GetObjectVersion": READ,
    "s3:PutObject": WRITE,
    "sqs:SendMessage": BOTH,
    "sqs:ReceiveMessage": READ,
    "sns:Publish": BOTH,
    "secretsmanager:GetSecretValue": READ,
    "secretsmanager:PutSecretValue": BOTH,
    "secretsmanager:UpdateSecret": BOTH,
    "ssm:GetParameter": READ,
    "ssm:GetParameters": READ,
    "ssm:GetParametersByPath": READ,
    "ssm:PutParameter": ("kms:Encrypt",),
    "kinesis:PutRecord": WRITE,
    "kinesis:PutRecords": WRITE,
    "kinesis:GetRecords": READ,
    "kinesis:SubscribeToShard": READ,
    **{
        f"dynamodb:{action}": READ
        for action in (
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "GetRecords",
            "PutItem",
            "Query",
            "Scan",
            "UpdateItem",
            "PartiQLSelect",
            "PartiQLInsert",
            "PartiQLUpdate",
            "PartiQLDelete",
        )
    },
}

BESIDES: Mapping[str, tuple[str, ...]] = {
    "s3:PutObject": ("kms:Decrypt", "kms:Encrypt"),  # the parts of a multipart upload are decrypted
    **{
        action: (
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:DescribeKey",
            "kms:CreateGrant",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        )
        for action in REQUIRED
        if action.startswith("dynamodb:")
    },
    "kinesis:PutRecord": ("kms:Decrypt",),
    "ssm:PutParameter": ("kms:GenerateDataKey",),
}
"""What some of these calls need besides; never missed, and never called unused."""
