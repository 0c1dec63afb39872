"""Attributes that repeat what another resource says: a role's `inline_policy` lists its `aws_iam_role_policy`.

They fill up at the first refresh after an apply, which is noise; a rule that somebody added by hand shows in the same
attribute, which is drift. So each added or missing part must be accounted for by a resource in the state, which is
looked at itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.drift.meaning import canonical
from opsctl.drift.refreshed import Instance, Refreshed

Parts = frozenset[tuple[Any, ...]]


@dataclass(frozen=True)
class Mirror:
    """An attribute of one type that repeats resources of others.

    Attributes:
        of: types of those resources.
        parent: attribute of the mirroring resource that identifies it …
        reference: … and the attribute of the others that names it.
        parts: what the attribute holds, as a set; None where one resource is the whole of it.
        part: what one of the others contributes.
    """

    of: tuple[str, ...]
    parent: str
    reference: str
    parts: Callable[[Any], Parts] | None = None
    part: Callable[[Instance], Parts] = lambda instance: frozenset()


def mirrored(before: Instance, after: Instance, attribute: str, refreshed: Refreshed) -> str:
    """Which resources account for the difference in `attribute`, in words; "" where something is left over."""
    mirror = MIRRORS.get((after.type, attribute))
    if mirror is None:
        return ""
    then, now = (_others(mirror, after, states) for states in (refreshed.before, refreshed.after))
    if mirror.parts is None:
        told = [*then, *now]
    else:
        old, new = (mirror.parts(instance.attributes.get(attribute)) for instance in (before, after))
        if new - old - _all(mirror, now) or old - new - _all(mirror, then):
            return ""
        told = [*now, *then]
    return f"repeats {told[0].type}, which is looked at itself" if told else ""


def _others(mirror: Mirror, instance: Instance, states: Mapping[str, Instance]) -> list[Instance]:
    name = instance.text(mirror.parent)
    return [
        other for other in states.values() if other.type in mirror.of and name and other.text(mirror.reference) == name
    ]


def _all(mirror: Mirror, others: Iterable[Instance]) -> Parts:
    return frozenset(part for other in others for part in mirror.part(other))


def _blocks(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value or () if isinstance(item, Mapping)] if isinstance(value, list) else []


def _inline(value: Any) -> Parts:
    return frozenset((block.get("name"), canonical(block.get("policy"))) for block in _blocks(value))


def _texts(value: Any) -> Parts:
    return frozenset((item,) for item in value or ()) if isinstance(value, list) else frozenset()


def _sources(value: Any) -> Parts:
    """A security group's rules, one for each source or destination."""
    found = set()
    for block in _blocks(value):
        ports = (
            str(block.get("protocol")),
            *_ports(block.get("from_port"), block.get("to_port"), block.get("protocol")),
        )
        for key in ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups"):
            found |= {(*ports, source) for source in block.get(key) or ()}
        if block.get("self"):
            found.add((*ports, "self"))
    return frozenset(found)


def _ports(first: Any, last: Any, protocol: Any) -> tuple[int, int]:
    return (0, 0) if str(protocol) == "-1" else (int(first or 0), int(last or 0))


def _vpc_rule(instance: Instance) -> Parts:
    values = instance.attributes
    protocol = values.get("ip_protocol")
    sources = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")
    source = next((values[key] for key in sources if values.get(key)), "")
    ports = (str(protocol), *_ports(values.get("from_port"), values.get("to_port"), protocol))
    # A group that is its own source is "self" in the group.
    return frozenset({(*ports, "self" if source == values.get("security_group_id") else source)})


def _rule(kind: str) -> Callable[[Instance], Parts]:
    def part(instance: Instance) -> Parts:
        if instance.type != "aws_security_group_rule":
            return _vpc_rule(instance)
        if instance.attributes.get("type") != kind:
            return frozenset()
        block = dict(instance.attributes)
        block["security_groups"] = [block["source_security_group_id"]] if block.get("source_security_group_id") else []
        return _sources([block])

    return part


DESTINATIONS = ("cidr_block", "ipv6_cidr_block", "destination_prefix_list_id")


def _routes(value: Any) -> Parts:
    return frozenset((block[key],) for block in _blocks(value) for key in DESTINATIONS if block.get(key))


def _route(instance: Instance) -> Parts:
    keys = ("destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id")
    return frozenset((instance.text(key),) for key in keys if instance.text(key))


def _bucket(attribute: str, kind: str) -> tuple[tuple[str, str], Mirror]:
    return ("aws_s3_bucket", attribute), Mirror((f"aws_s3_bucket_{kind}",), "id", "bucket")


MIRRORS: Mapping[tuple[str, str], Mirror] = {
    ("aws_iam_role", "inline_policy"): Mirror(
        ("aws_iam_role_policy",), "name", "role", _inline,
        lambda other: frozenset({(other.text("name"), canonical(other.text("policy")))}),
    ),
    ("aws_iam_role", "managed_policy_arns"): Mirror(
        ("aws_iam_role_policy_attachment",), "name", "role", _texts,
        lambda other: frozenset({(other.text("policy_arn"),)}),
    ),
    **dict((
        _bucket("acceleration_status", "accelerate_configuration"), _bucket("acl", "acl"), _bucket("grant", "acl"),
        _bucket("cors_rule", "cors_configuration"), _bucket("lifecycle_rule", "lifecycle_configuration"),
        _bucket("logging", "logging"), _bucket("object_lock_configuration", "object_lock_configuration"),
        _bucket("policy", "policy"), _bucket("replication_configuration", "replication_configuration"),
        _bucket("request_payer", "request_payment_configuration"),
        _bucket("server_side_encryption_configuration", "server_side_encryption_configuration"),
        _bucket("versioning", "versioning"), _bucket("website", "website_configuration"),
    )),
    ("aws_s3_bucket", "website_domain"): Mirror(("aws_s3_bucket_website_configuration",), "id", "bucket"),
    ("aws_s3_bucket", "website_endpoint"): Mirror(("aws_s3_bucket_website_configuration",), "id", "bucket"),
    ("aws_security_group", "ingress"): Mirror(
        ("aws_vpc_security_group_ingress_rule", "aws_security_group_rule"), "id", "security_group_id",
        _sources, _rule("ingress"),
    ),
    ("aws_security_group", "egress"): Mirror(
        ("aws_vpc_security_group_egress_rule", "aws_security_group_rule"), "id", "security_group_id",
        _sources, _rule("egress"),
    ),
    ("aws_route_table", "route"): Mirror(("aws_route",), "id", "route_table_id", _routes, _route),
    ("aws_sns_topic", "policy"): Mirror(("aws_sns_topic_policy",), "arn", "arn"),
    ("aws_sqs_queue", "policy"): Mirror(("aws_sqs_queue_policy",), "id", "queue_url"),
    ("aws_sqs_queue", "redrive_policy"): Mirror(("aws_sqs_queue_redrive_policy",), "id", "queue_url"),
    ("aws_sqs_queue", "redrive_allow_policy"): Mirror(("aws_sqs_queue_redrive_allow_policy",), "id", "queue_url"),
    ("aws_kms_key", "policy"): Mirror(("aws_kms_key_policy",), "id", "key_id"),
    ("aws_api_gateway_rest_api", "policy"): Mirror(("aws_api_gateway_rest_api_policy",), "id", "rest_api_id"),
    ("aws_api_gateway_stage", "web_acl_arn"): Mirror(("aws_wafv2_web_acl_association",), "arn", "resource_arn"),
    ("aws_secretsmanager_secret", "policy"): Mirror(("aws_secretsmanager_secret_policy",), "arn", "secret_arn"),
}  # fmt: skip
"""(Type, attribute) → what it repeats. Source: the provider's documentation of each, which says to use one or the
other; the computed attribute lists both."""
