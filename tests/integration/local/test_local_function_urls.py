"""A function URL is an address that programs of this machine can call, with a signature."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from local_clouds import ACCOUNT, REGION, Client, zipped

CODE = """
import json

def handler(event, context):
    return {"statusCode": 201, "body": json.dumps({"path": event["rawPath"], "body": event.get("body", "")})}
"""


def test_a_function_url_can_be_called_as_it_was_given_by_who_signs(client: Client) -> None:
    functions = client("lambda")
    functions.create_function(
        FunctionName="by-url", Runtime="python3.11", Handler="handler.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/x", Code={"ZipFile": zipped(CODE)}, Timeout=20,
    )  # fmt: skip
    made = functions.create_function_url_config(FunctionName="by-url", AuthType="AWS_IAM")["FunctionUrl"]
    assert functions.get_function_url_config(FunctionName="by-url")["FunctionUrl"] == made
    listed = functions.list_function_url_configs(FunctionName="by-url")["FunctionUrlConfigs"]
    assert [config["FunctionUrl"] for config in listed] == [made]
    signed = AWSRequest("POST", f"{made}charges", data=b'{"a": 1}', headers={"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(signed.url, data=signed.data, method="POST"), timeout=20)
    SigV4Auth(Credentials(ACCOUNT, "local"), "lambda", REGION).add_auth(signed)
    request = urllib.request.Request(signed.url, data=signed.data, method="POST", headers=dict(signed.headers.items()))
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert (answer.status, json.loads(answer.read())) == (201, {"path": "/charges", "body": '{"a": 1}'})
