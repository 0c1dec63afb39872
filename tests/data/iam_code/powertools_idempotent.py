# needs: dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem sns:Publish
import os

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent

persistence = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
sns = boto3.client("sns")


@idempotent(config=IdempotencyConfig(event_key_jmespath="id"), persistence_store=persistence)
def lambda_handler(event, context):
    sns.publish(TopicArn=os.environ["TOPIC"], Message=event["id"])
    return {"statusCode": 200}
