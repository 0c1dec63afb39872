# needs: rds-db:connect rds:DescribeDBInstances
import os

import boto3
import pymysql

rds = boto3.client("rds")


def handler(event, context):
    host = rds.describe_db_instances(DBInstanceIdentifier=os.environ["DB"])["DBInstances"][0]["Endpoint"]["Address"]
    token = rds.generate_db_auth_token(DBHostname=host, Port=3306, DBUsername="app")
    connection = pymysql.connect(host=host, user="app", password=token, ssl={"ca": "rds.pem"})
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return cursor.fetchall()
