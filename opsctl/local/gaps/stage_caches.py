"""API Gateway: a stage says how its cache is doing. MiniStack says nothing, and the provider waits for it in vain."""

from __future__ import annotations

from typing import Any

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap


class StageCaches(Gap):
    def wants(self, request: Request) -> bool:
        return request.service == "apigateway" and "/stages" in request.path

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        if response.status >= 300 or not response.body:
            return response
        document = response.json()
        return response.with_json({**document, "item": list(map(_with_status, document["item"]))}
                                  if "item" in document else _with_status(document))  # fmt: skip


def _with_status(stage: dict[str, Any]) -> dict[str, Any]:
    status = "AVAILABLE" if stage.get("cacheClusterEnabled") else "NOT_AVAILABLE"
    return {**stage, "cacheClusterStatus": status} if "stageName" in stage else stage
