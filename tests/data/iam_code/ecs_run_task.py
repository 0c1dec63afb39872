# needs: ecs:RunTask ecs:DescribeTasks iam:PassRole
import os

import boto3

ecs = boto3.client("ecs")


def handler(event, context):
    task = ecs.run_task(
        cluster=os.environ["CLUSTER"],
        taskDefinition=os.environ["TASK_DEFINITION"],
        overrides={"taskRoleArn": os.environ["TASK_ROLE"]},
    )
    ecs.get_waiter("tasks_running").wait(cluster=os.environ["CLUSTER"], tasks=[t["taskArn"] for t in task["tasks"]])
