"""Web ACLs out of a Terraform plan (`terraform show -json PLAN`), in the shape of the WAFv2 API.

The provider's blocks are AWS's members in snake case, single ones wrapped in a list; so one walk turns the one into the
other. What an apply will only make (the ARN of an IP set) is replaced by the resource's address, as the plan's
`configuration` refers to it. Where that can't be told, because the block is made by a `dynamic` one, the parser reports
the statement as not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsctl.errors import UsageError
from opsctl.waf.parsing import parse_web_acl
from opsctl.waf.web_acl import WebACL

Json = Mapping[str, Any]

ACCOUNT = "000000000000"
NAMES = {
    "rule": "Rules", "text_transformation": "TextTransformations", "rule_label": "RuleLabels",
    "rule_action_override": "RuleActionOverrides", "excluded_rule": "ExcludedRules", "custom_key": "CustomKeys",
    "insert_header": "InsertHeaders", "response_header": "ResponseHeaders", "http_method": "HTTPMethod",
    "cloudwatch_metrics_enabled": "CloudWatchMetricsEnabled", "ja3_fingerprint": "JA3Fingerprint",
    "ja4_fingerprint": "JA4Fingerprint", "arn": "ARN",
}  # fmt: skip
"""Where a name is not the camel case of AWS's; the plurals are lists there."""
LISTS = frozenset({
    "Rules", "TextTransformations", "RuleLabels", "RuleActionOverrides", "ExcludedRules", "CustomKeys", "InsertHeaders",
    "ResponseHeaders",
})  # fmt: skip


class NoWebACL(UsageError):
    """The plan makes no web ACL, or none of the name that was asked for."""


@dataclass(frozen=True)
class PlannedWebACL:
    """A web ACL as a plan would make it, and its address in Terraform."""

    address: str
    acl: WebACL


def web_acls(plan: Json) -> tuple[PlannedWebACL, ...]:
    """Every web ACL that there will be after a plan is applied.

    Raises:
        NoWebACL: there is none.
        MalformedWebACL: one can't be read.
    """
    resources = list(_resources(plan.get("planned_values", {}).get("root_module", {})))
    configured = dict(_configured(plan.get("configuration", {}).get("root_module", {}), ""))

    def by_reference(kind: str) -> dict[str, Json]:
        found = {}
        for resource in resources:
            if resource["type"] == kind:
                found[resource["address"]] = resource["values"]
                if resource["values"].get("arn"):
                    found[resource["values"]["arn"]] = resource["values"]
        return found

    ip_sets = {key: values.get("addresses") or () for key, values in by_reference("aws_wafv2_ip_set").items()}
    regex_sets = {
        key: [pattern["regex_string"] for pattern in values.get("regular_expression") or ()]
        for key, values in by_reference("aws_wafv2_regex_pattern_set").items()
    }
    groups = {}
    for resource in resources:
        if resource["type"] == "aws_wafv2_rule_group":
            group = _api(resource, configured)
            groups[resource["address"]] = groups[resource["values"].get("arn") or resource["address"]] = group
    found = tuple(
        PlannedWebACL(
            resource["address"],
            parse_web_acl(
                _api(resource, configured), ip_sets=ip_sets, regex_sets=regex_sets, rule_groups=groups
            ),
        )
        for resource in resources
        if resource["type"] == "aws_wafv2_web_acl"
    )  # fmt: skip
    if not found:
        raise NoWebACL("The plan makes no web ACL (aws_wafv2_web_acl).")
    return found


def _resources(module: Json) -> Iterator[Json]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _configured(module: Json, prefix: str) -> Iterator[tuple[str, Json]]:
    for resource in module.get("resources", ()):
        yield prefix + resource["address"], resource.get("expressions", {})
    for name, call in module.get("module_calls", {}).items():
        yield from _configured(call.get("module", {}), f"{prefix}module.{name}.")


def _api(resource: Json, configured: Mapping[str, Json]) -> dict[str, Any]:
    address, values = resource["address"], resource["values"]
    expressions = configured.get(re.sub(r"\[[^\]]*\]", "", address), {})
    module = address[: address.rindex(resource["type"])]
    values = _with_references(values, expressions, module)
    document = dict(_camel(values))
    document["Scope"] = values["scope"]
    document.setdefault("ARN", f"arn:aws:wafv2:us-east-1:{ACCOUNT}:{_segment(values)}/webacl/{values.get('name')}/plan")
    bodies = document.pop("CustomResponseBody", ())
    document["CustomResponseBodies"] = {body["Key"]: body for body in _listed(bodies)}
    document["Name"] = values.get("name") or values.get("name_prefix") or address
    if association := values.get("association_config"):
        document["AssociationConfig"] = {
            "RequestBody": {
                kind.upper(): {"DefaultSizeInspectionLimit": limit[0]["default_size_inspection_limit"]}
                for block in association for request_body in block.get("request_body") or ()
                for kind, limit in request_body.items() if limit
            }
        }  # fmt: skip
    return document


def _segment(values: Json) -> str:
    return "global" if values["scope"] == "CLOUDFRONT" else "regional"


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _with_references(values: Any, expressions: Any, module: str) -> Any:
    """Put the address that `configuration` names where a planned value lacks an ARN."""
    if isinstance(values, list) and isinstance(expressions, list):
        by_name = {
            expression.get("name", {}).get("constant_value"): expression
            for expression in expressions if isinstance(expression, dict)
        }  # fmt: skip
        if all(isinstance(value, dict) and "priority" in value and "statement" in value for value in values):
            # The provider keeps rules as a set: their order is not the configuration's, but their names are unique.
            return [_with_references(value, by_name.get(value.get("name"), {}), module) for value in values]
        if len(values) == len(expressions):
            return [_with_references(*pair, module) for pair in zip(values, expressions, strict=True)]
        return values
    if not isinstance(values, dict) or not isinstance(expressions, dict):
        return values
    filled = {key: _with_references(value, expressions.get(key, {}), module) for key, value in values.items()}
    references = (expressions.get("arn") or {}).get("references") if isinstance(expressions.get("arn"), dict) else None
    if references and not values.get("arn"):
        # The first is the attribute, the next the resource itself.
        filled["arn"] = module + references[0].removesuffix(".arn")
    return filled


def _camel(values: Json) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if value is None or value == [] or key in ("association_config", "tags", "tags_all", "id", "capacity"):
            continue
        yield _name(key), _value(key, value)


def _name(key: str) -> str:
    if key in NAMES:
        return NAMES[key]
    for prefix in ("ip_set_forwarded_ip", "ip_set", "forwarded_ip", "ip"):
        if key == prefix or key.startswith(f"{prefix}_"):
            head = {"ip_set_forwarded_ip": "IPSetForwardedIP", "ip_set": "IPSet", "forwarded_ip": "ForwardedIP"}
            return head.get(prefix, "IP") + _title(key[len(prefix) :])
    return _title(key)


def _title(key: str) -> str:
    return "".join(part.capitalize() for part in key.split("_"))


def _value(key: str, value: Any) -> Any:
    if key == "search_string":
        return value.encode()
    if key in ("and_statement", "or_statement"):
        return {"Statements": [dict(_camel(inner)) for inner in value[0]["statement"]]}
    if isinstance(value, list) and value and isinstance(value[0], dict | None.__class__):
        blocks = [dict(_camel(block or {})) for block in value]
        return blocks if NAMES.get(key) in LISTS or key == "custom_response_body" else blocks[0]
    return value
