"""CloudWatch Logs: saved queries of Logs Insights. MiniStack runs queries and can't save them."""

from __future__ import annotations

import time
import uuid
from typing import Any

from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap

TARGET = "Logs_20140328."
ACTIONS = frozenset(f"{verb}QueryDefinition" for verb in ("Put", "Delete")) | {"DescribeQueryDefinitions"}


class QueryDefinitions(Gap):
    async def install(self) -> None:
        self._saved: dict[tuple[str, str, str], dict[str, Any]] = {}

    def wants(self, request: Request) -> bool:
        return request.headers.get("x-amz-target", "").removeprefix(TARGET) in ACTIONS

    async def answer(self, request: Request, forward: Handler) -> Response:
        action, asked = request.headers["x-amz-target"].removeprefix(TARGET), request.json()
        owner = (self.cloud.account_of(request), request.region)
        if action == "DescribeQueryDefinitions":
            prefix = asked.get("queryDefinitionNamePrefix", "")
            found = [
                saved for key, saved in self._saved.items() if key[:2] == owner and saved["name"].startswith(prefix)
            ]
            return json_response(200, {"queryDefinitions": sorted(found, key=lambda saved: saved["name"])})
        query = asked.get("queryDefinitionId")
        if query and (*owner, query) not in self._saved:
            message = "The specified query definition does not exist."
            return json_response(400, {"__type": "ResourceNotFoundException", "message": message})
        if action == "DeleteQueryDefinition":
            del self._saved[*owner, query]
            return json_response(200, {"success": True})
        query = query or str(uuid.uuid4())
        kept = {name: asked[name] for name in ("name", "queryString", "logGroupNames") if name in asked}
        self._saved[*owner, query] = {**kept, "queryDefinitionId": query, "lastModified": int(time.time() * 1000)}
        return json_response(200, {"queryDefinitionId": query})
