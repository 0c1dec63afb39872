"""API Gateway: the data plane of WebSocket APIs, and how functions of this machine reach `@connections`.

MiniStack connects and routes; it knows no limits (size of frames and messages, idle time, throttling), writes no access
log, sends a function's answer back without a route response, shows its error to the client, gives one code for every
end, and answers no `<id>.execute-api.<region>.amazonaws.com`. Here `opsctl.local.websockets` is the data plane;
MiniStack keeps the records.

A function names its API's callback address in AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, which every SDK reads. Its
worker gets the same address of this cloud.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from opsctl.clock import Clock, SystemClock
from opsctl.local.edge.access_log import render
from opsctl.local.exchange import Receive, Scope, Send, signed_request
from opsctl.local.gaps.aws_hosts import EXECUTE_API
from opsctl.local.gaps.gap import Cloud, Gap
from opsctl.local.websockets import Connection, Connections, Session, streams
from opsctl.local.websockets.limits import INTEGRATION_SECONDS, Bucket
from opsctl.local.websockets.session import CONNECT, Api, Handled, Outcome, Route

CALLBACK = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
CALLBACK_URL = re.compile(r"^https://([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com/([\w$-]+)/?$")
HOST = re.compile(r"^([a-f0-9]{8})\.execute-api\.(?:localhost|[a-z0-9-]+\.amazonaws\.com)(?::\d+)?$")
FUNCTION_ARN = re.compile(r"/functions/(.+)/invocations$")


class Websockets(Gap):
    def __init__(self, cloud: Cloud, clock: Clock | None = None) -> None:
        super().__init__(cloud)
        self.clock: Clock = clock or SystemClock()
        self.connections = Connections(self.clock)
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    async def install(self) -> None:
        import ministack.app
        from ministack.core import lambda_runtime
        from ministack.services import apigateway

        self._gateway = apigateway
        streams.install()
        ministack.app._EXECUTE_API_RE = HOST
        apigateway.handle_websocket = self._serve
        apigateway.handle_connections_api = self._callback
        create_authorizer = apigateway._create_authorizer

        def create_own_authorizer(api_id: str, data: dict[str, Any]) -> Any:
            answer = create_authorizer(api_id, data)
            if self._owner(api_id):
                for authorizer in apigateway._authorizers.get(api_id, {}).values():
                    for not_of_websockets in ("authorizerPayloadFormatVersion", "jwtConfiguration"):
                        authorizer.pop(not_of_websockets, None)
            return answer

        apigateway._create_authorizer = create_own_authorizer
        spawn, port = lambda_runtime.Worker._spawn, self.cloud.port

        def spawn_with_callback(worker: Any) -> None:
            worker.config = with_local_callback(worker.config, port)
            spawn(worker)

        lambda_runtime.Worker._spawn = spawn_with_callback

    def serves(self, host: str) -> bool:
        return EXECUTE_API.match(host) is not None and self._owner(host.partition(".")[0]) is not None

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, api_id: str, path_override: str | None = None
    ) -> None:
        """In MiniStack's `handle_websocket`'s place."""
        path = path_override if path_override is not None else scope["path"]
        await receive()  # websocket.connect
        api = self.api(api_id, path.strip("/").partition("/")[0])
        if api is None:
            await send({"type": "websocket.close"})  # 403
            return
        await Session(self, api, scope, receive, send).run()

    async def _callback(
        self, method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: Mapping[str, str]
    ) -> Any:
        """In MiniStack's `handle_connections_api`'s place."""
        answer = self.connections.answer(method, api_id, stage, connection_id, body)
        api = self.api(api_id, stage)
        if api and method == "POST" and answer[0] == 200:
            self._record(api, {"MessageCount": (1.0, "Count")})
        return answer

    def _owner(self, api_id: str) -> tuple[str, str] | None:
        """(account, region) of a WebSocket API."""
        found = self._gateway._api_owner(api_id)
        return (found[1], found[2]) if found and found[0] == "WEBSOCKET" else None

    def api(self, api_id: str, stage: str) -> Api | None:
        """The API at a stage of it, None where there is no such stage."""
        if (owner := self._owner(api_id)) is None:
            return None
        gateway, scope = self._gateway, (*owner, api_id)
        settings = gateway._stages.get_scoped(*scope, {}).get(stage)
        if settings is None:
            return None
        integrations, authorizers = (
            gateway._integrations.get_scoped(*scope, {}),
            gateway._authorizers.get_scoped(*scope, {}),
        )
        responses = gateway._route_responses.get_scoped(*scope, {})
        routes = {
            route["routeKey"]: _route(route, integrations, authorizers, responses)
            for route in gateway._routes.get_scoped(*scope, {}).values()
        }
        selection = gateway._apis.get_scoped(*scope, {}).get("routeSelectionExpression", "$request.body.action")
        return Api(api_id, *owner, stage, selection, routes, settings)

    def select(self, api: Api, body: str) -> str:
        return str(self._gateway._evaluate_route_selection(api.selection, body))

    def allows(self, policy: Any, method_arn: str) -> bool:
        return bool(self._gateway._evaluate_authorizer_policy(policy, method_arn) == "Allow")

    def throttled(self, api: Api, route_key: str) -> bool:
        """Whether the route's own limits, or else the stage's, are used up. Without any there is none here."""
        settings = {
            **(api.settings.get("defaultRouteSettings") or {}),
            **((api.settings.get("routeSettings") or {}).get(route_key) or {}),
        }
        rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
        if not rate or not burst:
            return False
        own = route_key if route_key in (api.settings.get("routeSettings") or {}) else ""
        now, key = self.clock.monotonic(), (api.id, api.stage, own)
        bucket = self._buckets.get(key)
        if bucket is None or (bucket.rate, bucket.burst) != (float(rate), float(burst)):
            bucket = self._buckets[key] = Bucket.full(float(rate), float(burst), now)
        return not bucket.take(now)

    async def invoke(self, api: Api, function_arn: str, event: Mapping[str, Any]) -> Outcome:
        begun = self.clock.monotonic()
        asking = self.cloud.handle(
            signed_request(
                "lambda", api.account_id, api.region, "POST",
                f"/2015-03-31/functions/{function_arn}/invocations",
                headers={"x-amz-invocation-type": "RequestResponse"}, body=json.dumps(event).encode(),
            )
        )  # fmt: skip
        try:
            answer = await asyncio.wait_for(asking, INTEGRATION_SECONDS)
        except TimeoutError:
            return Outcome(failed=True, error="timeout", seconds=self.clock.monotonic() - begun)
        seconds = self.clock.monotonic() - begun
        try:
            said = json.loads(answer.body or b"null")
        except ValueError:
            said = None
        if answer.status != 200 or answer.header("x-amz-function-error"):
            error = said.get("errorMessage", "") if isinstance(said, dict) else ""
            return Outcome(failed=True, error=str(error), seconds=seconds)
        return Outcome(said, seconds=seconds)

    def handled(self, api: Api, connection: Connection, event: Handled, bytes_in: int) -> None:
        """Source: API Gateway developer guide, "Monitor WebSocket API execution with CloudWatch metrics"."""
        values = {"ConnectCount" if event.route == CONNECT else "MessageCount": (1.0, "Count")}
        if event.integration_seconds is not None:
            values["IntegrationLatency"] = round(event.integration_seconds * 1000, 1), "Milliseconds"
            values["IntegrationError"] = float((event.integration_status or 200) >= 400), "Count"
            values["ExecutionError"] = float(event.status >= 500), "Count"
        else:
            values["ClientError"] = float(400 <= event.status < 500), "Count"
        self._record(api, values)
        self._log(api, connection, event, bytes_in)

    def _record(self, api: Api, values: Mapping[str, tuple[float, str]]) -> None:
        self.cloud.metrics.record_sets(
            [{"ApiId": api.id}, {"ApiId": api.id, "Stage": api.stage}], account_id=api.account_id, region=api.region,
            namespace="AWS/ApiGateway", values=values,
        )  # fmt: skip

    def _log(self, api: Api, connection: Connection, event: Handled, bytes_in: int) -> None:
        """Variables: API Gateway developer guide, "Configure logging for WebSocket APIs"."""
        settings = api.settings.get("accessLogSettings") or {}
        _, _, group = (settings.get("destinationArn") or "").partition(":log-group:")
        if not group or not settings.get("format"):
            return
        now = self.clock.now()
        latency = None if event.integration_seconds is None else round(event.integration_seconds * 1000)
        values: dict[str, object] = {
            "apiId": api.id,
            "connectedAt": int(connection.connected_at.timestamp() * 1000),
            "connectionId": connection.id,
            "domainName": api.domain_name,
            "error.message": event.error or None,
            "eventType": event.event_type,
            "extendedRequestId": event.request_id,
            "identity.sourceIp": connection.source_ip,
            "identity.userAgent": connection.user_agent,
            "integration.latency": latency,
            "integration.status": event.integration_status,
            "integrationLatency": latency,
            "integrationStatus": event.integration_status,
            "messageDirection": "IN",
            "messageId": event.values.get("messageId"),
            "requestId": event.request_id,
            "requestLength": bytes_in,
            "requestTime": f"{now:%d/%b/%Y:%H:%M:%S} +0000",
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "routeKey": event.route,
            "stage": api.stage,
            "status": event.status,
        }
        stream = hashlib.md5(f"{api.id}/{api.stage}".encode(), usedforsecurity=False).hexdigest()
        self.cloud.logs.write(
            api.account_id, api.region, group.removesuffix(":*"), stream, render(settings["format"], values)
        )


def with_local_callback(config: dict[str, Any], port: int) -> dict[str, Any]:
    """A function's configuration whose callback address leads here."""
    variables = (config.get("Environment") or {}).get("Variables") or {}
    found = CALLBACK_URL.match(variables.get(CALLBACK, ""))
    if found is None:
        return config
    local = f"http://127.0.0.1:{port}/_aws/execute-api/{found[1]}/{found[2]}"
    return {**config, "Environment": {**config["Environment"], "Variables": {**variables, CALLBACK: local}}}


def _route(
    route: Mapping[str, Any], integrations: Mapping[str, Any], authorizers: Mapping[str, Any],
    responses: Mapping[str, Any],
) -> Route:  # fmt: skip
    integration = integrations.get(str(route.get("target", "")).rpartition("/")[2]) or {}
    custom = str(route.get("authorizationType", "")).upper() == "CUSTOM"
    authorizer = (authorizers.get(route.get("authorizerId") or "") or {}) if custom else {}
    return Route(
        key=route["routeKey"],
        function_arn=_function(integration.get("integrationUri", "")),
        answers=bool(responses.get(route["routeId"])),
        authorizer_arn=_function(authorizer.get("authorizerUri", "")),
        identity_sources=tuple(authorizer.get("identitySource") or ()),
    )


def _function(uri: str) -> str:
    """A function's ARN out of arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations."""
    found = FUNCTION_ARN.search(uri)
    return found[1] if found else ""
