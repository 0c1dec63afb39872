import boto3


def fetch(bucket, key, client=None):
    client = client or boto3.client("s3")
    return client.get_object(Bucket=bucket, Key=key)
