# needs: cognito-idp:AdminGetUser cognito-idp:ListUsers timestream:WriteRecords bedrock:InvokeModel
import boto3 as aws
from boto3 import client as make
from boto3.session import Session

users = make("cognito-idp")
session = Session(region_name="eu-west-1")
times, models = session.client(service_name="timestream-write"), session.client("bedrock-runtime")


def handler(event, context):
    pool = event["userPoolId"]
    users.admin_get_user(UserPoolId=pool, Username=event["userName"])
    aws.client("cognito-idp").list_users(UserPoolId=pool)
    users.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId="x")
    times.write_records(DatabaseName="d", TableName="t", Records=[])
    return models.converse(modelId="m", messages=[])
