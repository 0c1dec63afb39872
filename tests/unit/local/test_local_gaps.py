from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from opsctl.local.exchange import Request, Response, parse_request, signed_request
from opsctl.local.faults import fault
from opsctl.local.gaps import GAPS
from opsctl.local.gaps.s3_integration import MethodRequest, integration_request
from opsctl.local.gaps.state_bucket import BUCKET, bucket_and_key
from opsctl.local.kept import Version

ROOT = Path(__file__).parents[3]
CREDENTIAL = "111122223333/20260101/eu-central-1/s3/aws4_request"


def scope(**changes: object) -> dict[str, object]:
    return {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], **changes}


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: gap.name())
def test_every_gap_is_told_in_the_document(gap: type) -> None:
    assert f"`{gap.name()}`" in (ROOT / "docs" / "local-cloud.md").read_text()


def test_the_command_line_loads_no_emulator_and_no_boto3() -> None:
    program = "import sys, opsctl.local; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"ministack", "moto", "hypercorn", "boto3", "botocore", "flask"} & set(loaded)


def test_a_request_is_for_the_service_region_and_account_of_its_signature() -> None:
    header = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host, Signature=0"
    request = parse_request(scope(headers=[(b"Authorization", header.encode())]))
    assert (request.access_key, request.region, request.service) == ("111122223333", "eu-central-1", "s3")


def test_a_presigned_address_counts_as_signed_and_an_unsigned_one_is_for_nobody() -> None:
    presigned = f"X-Amz-Credential={CREDENTIAL.replace('/', '%2F')}&X-Amz-Signature=0".encode()
    assert parse_request(scope(query_string=presigned)).service == "s3"
    assert parse_request(scope()).service == ""


def test_a_repeated_header_is_one_line_and_the_host_is_without_its_port() -> None:
    request = parse_request(scope(headers=[(b"host", b"API.example:4566"), (b"accept", b"a"), (b"Accept", b"b")]))
    assert (request.host, request.headers["accept"]) == ("api.example", "a, b")


def test_a_changed_body_has_its_own_length() -> None:
    response = Response(200, (("Content-Length", "5"), ("x", "y")), b"12345").with_body(b"1")
    assert response.headers == (("x", "y"), ("content-length", "1"))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'static'", "static"),
        ("method.request.header.Content-Type", "image/png"),
        ("method.request.querystring.page", "2"),
        ("method.request.path.id", "7"),
        ("context.requestId", "r-1"),
        ("method.request.header.Absent", None),
        ("stageVariables.not_modelled", None),
    ],
)
def test_a_mapping_expression_finds_its_value(expression: str, value: str | None) -> None:
    source = MethodRequest({"content-type": "image/png"}, {"page": "2"}, {"id": "7"}, {"requestId": "r-1"})
    assert source.value(expression) == value


def test_an_integration_becomes_one_s3_request_with_the_bytes_as_they_are() -> None:
    source = MethodRequest({"content-type": "image/jpeg"}, {}, {}, {"requestId": "a b"})
    integration = {
        "httpMethod": "PUT",
        "requestParameters": {
            "integration.request.path.key": "context.requestId",
            "integration.request.header.x-amz-meta-by": "'opsctl'",
            "integration.request.querystring.tagging": "method.request.querystring.absent",
        },
    }
    request = integration_request(integration, "photos/uploads/{key}", source, b"\x00\xff", "111122223333", "eu-west-1")
    assert (request.method, request.path, request.raw_path) == ("PUT", "/photos/uploads/a b", "/photos/uploads/a%20b")
    assert (request.headers["content-type"], request.headers["x-amz-meta-by"]) == ("image/jpeg", "opsctl")
    assert (request.body, request.query_string) == (b"\x00\xff", "")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("opsctl-state-111122223333-eu-central-1", True),
        ("my-project-state-111122223333-us-east-1", True),
        ("opsctl-local-photos-111122223333-eu-central-1", False),
        ("opsctl-state-eu-central-1", False),
    ],
)
def test_only_state_buckets_are_written_through(name: str, kept: bool) -> None:
    assert (BUCKET.fullmatch(name) is not None) is kept


def test_a_bucket_is_found_in_the_path_and_in_the_host() -> None:
    name = "opsctl-state-111122223333-eu-central-1"
    assert bucket_and_key(Request("PUT", f"/{name}/local/terraform.tfstate")) == (name, "local/terraform.tfstate")
    by_host = Request("PUT", "/local/terraform.tfstate", headers={"host": f"{name}.localhost:4566"})
    assert bucket_and_key(by_host) == (name, "local/terraform.tfstate")


def test_a_kept_version_is_read_as_it_was_written() -> None:
    version = Version({"content-type": "application/json"}, False, b'{"a": 1}\nmore\n')
    assert Version.decode(version.encode()) == version


@pytest.mark.parametrize("service", ["ec2", "s3", "rds", "lambda"])
def test_an_emulators_bug_is_not_repeated_and_says_what_it_was(service: str) -> None:
    answer = fault(service, KeyError("<subnet>"))
    assert answer.status == 501  # SDKs repeat 500, 502, 503 and 504
    assert b"LocalCloudFault" in answer.body
    assert b"<subnet>" not in answer.body or service == "lambda"
    if service == "lambda":
        assert json.loads(answer.body)["__type"] == "LocalCloudFault"


def test_a_request_that_the_cloud_makes_of_itself_is_the_accounts() -> None:
    request = signed_request("s3", "111122223333", "eu-west-1", "GET", "/a b")
    again = parse_request(scope(headers=[(b"authorization", request.headers["authorization"].encode())]))
    assert (again.access_key, again.region, again.service) == ("111122223333", "eu-west-1", "s3")


def test_a_request_sent_as_to_a_proxy_is_read_as_one_sent_to_us() -> None:
    """S3 Control puts the account before the endpoint's host, and no resolver knows such a name."""
    from opsctl.local.exchange import origin_form

    sent = {
        "type": "http",
        "path": "http://111122223333.127.0.0.1:4566/v20180820/tags/arn:aws:s3:::notes",
        "raw_path": b"http://111122223333.127.0.0.1:4566/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Anotes",
        "headers": [(b"host", b"111122223333.127.0.0.1:4566"), (b"x-amz-account-id", b"111122223333")],
    }
    received = origin_form(sent)
    assert received["path"] == "/v20180820/tags/arn:aws:s3:::notes"
    assert received["raw_path"] == b"/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Anotes"
    assert dict(received["headers"])[b"host"] == b"127.0.0.1:4566"
    assert origin_form({"path": "/", "type": "http"}) == {"path": "/", "type": "http"}
