"""API Gateway: a key created with an empty value gets a generated one, as on AWS. MiniStack refuses it as too short."""

from __future__ import annotations

import json

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap


class ApiKeys(Gap):
    def wants(self, request: Request) -> bool:
        return request.service == "apigateway" and request.method == "POST" and request.path == "/apikeys"

    async def answer(self, request: Request, forward: Handler) -> Response:
        asked = request.json()
        if not asked.get("value"):
            asked.pop("value", None)
            request = request.with_body(json.dumps(asked).encode())
        return await forward(request)
