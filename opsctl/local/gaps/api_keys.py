"""API Gateway: a key created with an empty value gets a generated one, and a method can be told to need none any more.

MiniStack refuses the first as too short, and takes the second's "false", a text as in every patch, for true.
"""

from __future__ import annotations

import json
from typing import Any

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap


class ApiKeys(Gap):
    async def install(self) -> None:
        from ministack.services import apigateway_v1

        update = apigateway_v1._update_method

        def update_method(api_id: str, resource_id: str, http_method: str, data: dict[str, Any]) -> Any:
            for change in data.get("patchOperations", []):
                if change.get("path") == "/apiKeyRequired" and isinstance(change.get("value"), str):
                    change["value"] = change["value"] == "true"
            return update(api_id, resource_id, http_method, data)

        apigateway_v1._update_method = update_method

    def wants(self, request: Request) -> bool:
        return request.service == "apigateway" and request.method == "POST" and request.path == "/apikeys"

    async def answer(self, request: Request, forward: Handler) -> Response:
        asked = request.json()
        if not asked.get("value"):
            asked.pop("value", None)
            request = request.with_body(json.dumps(asked).encode())
        return await forward(request)
