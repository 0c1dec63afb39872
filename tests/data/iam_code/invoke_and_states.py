# needs: lambda:InvokeFunction states:StartExecution states:DescribeExecution states:SendTaskSuccess
import json
import os
import time

import boto3

lambda_client = boto3.client("lambda")
sfn = boto3.client("stepfunctions")


def handler(event, context):
    answer = lambda_client.invoke(FunctionName=os.environ["WORKER"], InvocationType="RequestResponse", Payload=b"{}")
    result = json.loads(answer["Payload"].read())
    arn = sfn.start_execution(stateMachineArn=os.environ["MACHINE"], input=json.dumps(result))["executionArn"]
    while sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
        time.sleep(1)
    if "token" in event:
        sfn.send_task_success(taskToken=event["token"], output="{}")
