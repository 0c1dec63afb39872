# needs: s3:PutObjectTagging s3:GetObjectTagging codepipeline:PutJobSuccessResult
from __future__ import annotations

from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_s3.client import S3Client


class Tagger:
    s3: S3Client

    def __init__(self, s3: S3Client, pipeline: CodePipelineClient) -> None:
        self.s3 = s3
        self.pipeline = pipeline

    def tag(self, bucket: str, key: str, tags: dict[str, str]) -> None:
        old = self.s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        new = [*old, *({"Key": name, "Value": value} for name, value in tags.items())]
        self.s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": new})


def build() -> Tagger:
    return Tagger(boto3.client("s3"), boto3.client("codepipeline"))


def handler(event: dict, context: object) -> None:
    tagger = build()
    tagger.tag(event["bucket"], event["key"], {"seen": "yes"})
    tagger.pipeline.put_job_success_result(jobId=event["CodePipeline.job"]["id"])
