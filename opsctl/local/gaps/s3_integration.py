"""API Gateway: REST API methods that call S3 directly (`arn:aws:apigateway:REGION:s3:path/BUCKET/KEY`).

MiniStack hands every AWS integration but SQS to Lambda. Here the method's parameters, headers and body are mapped to
one S3 request, which goes through the whole cloud like a client's own, so that its events are sent; a body of a binary
media type arrives byte for byte. The answer is mapped by the integration responses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from opsctl.local.exchange import Request, Response, signed_request
from opsctl.local.gaps.gap import Gap


class S3Integration(Gap):
    async def install(self) -> None:
        from ministack.services import apigateway_v1

        invoke_lambda = apigateway_v1._invoke_lambda_custom_v1

        async def invoke(
            integration: dict[str, Any], api_id: str, stage_name: str, stage: dict[str, Any], resource: dict[str, Any],
            request_path: str, method: str, headers: dict[str, Any], body: bytes, query_params: dict[str, Any],
            path_params: dict[str, str], **scope: Any,
        ) -> Any:  # fmt: skip
            target = apigateway_v1._parse_service_integration_uri(integration.get("uri", ""))
            if target is None or target[1] != "s3":
                return await invoke_lambda(
                    integration, api_id, stage_name, stage, resource, request_path, method, headers, body,
                    query_params, path_params, **scope,
                )  # fmt: skip
            region, _, _, path = target
            request_id = apigateway_v1.new_uuid()
            source = MethodRequest(
                headers={name.lower(): _single(value) for name, value in headers.items()},
                query={name: _single(value) for name, value in query_params.items()},
                path=dict(path_params or {}),
                context={"requestId": request_id, "stage": stage_name, "apiId": api_id, "httpMethod": method,
                         "resourcePath": resource["path"], "accountId": scope["owner_account_id"]},
            )  # fmt: skip
            answer = await self.cloud.handle(
                integration_request(integration, path, source, body, scope["owner_account_id"], region)
            )
            mapped = {**integration, "integrationResponses": {
                code: {**(entry or {}), "responseParameters": _resolved(entry or {}, answer)}
                for code, entry in (integration.get("integrationResponses") or {}).items()
            }}  # fmt: skip
            selected = apigateway_v1._select_service_integration_response(mapped, answer.status)
            if selected is not None and not selected.get("responseTemplates"):
                # Nothing to render: an object's bytes pass as they are.
                status = int(selected.get("statusCode") or answer.status)
                names = {"Content-Type": answer.header("content-type") or "application/json"}
                for name, value in selected["responseParameters"].items():
                    names[name.removeprefix("method.response.header.")] = value.strip("'")
                return status, {**names, "x-amzn-requestid": request_id}, answer.body
            status, response_headers, rendered = apigateway_v1._service_integration_response(
                mapped, answer.status, answer.body.decode("utf-8", "replace"),
                source.headers.get("accept", "application/json").partition(",")[0].partition(";")[0].strip(),
                source.headers | source.query | source.path, source.context,
            )  # fmt: skip
            return status, {**response_headers, "x-amzn-requestid": request_id}, rendered

        apigateway_v1._invoke_lambda_custom_v1 = invoke


@dataclass(frozen=True)
class MethodRequest:
    """Where a mapping expression finds its value. Header names are in lower case."""

    headers: dict[str, str]
    query: dict[str, str]
    path: dict[str, str]
    context: dict[str, Any]

    def value(self, expression: str) -> str | None:
        """The value of `'static'`, `method.request.header|querystring|path.NAME` or `context.NAME`; None if absent."""
        if len(expression) >= 2 and expression[0] == expression[-1] == "'":
            return expression[1:-1]
        for prefix, values in (("querystring", self.query), ("path", self.path)):
            if expression.startswith(f"method.request.{prefix}."):
                return values.get(expression.removeprefix(f"method.request.{prefix}."))
        if expression.startswith("method.request.header."):
            return self.headers.get(expression.removeprefix("method.request.header.").lower())
        if expression.startswith("context."):
            found = self.context.get(expression.removeprefix("context."))
            return None if found is None else str(found)
        return None


def integration_request(
    integration: Mapping[str, Any], path: str, source: MethodRequest, body: bytes, account_id: str, region: str
) -> Request:
    """The S3 request that a method request becomes, by the integration's `requestParameters`."""
    headers, query = {}, {}
    for destination, expression in (integration.get("requestParameters") or {}).items():
        where, _, name = destination.removeprefix("integration.request.").partition(".")
        value = source.value(expression)
        if value is None:
            continue
        if where == "path":
            path = path.replace(f"{{{name}}}", value)
        elif where == "header":
            headers[name.lower()] = value
        elif where == "querystring":
            query[name] = value
    headers.setdefault("content-type", source.headers.get("content-type", "application/json"))
    return signed_request(
        "s3", account_id, region, integration.get("httpMethod", "GET"), f"/{path}",
        query_string=urlencode(query), headers=headers, body=body,
    )  # fmt: skip


def _single(value: Any) -> str:
    return str(value[-1]) if isinstance(value, list) else str(value)


def _resolved(entry: Mapping[str, Any], answer: Response) -> dict[str, str]:
    """`responseParameters` with `integration.response.header.NAME` put in as literals; absent ones left out."""
    found = {}
    for destination, expression in (entry.get("responseParameters") or {}).items():
        if match := re.fullmatch(r"integration\.response\.header\.(.+)", str(expression)):
            if value := answer.header(match[1]):
                found[destination] = f"'{value}'"
        else:
            found[destination] = expression
    return found
