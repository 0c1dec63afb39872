# needs: iam:ListUsers iam:ListAccessKeys iam:UpdateAccessKey sns:Publish sts:AssumeRole?
import datetime
import os

import boto3

iam = boto3.resource("iam")
topic = boto3.resource("sns").Topic(os.environ["TOPIC_ARN"])
LIMIT = datetime.timedelta(days=90)


def lambda_handler(event, context):
    now = datetime.datetime.now(datetime.UTC)
    for user in iam.users.all():
        for key in user.access_keys.all():
            if key.status == "Active" and now - key.create_date > LIMIT:
                key.deactivate()
                topic.publish(Subject="key", Message=f"{user.name} {key.id}")
