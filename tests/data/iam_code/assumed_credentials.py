# needs: sts:AssumeRole sts:GetCallerIdentity?
# note: the bucket is written as the other role
import os

import boto3

sts = boto3.client("sts")


def session(role):
    credentials = sts.assume_role(RoleArn=role, RoleSessionName="copy")["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def handler(event, context):
    other = session(os.environ["OTHER_ROLE"]).client("s3")
    other.put_object(Bucket="theirs", Key="k", Body=b"")
    sts.get_caller_identity()
