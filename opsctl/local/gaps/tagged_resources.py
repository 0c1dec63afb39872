"""Resource Groups Tagging API: GetResources answers for both emulators, and for services that MiniStack leaves out.

`opsctl down` asks it to prove that nothing is left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from opsctl.local.emulators import in_moto
from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap

GONE = ("deleted", "terminated")
ACTION = "ResourceGroupsTaggingAPI_20170126.GetResources"


Tagged = Iterator[tuple[str, list[dict[str, str]]]]


def collect(service: str, collector: Callable[[], Tagged]) -> None:
    """Let GetResources list more resources of a service."""
    from ministack.services import tagging

    before = tagging._COLLECTORS.get(service)
    tagging._COLLECTORS[service] = lambda: chain(before() if before else (), collector())


class TaggedResources(Gap):
    async def install(self) -> None:
        from ministack.services import tagging

        tagging._COLLECTORS["cloudfront"] = partial(_distributions, tagging._COLLECTORS["cloudfront"])
        collect("apigateway", _rest_apis)
        collect("wafv2", _web_acls)
        collect("logs", _log_groups)
        collect("cloudwatch", _alarms)
        collect("acm", _certificates)
        collect("route53", _hosted_zones)
        collect("ec2", _network)
        collect("rds", _database_groups)
        collect("secretsmanager", tagging._collect_secretsmanager)
        collect("ssm", tagging._collect_ssm)

    def wants(self, request: Request) -> bool:
        return request.headers.get("x-amz-target") == ACTION

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        if response.status != 200:
            return response
        found = {item["ResourceARN"]: item for item in response.json()["ResourceTagMappingList"]}
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
                break
        ended = _ended_instances(self.cloud.account_of(request), request.region)
        # AWS lists what is global in us-east-1 only; a bucket's ARN says no region and is listed where it lives.
        here = [
            item
            for arn, item in found.items()
            if (arn.split(":")[3] or arn.split(":")[2] == "s3" or request.region == "us-east-1")
            and arn.rpartition("/")[2] not in ended
        ]
        return response.with_json({"ResourceTagMappingList": here, "PaginationToken": ""})


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
    from ministack.services import route53 as service

    existing = {"hostedzone": service._zones, "healthcheck": service._health_checks}
    for (kind, identifier), tags in service._tags.items():
        if identifier in existing.get(kind, ()):  # MiniStack keeps the tags of what it deleted
            yield f"arn:aws:route53:::{kind}/{identifier}", _pairs(tags)


def _distributions(listed: Callable[[], Tagged]) -> Tagged:
    """What MiniStack lists, without the distributions that it deleted."""
    from ministack.services import cloudfront as service

    for arn, tags in listed():
        kind, _, identifier = arn.rpartition(":")[2].partition("/")
        if kind != "distribution" or identifier in service._distributions:
            yield arn, tags


def _network() -> Tagged:
    """moto's own GetResources leaves out endpoints, network ACLs, launch templates, addresses and more."""
    from ministack.core.responses import get_account_id, get_region

    backend = in_moto("ec2", get_account_id(), get_region())
    existing = _ids(vars(backend)) - _ended_instances(get_account_id(), get_region())
    tags: dict[str, list[dict[str, str]]] = {}
    for tag in backend.describe_tags():
        if tag["resource_id"] in existing:  # moto keeps the tags of what it deleted
            arn = f"arn:aws:ec2:{get_region()}:{get_account_id()}:{tag['resource_type']}/{tag['resource_id']}"
            tags.setdefault(arn, []).append({"Key": tag["key"], "Value": tag["value"]})
    yield from tags.items()


def _ended_instances(account_id: str, region: str) -> set[str]:
    """Ids of terminated instances. EC2 shows them for an hour; here nobody needs to be told of them."""
    reservations = in_moto("ec2", account_id, region).reservations.values()
    return {instance.id for held in reservations for instance in held.instances if instance.state in GONE}


def _ids(stores: Mapping[str, Any], depth: int = 2) -> set[str]:
    """Ids of what moto's stores hold: a store maps ids to resources, or a parent's id (a VPC's, a zone's) to such."""
    found: set[str] = set()
    for name, store in stores.items():
        if isinstance(store, Mapping) and name != "tags":
            found |= {
                key for key, held in store.items()
                if not isinstance(held, Mapping) and getattr(held, "state", "") not in GONE
            }  # fmt: skip
            found |= _ids(store, depth - 1) if depth else set()
    return found


def _database_groups() -> Tagged:
    from ministack.core.responses import get_account_id, get_region

    backend = in_moto("rds", get_account_id(), get_region())
    for group in (*backend.subnet_groups.values(), *backend.db_parameter_groups.values()):
        yield group.arn, group.tags
