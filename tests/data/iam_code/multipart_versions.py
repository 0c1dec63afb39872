# needs: s3:PutObject s3:PutObjectAcl s3:GetObjectVersion s3:DeleteObjectVersion s3:ListBucketVersions s3:ListBucket
# needs: s3:AbortMultipartUpload s3:GetBucketNotification
import boto3

s3 = boto3.client("s3")


def handler(event, context):
    bucket, key = event["bucket"], event["key"]
    s3.head_bucket(Bucket=bucket)
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, ACL="private")["UploadId"]
    try:
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)
    except Exception:
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    for version in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
        s3.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
    return s3.get_bucket_notification_configuration(Bucket=bucket)
