from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client

from opsctl.local import Running

ROLE = f"arn:aws:iam::{ACCOUNT}:role/upload"
NOT_TEXT = bytes(range(256)) * 64


class Api:
    """A REST API in the making: one resource, then a stage."""

    def __init__(self, client: Client, running: Running, **settings: Any) -> None:
        self.gateway, self._endpoint = client("apigateway"), running.endpoint_url
        made = self.gateway.create_rest_api(name="test", **settings)
        self.id, self._root = made["id"], made["rootResourceId"]
        self.resource = self.gateway.create_resource(restApiId=self.id, parentId=self._root, pathPart="things")["id"]

    def method(self, verb: str, **integration: Any) -> dict[str, Any]:
        where = {"restApiId": self.id, "resourceId": self.resource, "httpMethod": verb}
        self.gateway.put_method(**where, authorizationType="NONE")
        self.gateway.put_integration(**where, **integration)
        return where

    def call(self, verb: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        self.gateway.create_deployment(restApiId=self.id, stageName="v1")
        request = urllib.request.Request(
            f"{self._endpoint}/_aws/execute-api/{self.id}/v1/things", data=body or None, method=verb,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()


@pytest.fixture
def api(client: Client, running: Running) -> Api:
    return Api(client, running, binaryMediaTypes=["image/jpeg"])


def test_a_vpc_link_lives_from_creation_to_not_found(client: Client) -> None:
    gateway = client("apigateway")
    balancer = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/orders/0123456789abcdef"
    link = gateway.create_vpc_link(name="orders", targetArns=[balancer], tags={"Owner": "me"})
    gateway.tag_resource(resourceArn=f"arn:aws:apigateway:{REGION}::/vpclinks/{link['id']}", tags={"Stage": "x"})
    gateway.untag_resource(resourceArn=f"arn:aws:apigateway:{REGION}::/vpclinks/{link['id']}", tagKeys=["Owner"])

    found = gateway.get_vpc_link(vpcLinkId=link["id"])
    assert (found["status"], found["targetArns"], found["tags"]) == ("AVAILABLE", [balancer], {"Stage": "x"})
    gateway.delete_vpc_link(vpcLinkId=link["id"])
    with pytest.raises(gateway.exceptions.NotFoundException):
        gateway.get_vpc_link(vpcLinkId=link["id"])


def test_a_private_integration_keeps_its_link_and_answers_500_where_the_link_is_not_there(api: Api) -> None:
    where = api.method("GET", type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://orders.elb.amazonaws.com/",
                       connectionType="VPC_LINK", connectionId="abc123")  # fmt: skip
    assert api.gateway.get_integration(**where)["connectionId"] == "abc123"
    status, _, body = api.call("GET")
    assert (status, json.loads(body)) == (500, {"message": "Internal server error"})


def test_a_mock_integration_gives_back_no_method_that_nobody_put(api: Api) -> None:
    where = api.method("GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    assert "httpMethod" not in api.gateway.get_integration(**where)


def test_an_api_key_without_a_value_gets_one(client: Client) -> None:
    made = client("apigateway").create_api_key(name="web", enabled=True, value="")
    assert len(made["value"]) >= 20


def test_a_method_that_was_told_to_need_no_key_needs_none(api: Api) -> None:
    where = api.method("GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.gateway.put_method_response(**where, statusCode="200")
    api.gateway.put_integration_response(**where, statusCode="200")
    for needed, status in (("true", 403), ("false", 200)):
        change = {"op": "replace", "path": "/apiKeyRequired", "value": needed}
        api.gateway.update_method(**where, patchOperations=[change])
        assert api.call("GET")[0] == status


def test_a_usage_plan_without_limits_says_nothing_of_limits(client: Client) -> None:
    gateway = client("apigateway")
    plan = gateway.create_usage_plan(name="free")
    assert not {"quota", "throttle"} & set(gateway.get_usage_plan(usagePlanId=plan["id"]))
    limited = gateway.create_usage_plan(name="paid", quota={"limit": 5, "period": "DAY"})
    assert gateway.get_usage_plan(usagePlanId=limited["id"])["quota"] == {"limit": 5, "period": "DAY"}


def test_a_limit_that_was_changed_is_still_a_number(client: Client) -> None:
    gateway = client("apigateway")
    plan = gateway.create_usage_plan(name="changing", throttle={"rateLimit": 1, "burstLimit": 1})
    patch = [{"op": "replace", "path": "/throttle/rateLimit", "value": "2.5"}]
    gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=patch)
    assert gateway.get_usage_plan(usagePlanId=plan["id"])["throttle"] == {"rateLimit": 2.5, "burstLimit": 1}


def test_a_photo_goes_through_the_api_into_s3_byte_for_byte(api: Api, client: Client) -> None:
    client("s3").create_bucket(Bucket="direct-upload", CreateBucketConfiguration={"LocationConstraint": REGION})
    where = api.method(
        "POST", type="AWS", integrationHttpMethod="PUT", credentials=ROLE, passthroughBehavior="WHEN_NO_MATCH",
        uri=f"arn:aws:apigateway:{REGION}:s3:path/direct-upload/uploads/{{key}}",
        requestParameters={
            "integration.request.path.key": "context.requestId",
            "integration.request.header.Content-Type": "method.request.header.Content-Type",
        },
    )  # fmt: skip
    api.gateway.put_method_response(**where, statusCode="201")
    api.gateway.put_integration_response(
        **where, statusCode="201",
        responseTemplates={"application/json": '{"photo_id":"$context.requestId"}'},
    )  # fmt: skip
    status, headers, body = api.call("POST", NOT_TEXT, Content_Type="image/jpeg")

    photo = json.loads(body)["photo_id"]
    assert (status, headers["x-amzn-requestid"]) == (201, photo)
    stored = client("s3").get_object(Bucket="direct-upload", Key=f"uploads/{photo}")
    assert (stored["Body"].read(), stored["ContentType"]) == (NOT_TEXT, "image/jpeg")


def test_what_s3_refuses_is_mapped_by_the_pattern_of_its_status(api: Api) -> None:
    where = api.method("POST", type="AWS", integrationHttpMethod="PUT", credentials=ROLE,
                       uri=f"arn:aws:apigateway:{REGION}:s3:path/no-such-bucket/x")  # fmt: skip
    for status, pattern in (("201", ""), ("502", "[45]\\d{2}")):
        api.gateway.put_method_response(**where, statusCode=status)
        api.gateway.put_integration_response(
            **where, statusCode=status, selectionPattern=pattern, responseTemplates={"application/json": "{}"}
        )
    assert api.call("POST", NOT_TEXT, Content_Type="image/jpeg")[0] == 502


def test_an_api_of_another_account_answers_by_its_host_name(client: Client, running: Running) -> None:
    gateway = client("apigateway", account="745813098010")
    made = gateway.create_rest_api(name="other")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**where, authorizationType="NONE")
    gateway.put_integration(**where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**where, statusCode="200")
    gateway.put_integration_response(**where, statusCode="200")
    gateway.create_deployment(restApiId=made["id"], stageName="v1")
    host = f"{made['id']}.execute-api.{REGION}.amazonaws.com"
    request = urllib.request.Request(f"{running.endpoint_url}/v1/", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200
