"""WAFv2: what a web ACL does. MiniStack keeps its rules, drops bodies and body limits, and tells nothing of requests.

`opsctl.local.firewall` enforces; this tells of it: samples, and the addresses that a rate limits.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap
from opsctl.waf import MalformedWebACL

TARGET = "AWSWAF_20190729."
DROPPED = ("CustomResponseBodies", "AssociationConfig", "CaptchaConfig", "ChallengeConfig", "TokenDomains")
KEEPING = frozenset({"CreateWebACL", "UpdateWebACL", "CreateRuleGroup", "UpdateRuleGroup"})
TELLING = frozenset({"GetSampledRequests", "GetRateBasedStatementManagedKeys"})


class WebAcls(Gap):
    async def uninstall(self) -> None:
        await self.cloud.firewall.close()

    def wants(self, request: Request) -> bool:
        return request.headers.get("x-amz-target", "").removeprefix(TARGET) in KEEPING | TELLING

    async def answer(self, request: Request, forward: Handler) -> Response:
        action, asked = request.headers["x-amz-target"].removeprefix(TARGET), request.json()
        if action == "GetSampledRequests":
            return json_response(200, self._samples(asked))
        if action == "GetRateBasedStatementManagedKeys":
            return self._managed_keys(request, asked)
        # A web ACL comes long before its traffic: time enough to build what looks for attacks.
        self.cloud.firewall.prepare()
        response = await forward(request)
        if response.status == 200:
            self._keep(request, action, asked, response.json())
        return response

    def _keep(self, request: Request, action: str, asked: dict[str, Any], answered: dict[str, Any]) -> None:
        from ministack.services import waf

        identity = asked.get("Id") or answered["Summary"]["Id"]
        region = waf.CLOUDFRONT_HOME_REGION if asked.get("Scope") == "CLOUDFRONT" else request.region
        store = waf._resource_store("webacl" if action.endswith("WebACL") else "rulegroup")
        record = store.get_scoped(self.cloud.account_of(request), region, identity)
        for name in DROPPED:
            if asked.get(name):
                record[name] = asked[name]
            else:
                record.pop(name, None)

    def _samples(self, asked: dict[str, Any]) -> dict[str, Any]:
        begin, end = (float(asked["TimeWindow"][edge]) for edge in ("StartTime", "EndTime"))
        kept = self.cloud.firewall.samples.get((asked["WebAclArn"], asked["RuleMetricName"]), ())
        found = [sample for sample in kept if begin <= sample["Timestamp"] <= end]
        return {
            "SampledRequests": found[-int(asked["MaxItems"]) :],
            "PopulationSize": len(found),
            "TimeWindow": asked["TimeWindow"],
        }

    def _managed_keys(self, request: Request, asked: dict[str, Any]) -> Response:
        from ministack.services import waf

        region = waf.CLOUDFRONT_HOME_REGION if asked["Scope"] == "CLOUDFRONT" else request.region
        record = waf._web_acls.get_scoped(self.cloud.account_of(request), region, asked["WebACLId"])
        try:
            if record is None:
                raise KeyError(asked["WebACLId"])
            keys = self.cloud.firewall.managed_keys(
                record["ARN"], asked["RuleName"], asked.get("RuleGroupRuleName", "")
            )
        except (KeyError, MalformedWebACL):
            message = "AWS WAF couldn't perform the operation because your resource doesn't exist."
            return json_response(400, {"__type": "WAFNonexistentItemException", "Message": message})
        by_version: dict[str, list[str]] = {"IPV4": [], "IPV6": []}
        for address in keys:
            by_version["IPV6" if ":" in address else "IPV4"].append(f"{address}/{128 if ':' in address else 32}")
        return json_response(200, {
            f"ManagedKeys{version}": {"IPAddressVersion": version, "Addresses": addresses}
            for version, addresses in by_version.items()
        })  # fmt: skip
