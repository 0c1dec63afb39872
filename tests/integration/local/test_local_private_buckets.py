"""Buckets answer nobody who shows no credentials, unless their policy says so."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from local_clouds import REGION, Client

from opsctl.local import Running

KEY = "page/index.html"


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def bucket_with_an_object(client: Client, name: str) -> None:
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket=name, Key=KEY, Body=b"<p>private</p>")


def test_an_unsigned_request_to_a_private_bucket_is_denied_and_a_presigned_one_is_not(
    running: Running, client: Client
) -> None:
    bucket_with_an_object(client, "quite-private")
    assert status(f"{running.endpoint_url}/quite-private/{KEY}") == 403
    assert status(f"{running.endpoint_url}/quite-private") == 403
    presigned = client("s3").generate_presigned_url("get_object", {"Bucket": "quite-private", "Key": KEY})
    assert status(presigned) == 200


def test_what_a_policy_grants_to_everybody_is_given_to_everybody_and_nothing_beside(
    running: Running, client: Client
) -> None:
    bucket_with_an_object(client, "half-public")
    client("s3").put_object(Bucket="half-public", Key="secret", Body=b"no")
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::half-public/page/*"
    }  # fmt: skip
    client("s3").delete_public_access_block(Bucket="half-public")
    client("s3").put_bucket_policy(
        Bucket="half-public", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    assert status(f"{running.endpoint_url}/half-public/{KEY}") == 200
    assert status(f"{running.endpoint_url}/half-public/secret") == 403
