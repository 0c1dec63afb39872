# needs: s3:PutObject
# cannot-tell: *
import awswrangler as wr
import boto3

s3 = boto3.client("s3")


def handler(event, context):
    frame = wr.athena.read_sql_query("select 1", database="x")
    s3.put_object(Bucket="reports", Key="one.csv", Body=frame.to_csv())
