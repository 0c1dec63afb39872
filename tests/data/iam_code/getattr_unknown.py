# needs: ec2:DescribeRegions
# cannot-tell: ec2:*
import boto3

ec2 = boto3.client("ec2")


def handler(event, context):
    regions = ec2.describe_regions()["Regions"]
    return [getattr(ec2, event["operation"])(DryRun=True) for _ in regions]
