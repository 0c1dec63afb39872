# needs: s3:ListBucket s3:DeleteObject s3:GetObject
import boto3

s3 = boto3.resource("s3")


def handler(event, context):
    bucket = s3.Bucket(event["bucket"])
    sizes = {}
    for summary in bucket.objects.filter(Prefix="tmp/"):
        sizes[summary.key] = summary.Object().content_length
    bucket.objects.filter(Prefix="old/").delete()
    return sizes
