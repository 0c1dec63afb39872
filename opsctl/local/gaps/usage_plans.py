"""API Gateway: a usage plan without quota or throttle says nothing of them. MiniStack gives back empty objects, which
the provider reads as limits of 0: a change in every plan.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap


class UsagePlans(Gap):
    def wants(self, request: Request) -> bool:
        return request.service == "apigateway" and request.path.startswith("/usageplans")

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        if response.status >= 300 or not response.body or "/keys" in request.path:
            return response
        document = response.json()
        return response.with_json({**document, "item": list(map(_without_empty_limits, document["item"]))}
                                  if "item" in document else _without_empty_limits(document))  # fmt: skip


def _without_empty_limits(plan: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plan.items() if key not in ("quota", "throttle") or value}
