"""API Gateway: a usage plan without quota or throttle says nothing of them, and its limits are numbers.

MiniStack gives back empty objects, which the provider reads as limits of 0: a change in every plan. A limit that was
changed by a patch operation, which has only text, it gives back as text: no client can read the plan any more.
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
        return response.with_json({**document, "item": list(map(_with_true_limits, document["item"]))}
                                  if "item" in document else _with_true_limits(document))  # fmt: skip


NUMBERS: dict[str, type[int] | type[float]] = {"rateLimit": float, "burstLimit": int, "limit": int, "offset": int}


def _with_true_limits(plan: dict[str, Any]) -> dict[str, Any]:
    limits = {kind: plan[kind] for kind in ("quota", "throttle") if plan.get(kind)}
    others = {name: value for name, value in plan.items() if name not in ("quota", "throttle")}
    return others | {
        kind: {name: NUMBERS[name](value) if name in NUMBERS else value for name, value in values.items()}
        for kind, values in limits.items()
    }
