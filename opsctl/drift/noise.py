"""What differs after a refresh without anybody having changed anything: a table, with the reason of each entry.

What is not in a table counts as real. Most entries were met on provider 5.100 and 6.47; the others are named by its
documentation as computed and moving.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

EMPTY = 'empty: null, "", [] and {} are one to the provider'
SPELLING = "the same document, spelled otherwise"
RESORTED = "a set whose members are spelled otherwise, so sorted anew"
OWNED = "Terraform is told to leave it to deploys (ignore_changes)"
RELEASED = "which artifact runs is a deploy's to say; a plan shows it where the launch template doesn't agree"
TAGS = "tags, counted again with the provider's default ones"

CHANGED_AT = "says when it was last changed, not what it is"
COUNTER = "a number that AWS counts up"
BY_ITSELF = "AWS moves it by itself"
BACK_REFERENCE = "says who uses it"

ANY = "*"

MOVING: Mapping[str, Mapping[str, str]] = {
    ANY: {
        "last_modified": CHANGED_AT,
        "last_modified_date": CHANGED_AT,
        "last_modified_time": CHANGED_AT,
        "last_updated_date": CHANGED_AT,
        "last_updated_time": CHANGED_AT,
        "lock_token": COUNTER,
    },
    "aws_acm_certificate": {
        "not_after": "renewed by AWS",
        "not_before": "renewed by AWS",
        "pending_renewal": "renewed by AWS",
        "renewal_summary": "renewed by AWS",
        "status": "renewed by AWS",
    },
    "aws_autoscaling_group": {"predicted_capacity": BY_ITSELF, "warm_pool_size": BY_ITSELF},
    "aws_batch_compute_environment": {"status": BY_ITSELF, "status_reason": BY_ITSELF},
    "aws_batch_job_queue": {"status": BY_ITSELF},
    "aws_cloudfront_distribution": {"etag": COUNTER, "in_progress_validation_batches": BY_ITSELF, "status": BY_ITSELF},
    "aws_cloudfront_cache_policy": {"etag": COUNTER},
    "aws_cloudfront_function": {"etag": COUNTER, "live_stage_etag": COUNTER, "status": BY_ITSELF},
    "aws_cloudfront_origin_request_policy": {"etag": COUNTER},
    "aws_cloudfront_response_headers_policy": {"etag": COUNTER},
    "aws_codecommit_trigger": {"configuration_id": COUNTER},
    "aws_cognito_user_pool": {"estimated_number_of_users": "grows as people sign up"},
    "aws_db_instance": {"latest_restorable_time": "moves on every 5 minutes", "status": BY_ITSELF},
    "aws_efs_file_system": {"size_in_bytes": "grows as files are written"},
    "aws_lambda_event_source_mapping": {
        "last_processing_result": "says how the last batch went",
        "state": BY_ITSELF,
        "state_transition_reason": BY_ITSELF,
    },
    "aws_lambda_function": {"qualified_arn": COUNTER, "qualified_invoke_arn": COUNTER, "version": COUNTER},
    "aws_launch_template": {"latest_version": COUNTER},
    "aws_lb_target_group": {"load_balancer_arns": BACK_REFERENCE},
    "aws_sfn_state_machine": {"revision_id": COUNTER, "state_machine_version_arn": COUNTER, "status": BY_ITSELF},
    "aws_ssm_parameter": {"version": COUNTER},
    "aws_vpc_endpoint": {"state": BY_ITSELF},
}
"""Resource type → attribute → why its moving says nothing."""

FOLLOWING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "aws_lambda_function": {
        "code_sha256": ("source_code_hash", "filename", "s3_key"),
        "source_code_hash": ("filename", "s3_key"),
        "source_code_size": ("source_code_hash", "filename", "s3_key"),
    },
    "aws_s3_object": {
        "checksum_crc32": ("source", "content", "etag"),
        "checksum_sha256": ("source", "content", "etag"),
        "etag": ("source", "content", "source_hash"),
        "version_id": ("source", "content", "source_hash"),
    },
    "aws_ssm_parameter": {"insecure_value": ("value",), "value": ("insecure_value",)},
    "aws_secretsmanager_secret_version": {"version_id": ("secret_string",), "version_stages": ("secret_string",)},
}
"""Resource type → attribute → attributes that it follows: where one of them is left to deploys, so is this."""

ZEROS: Mapping[str, frozenset[str]] = {
    "aws_network_acl": frozenset({"icmp_code", "icmp_type"}),
    "aws_s3_bucket_server_side_encryption_configuration": frozenset({"bucket_key_enabled"}),
    "aws_batch_compute_environment": frozenset({"bid_percentage", "desired_vcpus"}),
}
"""Resource type → names of values inside it where null and 0 (or false) are one to the provider."""

SPELLINGS: Mapping[tuple[str, str], Mapping[Any, Any]] = {
    ("aws_network_acl", "protocol"): {"tcp": "6", "udp": "17", "icmp": "1", "all": "-1"},
}
"""(Resource type, name of a value inside it) → how AWS spells what we write. Source: EC2 API, CreateNetworkAclEntry:
protocols are IANA numbers."""


def moving(kind: str, attribute: str) -> str:
    """Why an attribute's moving says nothing; "" if it says something."""
    return MOVING.get(kind, {}).get(attribute) or MOVING[ANY].get(attribute, "")


def owned(kind: str, attribute: str, ignored: frozenset[str]) -> str:
    """Why an attribute is not Terraform's; "" if it is. `ignored`: what `ignore_changes` names, {"*"} for all."""
    leaders = {attribute, *FOLLOWING.get(kind, {}).get(attribute, ())}
    return OWNED if ANY in ignored or leaders & ignored else ""


ARTIFACT = re.compile(r"^ARTIFACT_SHA256=.*$", re.MULTILINE)
"""The line of the service's user data that a deploy changes (terraform/modules/service)."""


def released(kind: str, attribute: str, old: Any, new: Any) -> str:
    """Why a difference is what a deploy of the service leaves; "" if it isn't, or is more than that."""
    without = _WITHOUT_RELEASE.get((kind, attribute))
    return RELEASED if without and without(old) == without(new) else ""


def _without_artifact(user_data: Any) -> Any:
    try:
        return ARTIFACT.sub("", base64.b64decode(user_data).decode())
    except (TypeError, ValueError):
        return user_data


def _without_version(templates: Any) -> Any:
    return [{**one, "version": ""} for one in templates] if isinstance(templates, list) else templates


_WITHOUT_RELEASE: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("aws_launch_template", "user_data"): _without_artifact,
    ("aws_launch_template", "default_version"): lambda _: "",
    ("aws_autoscaling_group", "launch_template"): _without_version,
}


def plain(kind: str, value: Any, name: str = "") -> Any:
    """`value` with what AWS spells otherwise (`ZEROS`, `SPELLINGS`) spelled in one way."""
    if isinstance(value, dict):
        return {key: plain(kind, item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(kind, item, name) for item in value]
    if name in ZEROS.get(kind, ()) and value in (None, 0, False):
        return None
    return SPELLINGS.get((kind, name), {}).get(value, value)
