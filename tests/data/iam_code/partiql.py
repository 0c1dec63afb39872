# needs: dynamodb:PartiQLSelect dynamodb:PartiQLUpdate
import boto3

dynamo = boto3.client("dynamodb")


def handler(event, context):
    rows = dynamo.execute_statement(Statement='SELECT * FROM "people" WHERE id = ?', Parameters=[{"S": event["id"]}])
    dynamo.batch_execute_statement(
        Statements=[
            {"Statement": 'UPDATE "people" SET seen = ? WHERE id = ?', "Parameters": [{"BOOL": True}, row["id"]]}
            for row in rows["Items"]
        ]
    )
