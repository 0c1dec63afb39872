"""A resource lacks a required tag. The setting `required_tags` names the keys; without it one tag of any key is
asked for. Judged on types whose resources cost money or hold data. A plan's tags_all holds the provider's, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, look

RULE = Rule(
    id="tags/required",
    title="A resource lacks a required tag",
    severity=Severity.LOW,
    why="Nobody can tell whose it is, what it costs and whether it may be deleted.",
    mend="Add default_tags to the provider, or tags to the resource.",
    links=("https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",),
    tags=(
        "cost",
        "tags",
    ),
)


KINDS = (
    "aws_instance",
    "aws_launch_template",
    "aws_autoscaling_group",
    "aws_ebs_volume",
    "aws_lb",
    "aws_nat_gateway",
    "aws_vpc",
    "aws_lambda_function",
    "aws_sfn_state_machine",
    "aws_s3_bucket",
    "aws_dynamodb_table",
    "aws_db_instance",
    "aws_rds_cluster",
    "aws_elasticache_replication_group",
    "aws_opensearch_domain",
    "aws_efs_file_system",
    "aws_kinesis_stream",
    "aws_sqs_queue",
    "aws_sns_topic",
    "aws_ecr_repository",
    "aws_ecs_cluster",
    "aws_ecs_service",
    "aws_eks_cluster",
    "aws_kms_key",
    "aws_secretsmanager_secret",
    "aws_cloudfront_distribution",
    "aws_api_gateway_rest_api",
    "aws_apigatewayv2_api",
    "aws_cloudwatch_log_group",
    "aws_redshift_cluster",
    "aws_batch_compute_environment",
    "aws_msk_cluster",
)


def find(stack: Stack) -> Iterator[Finding]:
    required = [str(each) for each in stack.settings.get("required_tags", ())]
    by_default = _default_tags(stack)
    for resource in stack.of_type(*KINDS):
        tags = look(resource, "tags_all", look(resource, "tags", {}))
        own = look(resource, "tags", {})
        if not isinstance(tags, Mapping) or not isinstance(own, Mapping) or by_default is None:
            continue  # can't be told
        keys = {*tags, *own, *by_default}
        keys |= {str(each.get("key")) for each in blocks(resource, "tag")}
        missing = [name for name in required if name not in keys]
        if missing or not keys:
            what = f"the tag {missing[0]}" if missing else "any tag"
            yield stack.finding(RULE, resource, f"{resource.address} lacks {what}.", at="tags")


def _default_tags(stack: Stack) -> set[str] | None:
    """Keys that every AWS provider adds; None where they can't be told."""
    keys: set[str] | None = None
    for name, values in stack.configuration.providers.items():
        if name.split(".")[0] == "aws":
            tags = look(values, "default_tags.tags", {})
            if not isinstance(tags, Mapping):
                return None
            keys = set(tags) if keys is None else keys & set(tags)
    return keys or set()
