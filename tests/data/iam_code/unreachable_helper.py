# needs: cloudwatch:PutMetricData
# unreachable: cloudwatch:DeleteAlarms
import boto3

cloudwatch = boto3.client("cloudwatch")


def clean_up():
    cloudwatch.delete_alarms(AlarmNames=["old"])


def handler(event, context):
    cloudwatch.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "orders", "Value": 1}])
