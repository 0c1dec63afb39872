"""API Gateway's data plane: web ACL, stage cache, metrics, access logs, size and time limits, one request id.

MiniStack matches resources, authorizes, meters and integrates. Order as on AWS: web ACL, then all of that, and the
cache before the integration (developer guide, "Cache settings for REST APIs"). Only answers of 2xx are kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from opsctl.clock import Clock, SystemClock
from opsctl.local import firewall
from opsctl.local.edge.access_log import render
from opsctl.local.edge.countries import country_of
from opsctl.local.edge.execution import EXECUTION, Execution, current_request_id
from opsctl.local.edge.store import Store
from opsctl.local.edge.viewing import ORIGIN_FACING, VIEWING
from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Cloud, Gap

BODY_BYTES = 10 * 1024 * 1024
"""Largest request body (quotas of REST APIs: payload size 10 MB)."""
CACHED_BYTES = 1024 * 1024
"""Largest answer that the cache takes (developer guide, "Cache settings for REST APIs": 1048576 bytes)."""
CACHE_BYTES = 32 * 1024 * 1024

Answer = tuple[int, dict[str, Any], bytes]


class Stages(Gap):
    def __init__(self, cloud: Cloud, clock: Clock | None = None) -> None:
        super().__init__(cloud)
        self.cache = StageCache(clock)
        self._clock = clock or SystemClock()

    async def install(self) -> None:
        from ministack.services import apigateway_v1

        self._gateway = gateway = apigateway_v1
        handle, execute, new_uuid = gateway._handle_execute_in_scope, gateway._execute_in_scope, gateway.new_uuid
        authorize, check_key, build_event = (
            gateway._authorize_request_v1, gateway._check_api_key, gateway._build_lambda_event_v1,
        )  # fmt: skip

        async def handle_in_scope(
            api_id: str, stage_name: str, method: str, path: str, headers: dict[str, Any], body: bytes,
            query: dict[str, Any], account_id: str, region: str,
        ) -> Answer:  # fmt: skip
            execution = Execution(
                request_id=new_uuid(), extended_id=b64encode(os.urandom(11)).decode(), account_id=account_id,
                region=region, api_id=api_id, stage_name=stage_name, method=method, path=path, headers=headers or {},
                query=query or {}, client=_client(), trace_id=f"1-{int(time.time()):08x}-{os.urandom(12).hex()}",
            )  # fmt: skip
            begun = self._clock.monotonic()
            token = EXECUTION.set(execution)
            try:
                status, sent, data = await handle(
                    api_id, stage_name, method, path, headers, body, query, account_id, region
                )
            finally:
                EXECUTION.reset(token)
            sent |= {"x-amzn-requestid": execution.request_id, "x-amz-apigw-id": execution.extended_id}
            if execution.warning:
                sent["Warning"] = execution.warning
            if execution.stage is not None:
                self._count(execution, status, self._clock.monotonic() - begun)
                self._log(execution, status, len(data or b""), self._clock.monotonic() - begun)
            return status, sent, data

        async def execute_in_scope(
            request: dict[str, Any], api_id: str, stage_name: str, method: str, path: str, headers: dict[str, Any],
            body: bytes, *rest: Any,
        ) -> Any:  # fmt: skip
            execution = EXECUTION.get()
            assert execution is not None
            execution.request = request
            execution.stage = gateway._stages_v1.get(api_id, {}).get(stage_name)
            answer, added = await self._refused(execution, body)
            if answer is None:
                headers = headers | _forwarding(execution) | added
                answer = await execute(request, api_id, stage_name, method, path, headers, body, *rest)
            if isinstance(answer, gateway._GatewayError):
                execution.error = answer
                request["stage"] = request["stage"] or execution.stage
            return answer

        async def authorize_request(*arguments: Any, **settings: Any) -> Any:
            begun = self._clock.monotonic()
            error, context = await authorize(*arguments, **settings)
            if execution := EXECUTION.get():
                execution.authorizer = context
                execution.authorizer_seconds = self._clock.monotonic() - begun
            return error, context

        def check_api_key(*arguments: Any) -> Any:
            error, key = check_key(*arguments)
            if (execution := EXECUTION.get()) and key:
                execution.api_key_id = key["id"]
            return error, key

        def build_lambda_event(*arguments: Any, **settings: Any) -> Any:
            event = build_event(*arguments, **settings)
            if execution := EXECUTION.get():
                context = event["requestContext"]
                context["extendedRequestId"] = execution.extended_id
                context["identity"]["sourceIp"] = execution.client
            return event

        gateway._handle_execute_in_scope, gateway._execute_in_scope = handle_in_scope, execute_in_scope
        gateway._authorize_request_v1, gateway._check_api_key = authorize_request, check_api_key
        gateway._build_lambda_event_v1 = build_lambda_event
        gateway.new_uuid = lambda: current_request_id() or new_uuid()
        for name in (
            "_invoke_lambda_proxy_v1", "_invoke_lambda_custom_v1", "_invoke_sqs_v1", "_invoke_http_proxy_v1"
        ):  # fmt: skip
            setattr(gateway, name, self._through_cache(getattr(gateway, name)))

    def wants(self, request: Request) -> bool:
        return request.service == "apigateway" and request.method == "DELETE" and request.path.endswith("/cache/data")

    async def answer(self, request: Request, forward: Handler) -> Response:
        """FlushStageCache: DELETE /restapis/ID/stages/NAME/cache/data."""
        _, api_id, _, stage_name, *_ = request.path.strip("/").split("/")
        self.cache.flush(api_id, stage_name)
        return Response(202)

    async def _refused(self, execution: Execution, body: bytes) -> tuple[Any, dict[str, str]]:
        """The answer of who refuses the request before its method is looked for, or the firewall's added headers."""
        if execution.stage is None:
            return None, {}
        verdict = await firewall.inspect(
            self.cloud, _stage_arn(execution),
            firewall.Inspected(
                method=execution.method, path=f"/{execution.stage_name}{execution.path}",
                query=urlencode(execution.query, doseq=True),
                headers=tuple((name, str(value)) for name, value in execution.headers.items()), body=body,
                client_ip=execution.client, country=country_of(execution.client), request_id=execution.request_id,
            ),
        )  # fmt: skip
        if self.cloud.firewall.web_acl_arn(_stage_arn(execution)):
            execution.waf = "WAF_BLOCK" if isinstance(verdict, firewall.Blocked) else "WAF_ALLOW"
        if isinstance(verdict, firewall.Blocked):
            if verdict.response is None:
                return self._gateway._gw_error("WAF_FILTERED", "Forbidden"), {}
            return (verdict.response.status, dict(verdict.response.headers), verdict.response.body), {}
        if len(body) > BODY_BYTES:
            return self._gateway._gw_error("REQUEST_TOO_LARGE", "Request Entity Too Large"), {}
        return None, {name.lower(): value for name, value in verdict.added_headers}

    def _through_cache(self, invoke: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def integrate(integration: dict[str, Any], *arguments: Any, **settings: Any) -> Any:
            execution = EXECUTION.get()
            if execution is None:
                return await invoke(integration, *arguments, **settings)

            async def ask() -> Any:
                return await self._integrate(execution, integration, invoke(integration, *arguments, **settings))

            return await self.cache.serve(execution, integration, ask, self._denied)

        return integrate

    def _denied(self) -> Any:
        return self._gateway._gw_error("ACCESS_DENIED", "User is not authorized to access this resource")

    async def _integrate(self, execution: Execution, integration: dict[str, Any], asking: Awaitable[Any]) -> Any:
        begun = self._clock.monotonic()
        try:
            answer = await asyncio.wait_for(asking, int(integration.get("timeoutInMillis") or 29000) / 1000)
        except TimeoutError:
            answer = self._gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        execution.integration_seconds = self._clock.monotonic() - begun
        if isinstance(answer, self._gateway._GatewayError):
            execution.integration_error = answer.message or ""
        else:
            execution.integration_status = answer[0]
        return answer

    def _count(self, execution: Execution, status: int, seconds: float) -> None:
        """Source: API Gateway developer guide, "Amazon API Gateway dimensions and metrics"."""
        assert execution.stage is not None
        name = self._gateway._rest_apis[execution.api_id]["name"]
        resource = execution.request.get("resource_path", "")
        dimensions = [{"ApiName": name}, {"ApiName": name, "Stage": execution.stage_name}]
        if resource and _setting(execution, "metricsEnabled"):
            dimensions.append({
                "ApiName": name, "Stage": execution.stage_name, "Resource": resource, "Method": execution.method,
            })  # fmt: skip
        values = {
            "Count": (1.0, "Count"),
            "4XXError": (float(400 <= status < 500), "Count"),
            "5XXError": (float(status >= 500), "Count"),
            "Latency": (round(seconds * 1000.0, 1), "Milliseconds"),
        }
        if execution.integration_seconds is not None:
            values["IntegrationLatency"] = round(execution.integration_seconds * 1000.0, 1), "Milliseconds"
        if execution.cache:
            values["CacheHitCount"] = float(execution.cache == "hit"), "Count"
            values["CacheMissCount"] = float(execution.cache == "miss"), "Count"
        self.cloud.metrics.record_sets(
            dimensions, account_id=execution.account_id, region=execution.region, namespace="AWS/ApiGateway",
            values=values,
        )  # fmt: skip

    def _log(self, execution: Execution, status: int, length: int, seconds: float) -> None:
        settings = (execution.stage or {}).get("accessLogSettings") or {}
        _, _, group = (settings.get("destinationArn") or "").partition(":log-group:")
        if not group or not settings.get("format"):
            return
        line = render(settings["format"], self._context(execution, status, length, seconds))
        stream = hashlib.md5(f"{execution.api_id}/{execution.stage_name}".encode(), usedforsecurity=False).hexdigest()
        self.cloud.logs.write(execution.account_id, execution.region, group.removesuffix(":*"), stream, line)

    def _context(self, execution: Execution, status: int, length: int, seconds: float) -> dict[str, object]:
        now, error = datetime.now(UTC), execution.error
        milliseconds = None if execution.integration_seconds is None else round(execution.integration_seconds * 1000)
        message = error.message if error else None
        asked = None if execution.authorizer_seconds is None else round(execution.authorizer_seconds * 1000)
        return {
            "accountId": execution.account_id,
            "apiId": execution.api_id,
            "authorizer.latency": asked,
            **{f"authorizer.{name}": value for name, value in (execution.authorizer or {}).items()},
            "domainName": execution.header("host").partition(":")[0],
            "domainPrefix": execution.api_id,
            "error.message": message,
            "error.messageString": None if message is None else f'"{message}"',
            "error.responseType": error.response_type if error else None,
            "extendedRequestId": execution.extended_id,
            "httpMethod": execution.method,
            "identity.apiKeyId": execution.api_key_id,
            "identity.sourceIp": execution.client,
            "identity.userAgent": execution.header("user-agent"),
            "integration.error": execution.integration_error,
            "integration.integrationStatus": execution.integration_status,
            "integration.latency": milliseconds,
            "integration.status": execution.integration_status,
            "integrationErrorMessage": execution.integration_error,
            "integrationLatency": milliseconds,
            "integrationStatus": execution.integration_status,
            "path": f"/{execution.stage_name}{execution.path}",
            "protocol": "HTTP/1.1",
            "requestId": execution.request_id,
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "resourcePath": execution.request.get("resource_path"),
            "responseLatency": round(seconds * 1000),
            "responseLength": length,
            "stage": execution.stage_name,
            "status": status,
            "waf.status": 200 if execution.waf else None,
            "wafResponseCode": execution.waf,
            "xrayTraceId": execution.trace_id if (execution.stage or {}).get("tracingEnabled") else None,
        }


class StageCache:
    """The caches of all stages, one entry for each method and its cache key parameters."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._store: Store[tuple[Any, ...], tuple[float, Answer]] = Store(CACHE_BYTES)

    async def serve(
        self, execution: Execution, integration: dict[str, Any], ask: Callable[[], Awaitable[Any]],
        denied: Callable[[], Any],
    ) -> Any:  # fmt: skip
        """The kept answer, or what `ask` gives; `denied` makes the 403 of a client that may not refresh the cache."""
        seconds = _setting(execution, "cacheTtlInSeconds", 300)
        if not _is_cached(execution) or not seconds:
            return await ask()
        key = (
            execution.api_id, execution.stage_name, integration.get("cacheNamespace"), execution.method,
            *(_parameter(execution, integration, name) for name in integration.get("cacheKeyParameters") or ()),
        )  # fmt: skip
        kept = self._store.get(key)
        if "max-age=0" in execution.header("cache-control").replace(" ", ""):
            if _may_refresh(execution):
                kept = None
            elif (strategy := _setting(execution, "unauthorizedCacheControlHeaderStrategy")) == "FAIL_WITH_403":
                return denied()
            elif strategy == "SUCCEED_WITH_RESPONSE_HEADER":
                execution.warning = '199 - "Cache-Control headers were ignored because the caller was unauthorized."'
        if kept and self._clock.monotonic() < kept[0]:
            execution.cache = "hit"
            status, headers, body = kept[1]
            return status, dict(headers), body
        execution.cache = "miss"
        answer = await ask()
        if isinstance(answer, tuple) and 200 <= answer[0] < 300 and len(answer[2] or b"") <= CACHED_BYTES:
            status, headers, body = answer
            until = self._clock.monotonic() + min(float(seconds), 3600)
            self._store.put(key, (until, (status, dict(headers), body)), len(body or b"") + 1000)
        return answer

    def flush(self, api_id: str, stage_name: str) -> int:
        """Forget a stage's answers; gives their number."""
        return self._store.drop_where(lambda key: key[:2] == (api_id, stage_name))


def _is_cached(execution: Execution) -> bool:
    """GET only, unless the method's own settings say that it is cached."""
    if (
        not execution.stage
        or not execution.stage.get("cacheClusterEnabled")
        or not _setting(execution, "cachingEnabled")
    ):
        return False
    return execution.method == "GET" or bool((_own_settings(execution) or {}).get("cachingEnabled"))


def _may_refresh(execution: Execution) -> bool:
    """Without authorization anybody may; else a signed request of a method that IAM guards."""
    if not _setting(execution, "requireAuthorizationForCacheControl", True):
        return True
    return execution.header("authorization").startswith("AWS4-HMAC-SHA256")


def _own_settings(execution: Execution) -> dict[str, Any] | None:
    settings = (execution.stage or {}).get("methodSettings") or {}
    path = execution.request.get("resource_path", "").lstrip("/")
    # UpdateStage writes the path's slash as ~1, with or without the first one.
    spellings = (f"/{path}", path, f"~1{path.replace('/', '~1')}", path.replace("/", "~1"))
    return next((found for name in spellings if (found := settings.get(f"{name}/{execution.method}"))), None)


def _setting(execution: Execution, name: str, default: Any = None) -> Any:
    """A method's setting: its own, or the stage's for all methods."""
    settings = (execution.stage or {}).get("methodSettings") or {}
    for found in (_own_settings(execution), settings.get("*/*")):
        if found and name in found:
            return found[name]
    return default


def _parameter(execution: Execution, integration: dict[str, Any], name: str) -> str:
    """The value of a cache key parameter: `method.request.…`, or `integration.request.…` that is mapped from one."""
    source = str((integration.get("requestParameters") or {}).get(name, name))
    where, _, key = source.removeprefix("method.request.").partition(".")
    if where == "path":
        return str((execution.request.get("path_params") or {}).get(key, ""))
    if where in ("querystring", "multivaluequerystring"):
        return str(execution.query.get(key, ""))
    return execution.header(key.lower()) if where in ("header", "multivalueheader") else source


def _stage_arn(execution: Execution) -> str:
    """As web ACLs are associated: arn:aws:apigateway:REGION::/restapis/ID/stages/NAME."""
    return f"arn:aws:apigateway:{execution.region}::/restapis/{execution.api_id}/stages/{execution.stage_name}"


def _forwarding(execution: Execution) -> dict[str, str]:
    """The headers that API Gateway adds for integrations (and takes from nobody but the trace's)."""
    before = execution.header("x-forwarded-for")
    return {
        "x-forwarded-for": f"{before}, {execution.client}" if before else execution.client,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        "x-amzn-trace-id": execution.header("x-amzn-trace-id") or f"Root={execution.trace_id}",
    }


def _client() -> str:
    """Who connected to API Gateway: CloudFront, or the client itself."""
    from ministack.core.responses import get_request_client_ip

    return ORIGIN_FACING if VIEWING.get() else get_request_client_ip()
