"""Parts of the edge that can be read and written as a whole, through the AWS API."""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import Any

from opsctl.aws import NotFound
from opsctl.smoke import SmokeTarget
from tests.e2e.mutations.mutation import Part

GLOBAL = "us-east-1"
"""Where CloudFront's web ACLs and metrics are."""


# --- The distribution and its response headers


def _distribution(target: SmokeTarget) -> Any:
    return target.aws.call("cloudfront", "get_distribution_config", Id=target.output("edge.distribution_id"))


def _write_distribution(target: SmokeTarget, config: Any) -> None:
    """What the edge keeps is dropped: it was made by other rules, or would hide that they are others."""
    target.aws.call(
        "cloudfront", "update_distribution", Id=target.output("edge.distribution_id"),
        IfMatch=_distribution(target)["ETag"], DistributionConfig=config,
    )  # fmt: skip
    invalidate(target)


def invalidate(target: SmokeTarget) -> None:
    target.aws.call(
        "cloudfront", "create_invalidation", DistributionId=target.output("edge.distribution_id"),
        InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": uuid.uuid4().hex},
    )  # fmt: skip


DISTRIBUTION = Part("the distribution", lambda target: _distribution(target)["DistributionConfig"], _write_distribution)


def _headers(target: SmokeTarget) -> Any:
    behavior = _distribution(target)["DistributionConfig"]["CacheBehaviors"]["Items"][0]
    which = behavior["ResponseHeadersPolicyId"]
    return target.aws.call("cloudfront", "get_response_headers_policy", Id=which)


def _write_headers(target: SmokeTarget, config: Any) -> None:
    found = _headers(target)
    target.aws.call(
        "cloudfront", "update_response_headers_policy", Id=found["ResponseHeadersPolicy"]["Id"], IfMatch=found["ETag"],
        ResponseHeadersPolicyConfig=config,
    )  # fmt: skip


HEADERS = Part(
    "the response headers policy",
    lambda target: _headers(target)["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"], _write_headers,
)  # fmt: skip


# --- Web ACLs: what of them a caller writes. Rules are told in any order, so they are put into the one that counts.


def _acl_of_the_edge(target: SmokeTarget) -> dict[str, Any]:
    _, _, name, acl_id = target.output("edge.web_acl_arn").split("/")
    return {"region": GLOBAL, "Name": name, "Id": acl_id, "Scope": "CLOUDFRONT"}


def _acl_of_the_api(target: SmokeTarget) -> dict[str, Any]:
    acls = target.aws.call("wafv2", "list_web_acls", Scope="REGIONAL")["WebACLs"]
    found = next(acl for acl in acls if acl["Name"] == f"{target.prefix}-api")
    return {"region": None, "Name": found["Name"], "Id": found["Id"], "Scope": "REGIONAL"}


def _read_acl(which: Any, target: SmokeTarget) -> Any:
    acl = target.aws.call("wafv2", "get_web_acl", **which(target))["WebACL"]
    kept = {name: acl[name] for name in ("DefaultAction", "Description", "VisibilityConfig")}
    return kept | {"Rules": sorted(acl["Rules"], key=lambda rule: int(rule["Priority"]))}


def _write_acl(which: Any, target: SmokeTarget, acl: Any) -> None:
    place = which(target)
    token = target.aws.call("wafv2", "get_web_acl", **place)["LockToken"]
    target.aws.call("wafv2", "update_web_acl", **place, **acl, LockToken=token)


WEB_ACL, API_WEB_ACL = (
    Part(name, partial(_read_acl, which), partial(_write_acl, which))
    for name, which in {"the edge's web ACL": _acl_of_the_edge, "the API's web ACL": _acl_of_the_api}.items()
)


def _stage(target: SmokeTarget) -> str:
    api, stage = target.output("api.id"), target.output("api.stage")
    return f"arn:aws:apigateway:{target.aws.access.region}::/restapis/{api}/stages/{stage}"


def _read_association(target: SmokeTarget) -> Any:
    found = target.aws.call("wafv2", "get_web_acl_for_resource", ResourceArn=_stage(target)).get("WebACL")
    return found and found["ARN"]


def _write_association(target: SmokeTarget, arn: Any) -> None:
    if arn:
        target.aws.call("wafv2", "associate_web_acl", ResourceArn=_stage(target), WebACLArn=arn)
    else:
        target.aws.call("wafv2", "disassociate_web_acl", ResourceArn=_stage(target))


API_ASSOCIATION = Part("the web ACL of the API's stage", _read_association, _write_association)


def _blocked(target: SmokeTarget) -> dict[str, Any]:
    sets = target.aws.call("wafv2", "list_ip_sets", region=GLOBAL, Scope="CLOUDFRONT")["IPSets"]
    found = next(one for one in sets if one["Name"] == f"{target.prefix}-blocked-ipv4")
    return {"region": GLOBAL, "Name": found["Name"], "Id": found["Id"], "Scope": "CLOUDFRONT"}


def _read_blocked(target: SmokeTarget) -> Any:
    return target.aws.call("wafv2", "get_ip_set", **_blocked(target))["IPSet"]["Addresses"]


def _write_blocked(target: SmokeTarget, addresses: Any) -> None:
    which = _blocked(target)
    token = target.aws.call("wafv2", "get_ip_set", **which)["LockToken"]
    target.aws.call("wafv2", "update_ip_set", **which, Addresses=addresses, LockToken=token)


BLOCKED_ADDRESSES = Part("the list of refused addresses", _read_blocked, _write_blocked)


# --- DNS


def _zone(target: SmokeTarget) -> str:
    zones = target.aws.call("route53", "list_hosted_zones_by_name", DNSName=target.domain)["HostedZones"]
    return str(zones[0]["Id"])


def _read_records(target: SmokeTarget) -> Any:
    found = target.aws.pages("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=_zone(target))
    return {record["Type"]: record for record in found if record["Type"] in ("A", "AAAA")}


def _write_records(target: SmokeTarget, records: Any) -> None:
    now = _read_records(target)
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record} for record in records.values()]
    changes += [{"Action": "DELETE", "ResourceRecordSet": now[kind]} for kind in now.keys() - records.keys()]
    target.aws.call(
        "route53", "change_resource_record_sets", HostedZoneId=_zone(target), ChangeBatch={"Changes": changes}
    )


RECORDS = Part("the site's records", _read_records, _write_records)


# --- Buckets


def _read_access(bucket: str, target: SmokeTarget) -> Any:
    which = {"Bucket": target.output(bucket)}
    try:
        policy = json.loads(target.aws.call("s3", "get_bucket_policy", **which)["Policy"])
    except NotFound:
        policy = None
    block = target.aws.call("s3", "get_public_access_block", **which)["PublicAccessBlockConfiguration"]
    return {"policy": policy, "block": block}


def _write_access(bucket: str, target: SmokeTarget, access: Any) -> None:
    """Open first, closed last: S3 refuses a public policy while the block is on."""
    which = {"Bucket": target.output(bucket)}
    target.aws.call("s3", "delete_public_access_block", **which)
    if access["policy"] is None:
        target.aws.call("s3", "delete_bucket_policy", **which)
    else:
        target.aws.call("s3", "put_bucket_policy", **which, Policy=json.dumps(access["policy"]))
    target.aws.call("s3", "put_public_access_block", **which, PublicAccessBlockConfiguration=access["block"])


PHOTOS_ACCESS, SITE_ACCESS, IMAGES_ACCESS = (
    Part(f"who may read {bucket}", partial(_read_access, bucket), partial(_write_access, bucket))
    for bucket in ("photos.bucket", "site.bucket", "images.bucket")
)


def _versions(target: SmokeTarget, what: str) -> list[dict[str, Any]]:
    found = target.aws.pages("s3", "list_object_versions", what, Bucket=target.output("site.bucket"))
    return [version for version in found if version["IsLatest"]]


def _read_site(target: SmokeTarget) -> Any:
    """Keys of the site's files, and of those that were deleted: the bucket keeps versions."""
    return {
        "there": sorted(version["Key"] for version in _versions(target, "Versions")),
        "deleted": sorted(version["Key"] for version in _versions(target, "DeleteMarkers")),
    }


def _write_site(target: SmokeTarget, site: Any) -> None:
    bucket = target.output("site.bucket")
    for marker in _versions(target, "DeleteMarkers"):
        if marker["Key"] in site["there"]:
            target.aws.call("s3", "delete_object", Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
    for version in _versions(target, "Versions"):
        if version["Key"] in site["deleted"]:
            target.aws.call("s3", "delete_object", Bucket=bucket, Key=version["Key"])
    invalidate(target)


SITE_FILES = Part("the files of the site", _read_site, _write_site)


# --- Throttling of the sign-in


def _throttled(target: SmokeTarget) -> dict[str, Any]:
    which = {"restApiId": target.output("api.id"), "stageName": target.output("api.stage")}
    settings = target.aws.call("apigateway", "get_stage", **which)["methodSettings"]
    return {
        name: setting
        for name, setting in settings.items()
        if name.strip("/").replace("~1", "/").startswith("auth/token")
    }


def _read_throttle(target: SmokeTarget) -> Any:
    return {
        name: (setting["throttlingRateLimit"], setting["throttlingBurstLimit"])
        for name, setting in _throttled(target).items()
    }


def _write_throttle(target: SmokeTarget, limits: Any) -> None:
    for name, (rate, burst) in limits.items():
        path = "/" + name.strip("/").rpartition("/")[0].replace("/", "~1") + "/POST/throttling/"
        target.aws.call(
            "apigateway", "update_stage", restApiId=target.output("api.id"), stageName=target.output("api.stage"),
            patchOperations=[
                {"op": "replace", "path": f"{path}rateLimit", "value": str(rate)},
                {"op": "replace", "path": f"{path}burstLimit", "value": str(burst)},
            ],
        )  # fmt: skip


THROTTLE = Part("the throttle of signing in", _read_throttle, _write_throttle)
