# needs: sts:AssumeRole
# cannot-tell: *
import boto3


def handler(event, context):
    client = boto3.client(event["service"])
    boto3.client("sts").assume_role(RoleArn=event["role"], RoleSessionName="x")
    return getattr(client, event["operation"])(**event["arguments"])
