"""API Gateway: VPC links of REST APIs, and integrations through them.

MiniStack has no /vpclinks, and looks a private integration's host up on the network. Behind a link there is a Network
Load Balancer; while it has no target that answers, API Gateway says 504
(https://repost.aws/knowledge-center/api-gateway-network-errors-vpc).
"""

from __future__ import annotations

import secrets
from typing import Any

from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap
from opsctl.local.gaps.tagged_resources import Tagged, collect

NOT_FOUND = (("x-amzn-errortype", "NotFoundException"),)


class VpcLinks(Gap):
    async def install(self) -> None:
        self._links: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        from ministack.services import apigateway_v1

        proxy = apigateway_v1._invoke_http_proxy_v1

        async def invoke(integration: dict[str, Any], *arguments: Any) -> Any:
            if integration.get("connectionType") == "VPC_LINK":
                return apigateway_v1._gw_error("INTEGRATION_FAILURE", "Network error communicating with endpoint")
            return await proxy(integration, *arguments)

        apigateway_v1._invoke_http_proxy_v1 = invoke
        collect("apigateway", self._tagged)

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
