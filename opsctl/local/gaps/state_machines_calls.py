"""How a state machine calls a service: as AWS's own protocols say, through all gaps, in the words of Step Functions.

Step Functions writes parameters and results in PascalCase whatever the service does, and an object where a service
takes text (a message, an event's detail) is sent as JSON
(https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session

from opsctl.local.exchange import Handler, signed_request

# Names in resource ARNs that are not botocore's.
SERVICES = {"states": "stepfunctions", "sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs"}


class CallFailed(Exception):
    """A service refused. `code` is its error's, without a prefix."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


async def call(
    handle: Handler, account_id: str, region: str, service: str, operation: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Call `operation` (PascalCase) of `service` (as in a resource ARN); gives its result in PascalCase.

    Raises:
        CallFailed: the service's own error, or `SdkClientException` when there is no such operation or parameter.
    """
    model = service_model(SERVICES.get(service, service))
    if operation not in model.operation_names:
        raise CallFailed("SdkClientException", f"{service} has no {operation}")
    described = model.operation_model(operation)
    protocol = model.resolved_protocol
    try:
        sent = _serialized(described, protocol, to_wire(dict(parameters), described.input_shape))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CallFailed("SdkClientException", f"{operation}: {error}") from error
    body = sent["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    query = sent["query_string"]
    answer = await handle(
        signed_request(
            model.signing_name, account_id, region, sent["method"], sent["url_path"].partition("?")[0],
            query_string=query if isinstance(query, str) else urlencode(query or {}, quote_via=quote, doseq=True),
            headers={name.lower(): str(value) for name, value in sent["headers"].items()},
            body=body.encode() if isinstance(body, str) else body or b"",
        )
    )  # fmt: skip
    received = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body}
    # Without a shape (an operation that answers nothing) it parses errors alone; the stubs don't say so.
    parsed: dict[str, Any] = create_parser(protocol).parse(received, described.output_shape)  # type: ignore[arg-type]
    if answer.status >= 300:
        said = parsed.get("Error", {})
        raise CallFailed(str(said.get("Code") or "ServiceException").rpartition(".")[2], str(said.get("Message", "")))
    parsed.pop("ResponseMetadata", None)
    result: dict[str, Any] = from_wire(parsed, described.output_shape)
    return result


@functools.cache
def service_model(name: str) -> ServiceModel:
    """botocore's model of a service. Raises CallFailed for one that it doesn't know."""
    try:
        return get_session().get_service_model(name)
    except Exception as error:  # botocore's own kinds of "no such service"
        raise CallFailed("SdkClientException", f"no service {name}") from error


def _serialized(operation: OperationModel, protocol: str, parameters: Any) -> dict[str, Any]:
    serialized: dict[str, Any] = create_serializer(protocol, include_validation=True).serialize_to_request(
        parameters, operation
    )
    return serialized


def to_wire(value: Any, shape: Shape | None) -> Any:
    """Parameters as a service takes them: its own case of names, JSON where it wants text."""
    if shape is None or value is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {name.lower(): name for name in shape.members}  # type: ignore[attr-defined]
        found = {}
        for given, content in value.items():
            name = given if given in shape.members else names.get(given.lower(), given)  # type: ignore[attr-defined]
            found[name] = to_wire(content, shape.members.get(name))  # type: ignore[attr-defined]
        return found
    if shape.type_name == "list" and isinstance(value, list):
        return [to_wire(item, shape.member) for item in value]  # type: ignore[attr-defined]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: to_wire(item, shape.value) for key, item in value.items()}  # type: ignore[attr-defined]
    if shape.type_name in ("string", "blob") and not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    return value


def from_wire(value: Any, shape: Shape | None) -> Any:
    """A result as Step Functions shows it: PascalCase, times as ISO 8601, binary as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    if hasattr(value, "read"):
        return from_wire(value.read(), shape)
    if isinstance(value, dict):
        if shape is not None and shape.type_name == "structure":
            members = shape.members  # type: ignore[attr-defined]
            return {name[:1].upper() + name[1:]: from_wire(item, members.get(name)) for name, item in value.items()}
        inner = getattr(shape, "value", None)
        return {key: from_wire(item, inner) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item, getattr(shape, "member", None)) for item in value]
    return value
