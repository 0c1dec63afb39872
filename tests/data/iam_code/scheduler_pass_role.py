# needs: scheduler:CreateSchedule iam:PassRole scheduler:DeleteSchedule
import os

import boto3

scheduler = boto3.client("scheduler")


def handler(event, context):
    scheduler.create_schedule(
        Name=event["name"],
        ScheduleExpression="at(2030-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": os.environ["TARGET_ARN"], "RoleArn": os.environ["ROLE_ARN"], "Input": "{}"},
    )
    if event.get("old"):
        scheduler.delete_schedule(Name=event["old"])
