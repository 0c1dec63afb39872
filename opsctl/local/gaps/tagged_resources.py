"""Resource Groups Tagging API: GetResources answers for both emulators, and for services that MiniStack leaves out.

`opsctl down` asks it to prove that nothing is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap

ACTION = "ResourceGroupsTaggingAPI_20170126.GetResources"


class TaggedResources(Gap):
    async def install(self) -> None:
        from ministack.services import tagging

        tagging._COLLECTORS.update(
            apigateway=_rest_apis, wafv2=_web_acls, logs=_log_groups, cloudwatch=_alarms, acm=_certificates,
            route53=_hosted_zones, secretsmanager=tagging._collect_secretsmanager, ssm=tagging._collect_ssm,
        )  # fmt: skip

    def wants(self, request: Request) -> bool:
        return request.headers.get("x-amz-target") == ACTION

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        if response.status != 200:
            return response
        document = response.json()
        found = {item["ResourceARN"]: item for item in document["ResourceTagMappingList"]}
        asked, token = request.json(), ""
        while True:
            page = await self.cloud.moto(
                request.with_body(json.dumps({**asked, "PaginationToken": token}).encode()),
                self.cloud.account_of(request),
            )
            if page.status != 200:
                return page
            for item in page.json()["ResourceTagMappingList"]:
                found.setdefault(item["ResourceARN"], item)
            token = page.json().get("PaginationToken") or ""
            if not token:
                return response.with_json({"ResourceTagMappingList": list(found.values()), "PaginationToken": ""})


Tagged = Iterator[tuple[str, list[dict[str, str]]]]


def _here(arn: str) -> bool:
    """Whether a regional resource belongs to the request's region."""
    from ministack.core.responses import get_region

    return bool(arn.split(":")[3] == get_region())


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _rest_apis() -> Tagged:
    from ministack.core.responses import get_region
    from ministack.services import apigateway_v1 as service

    for api_id, api in service._rest_apis.items():
        yield service._rest_api_arn(api_id), _pairs(api.get("tags") or {})
        for name, stage in service._stages_v1.get(api_id, {}).items():
            yield f"{service._rest_api_arn(api_id)}/stages/{name}", _pairs(stage.get("tags") or {})
    for kind, store in (("apikeys", service._api_keys), ("usageplans", service._usage_plans)):
        for identifier, record in store.items():
            yield f"arn:aws:apigateway:{get_region()}::/{kind}/{identifier}", _pairs(record.get("tags") or {})


def _web_acls() -> Tagged:
    from ministack.services import waf as service

    yield from ((arn, tags) for arn, tags in service._waf_tags.items() if _here(arn))


def _log_groups() -> Tagged:
    from ministack.services import cloudwatch_logs as service

    for group in service._log_groups.values():
        yield group["arn"].removesuffix(":*"), _pairs(group["tags"])


def _alarms() -> Tagged:
    from ministack.services import cloudwatch as service

    yield from ((arn, _pairs(tags)) for arn, tags in service._resource_tags.items() if _here(arn))


def _certificates() -> Tagged:
    from ministack.services import acm as service

    yield from ((arn, certificate.get("Tags", [])) for arn, certificate in service._certificates.items())


def _hosted_zones() -> Tagged:
    """Zones and health checks: global, so AWS lists them in us-east-1 only."""
    from ministack.core.responses import get_region
    from ministack.services import route53 as service

    if get_region() == "us-east-1":
        for (kind, identifier), tags in service._tags.items():
            yield f"arn:aws:route53:::{kind}/{identifier}", _pairs(tags)
