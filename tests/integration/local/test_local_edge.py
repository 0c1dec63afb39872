"""CloudFront before a REST API and before buckets, answered by the daemon without a look at the network."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client

from opsctl.local import Running

BYTES = bytes(range(256)) * 16
ALIAS = "edge.opsctl.test"


def api_that_stores(client: Client) -> str:
    """A REST API with PUT /v1/store, which goes straight to the bucket `edge-store`."""
    client("s3").create_bucket(Bucket="edge-store", CreateBucketConfiguration={"LocationConstraint": REGION})
    gateway = client("apigateway")
    api = gateway.create_rest_api(name="edge", binaryMediaTypes=["image/jpeg"])
    where = {
        "restApiId": api["id"], "httpMethod": "POST",
        "resourceId": gateway.create_resource(
            restApiId=api["id"], parentId=api["rootResourceId"], pathPart="store"
        )["id"],
    }  # fmt: skip
    gateway.put_method(**where, authorizationType="NONE")
    gateway.put_integration(
        **where, type="AWS", integrationHttpMethod="PUT", credentials=f"arn:aws:iam::{ACCOUNT}:role/upload",
        uri=f"arn:aws:apigateway:{REGION}:s3:path/edge-store/object",
        requestParameters={"integration.request.header.x-amz-meta-origin": "method.request.header.x-origin-verify"},
    )  # fmt: skip
    gateway.put_method_response(**where, statusCode="201")
    gateway.put_integration_response(
        **where, statusCode="201", responseTemplates={"application/json": '{"stored":true}'}
    )
    gateway.create_deployment(restApiId=api["id"], stageName="v1")
    return str(api["id"])


def site(client: Client) -> None:
    """A bucket that lets CloudFront read, over TLS only."""
    s3 = client("s3")
    s3.create_bucket(Bucket="edge-site", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="edge-site", Key="index.html", Body=b"<h1>hello</h1>", ContentType="text/html")
    s3.put_object(Bucket="edge-site", Key="picture.jpg", Body=BYTES, ContentType="image/jpeg")
    everything = "arn:aws:s3:::edge-site/*"
    s3.put_bucket_policy(Bucket="edge-site", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": everything,
         "Principal": {"Service": "cloudfront.amazonaws.com"}},
        {"Effect": "Deny", "Action": "s3:*", "Resource": everything, "Principal": "*",
         "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]}))  # fmt: skip


@pytest.fixture(scope="module")
def distribution(client: Client) -> str:
    """The domain name of a distribution: /v1/* to the API, all else to the site."""
    api = api_that_stores(client)
    site(client)
    cloudfront = client("cloudfront")
    access = cloudfront.create_origin_access_control(OriginAccessControlConfig={
        "Name": "edge", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3",
    })["OriginAccessControl"]["Id"]  # fmt: skip
    methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]

    def behavior(origin: str) -> dict[str, Any]:
        return {
            "TargetOriginId": origin, "ViewerProtocolPolicy": "https-only",
            "AllowedMethods": {"Quantity": 7, "Items": methods},
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",  # managed: CachingDisabled
            "OriginRequestPolicyId": "b689b0a8-53d0-40ab-baf2-68738e2966ac",  # managed: AllViewerExceptHostHeader
        }  # fmt: skip

    made = cloudfront.create_distribution(DistributionConfig={
        "CallerReference": "edge", "Comment": "", "Enabled": True, "DefaultRootObject": "index.html",
        "Aliases": {"Quantity": 1, "Items": [ALIAS]},
        "Origins": {"Quantity": 2, "Items": [
            {"Id": "api", "DomainName": f"{api}.execute-api.{REGION}.amazonaws.com",
             "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "x-origin-verify", "HeaderValue": "secret"}]},
             "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}},
            {"Id": "site", "DomainName": f"edge-site.s3.{REGION}.amazonaws.com", "OriginAccessControlId": access,
             "S3OriginConfig": {"OriginAccessIdentity": ""}},
        ]},
        "DefaultCacheBehavior": behavior("site"),
        "CacheBehaviors": {"Quantity": 1, "Items": [{"PathPattern": "/v1/*", **behavior("api")}]},
    })  # fmt: skip
    return str(made["Distribution"]["DomainName"])


def ask(running: Running, host: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(
        running.endpoint_url + path, data=body,
        headers={"Host": host, "X-Forwarded-Proto": "https", "Content-Type": "image/jpeg"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_an_upload_goes_through_the_edge_and_the_api_into_s3_byte_for_byte(
    running: Running, client: Client, distribution: str
) -> None:
    assert ask(running, distribution, "/v1/store", BYTES) == (201, b'{"stored":true}')
    stored = client("s3").get_object(Bucket="edge-store", Key="object")
    assert stored["Body"].read() == BYTES
    assert stored["Metadata"] == {"origin": "secret"}


@pytest.mark.parametrize("path", ["/picture.jpg"])
def test_an_object_comes_back_through_the_edge_byte_for_byte_from_a_bucket_that_wants_tls(
    running: Running, distribution: str, path: str
) -> None:
    assert ask(running, distribution, path) == (200, BYTES)


def test_the_alias_of_a_distribution_is_the_distribution(running: Running, distribution: str) -> None:
    assert ask(running, ALIAS, "/") == ask(running, distribution, "/") == (200, b"<h1>hello</h1>")


def test_the_api_answers_at_its_own_host_name(running: Running, client: Client, distribution: str) -> None:
    apis = {api["name"]: api["id"] for api in client("apigateway").get_rest_apis()["items"]}
    host = f"{apis['edge']}.execute-api.{REGION}.amazonaws.com"
    assert ask(running, host, "/v1/store", BYTES)[0] == 201
