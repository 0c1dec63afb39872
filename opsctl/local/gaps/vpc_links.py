"""API Gateway: VPC links of REST APIs, and integrations through them.

MiniStack has no /vpclinks, and looks a private integration's host up on the network. Behind a link there is a Network
Load Balancer; while it has no target that answers, API Gateway says 504
(https://repost.aws/knowledge-center/api-gateway-network-errors-vpc). A link or a load balancer that is gone is an error
of the configuration: 500 (https://repost.aws/knowledge-center/api-gateway-500-error-vpc).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Any
from urllib.parse import urlsplit

from opsctl.local.edge.execution import EXECUTION
from opsctl.local.emulators import in_moto
from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap
from opsctl.local.gaps.s3_integration import MethodRequest
from opsctl.local.gaps.tagged_resources import Tagged, collect
from opsctl.local.network.private_integration import IntegrationFailed, IntegrationTimedOut, Link, call_of

NOT_FOUND = (("x-amzn-errortype", "NotFoundException"),)


INTEGRATION_SECONDS = 29.0
"""Longest integration of a REST API, unless the integration says less (quotas)."""


class VpcLinks(Gap):
    async def install(self) -> None:
        self._links: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        self._connections = Link(self.cloud.network)
        self._renewing = asyncio.create_task(self._renew_for_ever())
        from ministack.services import apigateway_v1

        self._gateway = apigateway_v1
        proxy = apigateway_v1._invoke_http_proxy_v1

        async def invoke(integration: dict[str, Any], *arguments: Any) -> Any:
            if integration.get("connectionType") == "VPC_LINK":
                return await self._invoke(integration, *arguments)
            return await proxy(integration, *arguments)

        apigateway_v1._invoke_http_proxy_v1 = invoke
        collect("apigateway", self._tagged)

    async def uninstall(self) -> None:
        self._renewing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._renewing
        await self._connections.close()

    async def _renew_for_ever(self) -> None:
        """Idle connections must not hold up the draining of a target."""
        while True:
            await self.cloud.network.drains.wait()
            self.cloud.network.drains.clear()
            await self._connections.renew()

    async def _invoke(
        self, integration: dict[str, Any], path: str, method: str, headers: dict[str, Any], body: bytes,
        query_params: dict[str, Any], path_params: dict[str, str] | None = None,
    ) -> Any:  # fmt: skip
        host = self._balancer_host(integration.get("connectionId", ""))
        if host is None:
            return self._gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        execution = EXECUTION.get()
        source = MethodRequest(
            headers={name.lower(): _single(value) for name, value in headers.items()},
            query={name: _single(value) for name, value in (query_params or {}).items()},
            path=dict(path_params or {}),
            context={
                "requestId": self._gateway.new_uuid(),
                "httpMethod": method,
                **({"apiId": execution.api_id, "stage": execution.stage_name} if execution else {}),
            },
        )
        asked = (integration.get("requestParameters") or {}).items()
        mapped = {place: value for place, word in asked if (value := source.value(word)) is not None}
        verb = integration.get("httpMethod") or "ANY"
        call = call_of(
            integration["uri"], method if verb == "ANY" else verb, headers=headers, query=query_params or {},
            body=body or b"", mapped=mapped,
        )  # fmt: skip
        seconds = float(integration.get("timeoutInMillis") or INTEGRATION_SECONDS * 1000) / 1000
        listener = self.cloud.network.listener(host, urlsplit(call.url).port or 80)
        try:
            answer = await self._connections.send(call, listener, seconds)
        except IntegrationTimedOut:
            return self._gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        except IntegrationFailed:
            return self._gateway._gw_error("INTEGRATION_FAILURE", "Network error communicating with endpoint")
        return answer.status, answer.headers, answer.body

    def _balancer_host(self, link_id: str) -> str | None:
        """DNS name of the load balancer behind a link of this account; None when either is gone."""
        from ministack.core.responses import get_account_id, get_region

        place = (get_account_id(), get_region())
        link = self._links.get(place, {}).get(link_id)
        balancers = in_moto("elbv2", *place).load_balancers
        balancer = balancers.get(link["targetArns"][0]) if link else None
        return str(balancer.dns_name) if balancer is not None else None

    def _tagged(self) -> Tagged:
        from ministack.core.responses import get_account_id, get_region

        for link in self._links.get((get_account_id(), get_region()), {}).values():
            arn = f"arn:aws:apigateway:{get_region()}::/vpclinks/{link['id']}"
            yield arn, [{"Key": key, "Value": value} for key, value in link["tags"].items()]

    def wants(self, request: Request) -> bool:
        return request.service == "apigateway" and (
            request.path.startswith("/vpclinks") or (request.path.startswith("/tags/") and "/vpclinks/" in request.path)
        )

    async def answer(self, request: Request, forward: Handler) -> Response:
        links = self._links.setdefault((self.cloud.account_of(request), request.region), {})
        if request.path.startswith("/tags/"):
            return self._tags(request, links)
        _, _, link_id = request.path.strip("/").partition("/")
        if not link_id:
            if request.method == "POST":
                return self._create(request.json(), links)
            return json_response(200, {"item": list(links.values())})
        if link_id not in links:
            return json_response(404, {"message": "Invalid Vpc Link identifier specified"}, NOT_FOUND)
        if request.method == "DELETE":
            del links[link_id]
            return Response(202)
        if request.method == "PATCH":
            for change in request.json()["patchOperations"]:
                links[link_id][change["path"].strip("/")] = change["value"]
        return json_response(200, links[link_id])

    def _create(self, asked: dict[str, Any], links: dict[str, dict[str, Any]]) -> Response:
        link = {
            "id": secrets.token_hex(3),
            "name": asked["name"],
            "description": asked.get("description", ""),
            "targetArns": asked["targetArns"],
            "status": "AVAILABLE",
            "statusMessage": "Your vpc link is ready for use",
            "tags": asked.get("tags", {}),
        }
        links[link["id"]] = link
        return json_response(202, link)

    def _tags(self, request: Request, links: dict[str, dict[str, Any]]) -> Response:
        link = links.get(request.path.rpartition("/")[2])
        if link is None:
            return json_response(404, {"message": "Invalid Vpc Link identifier specified"}, NOT_FOUND)
        if request.method == "PUT":
            link["tags"].update(request.json()["tags"])
            return Response(204)
        if request.method == "DELETE":
            for key in request.query_values("tagKeys"):
                link["tags"].pop(key, None)
            return Response(204)
        return json_response(200, {"tags": link["tags"]})


def _single(value: Any) -> str:
    return str(value[-1]) if isinstance(value, list) else str(value)
