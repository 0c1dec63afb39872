"""WAFv2: where a web ACL's log goes. MiniStack has no logging configurations; `opsctl.local.firewall` writes."""

from __future__ import annotations

from typing import Any

from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap

TARGET = "AWSWAF_20190729."
ACTIONS = frozenset(f"{verb}LoggingConfiguration" for verb in ("Put", "Get", "Delete")) | {"ListLoggingConfigurations"}


class WafLogging(Gap):
    async def install(self) -> None:
        self._configurations = self.cloud.firewall.logging

    def wants(self, request: Request) -> bool:
        return request.headers.get("x-amz-target", "").removeprefix(TARGET) in ACTIONS | {"DeleteWebACL"}

    async def answer(self, request: Request, forward: Handler) -> Response:
        action, asked = request.headers["x-amz-target"].removeprefix(TARGET), request.json()
        if action == "DeleteWebACL":
            response = await forward(request)
            if response.status == 200:
                for arn in [arn for arn in self._configurations if arn.endswith(f"/{asked['Id']}")]:
                    del self._configurations[arn]
            return response
        if action == "PutLoggingConfiguration":
            configuration = asked["LoggingConfiguration"]
            self._configurations[configuration["ResourceArn"]] = configuration
            return json_response(200, {"LoggingConfiguration": configuration})
        if action == "ListLoggingConfigurations":
            return json_response(200, {"LoggingConfigurations": self._of(request)})
        found = self._configurations.get(asked["ResourceArn"])
        if found is None:
            message = "AWS WAF couldn't perform the operation because your resource doesn't exist."
            return json_response(400, {"__type": "WAFNonexistentItemException", "Message": message})
        if action == "DeleteLoggingConfiguration":
            del self._configurations[asked["ResourceArn"]]
            return json_response(200, {})
        return json_response(200, {"LoggingConfiguration": found})

    def _of(self, request: Request) -> list[dict[str, Any]]:
        """Those of the caller's account and region."""
        prefix = f"arn:aws:wafv2:{request.region}:{self.cloud.account_of(request)}:"
        return [found for arn, found in self._configurations.items() if arn.startswith(prefix)]
