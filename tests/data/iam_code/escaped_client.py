# needs: dynamodb:DescribeTable
# cannot-tell: * dynamodb:*
import boto3
from locking import DynamoLock

client = boto3.client("dynamodb")
lock = DynamoLock(client, table="locks")


def handler(event, context):
    with lock.hold("job"):
        return client.describe_table(TableName="jobs")
