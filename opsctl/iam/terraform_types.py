"""Which Terraform types carry a role, are guarded by a policy, are encrypted by a key, or make AWS call something.

A path names attributes through nested blocks ("vpc_config.role_arn"); where a block repeats, each of them counts.
Source: the AWS provider's documentation, 5.x and 6.x, and the IAM user guide, "AWS services that work with IAM".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Holds = Literal["role", "profile"]


@dataclass(frozen=True)
class Carrying:
    """One attribute that names the role that a resource acts as.

    Attributes:
        service: whose principal the role must trust.
        holds: a role (name or ARN), or an instance profile (name or ARN).
        definition: attribute with what runs as it: a state machine, container definitions, user data.
    """

    path: str
    service: str
    holds: Holds = "role"
    definition: str = ""


def _of(service: str, *paths: str, definition: str = "") -> tuple[Carrying, ...]:
    return tuple(Carrying(path, f"{service}.amazonaws.com", definition=definition) for path in paths)


_PROFILE = (Carrying("iam_instance_profile", "ec2.amazonaws.com", "profile", "user_data"),)

CARRIERS: Mapping[str, tuple[Carrying, ...]] = {
    "aws_lambda_function": _of("lambda", "role"),
    "aws_instance": _PROFILE,
    "aws_spot_instance_request": _PROFILE,
    "aws_launch_configuration": _PROFILE,
    "aws_launch_template": (
        Carrying("iam_instance_profile.name", "ec2.amazonaws.com", "profile", "user_data"),
        Carrying("iam_instance_profile.arn", "ec2.amazonaws.com", "profile", "user_data"),
    ),
    "aws_spot_fleet_request": (
        Carrying("launch_specification.iam_instance_profile", "ec2.amazonaws.com", "profile"),
        Carrying("launch_specification.iam_instance_profile_arn", "ec2.amazonaws.com", "profile"),
        Carrying("iam_fleet_role", "spotfleet.amazonaws.com"),
    ),
    "aws_ecs_task_definition": (
        Carrying("task_role_arn", "ecs-tasks.amazonaws.com", definition="container_definitions"),
        Carrying("execution_role_arn", "ecs-tasks.amazonaws.com", definition="container_definitions"),
    ),
    "aws_ecs_service": _of("ecs", "iam_role"),
    "aws_eks_cluster": _of("eks", "role_arn"),
    "aws_eks_node_group": _of("ec2", "node_role_arn"),
    "aws_eks_fargate_profile": _of("eks-fargate-pods", "pod_execution_role_arn"),
    "aws_eks_pod_identity_association": _of("pods.eks", "role_arn"),
    "aws_eks_addon": _of("pods.eks", "service_account_role_arn", "pod_identity_association.role_arn"),
    "aws_sfn_state_machine": _of("states", "role_arn", definition="definition"),
    "aws_batch_job_definition": _of("ecs-tasks", "container_properties.jobRoleArn",
    "container_properties.executionRoleArn",
                                    "node_properties.nodeRangeProperties.container.jobRoleArn",
                                    definition="container_properties"),
    "aws_batch_compute_environment": (
        *_of("batch", "service_role"),
        Carrying("compute_resources.instance_role", "ec2.amazonaws.com", "profile"),
        Carrying("compute_resources.spot_iam_fleet_role", "spotfleet.amazonaws.com"),
    ),
    "aws_glue_job": _of("glue", "role_arn", definition="command.script_location"),
    "aws_glue_crawler": _of("glue", "role"),
    "aws_glue_dev_endpoint": _of("glue", "role_arn"),
    "aws_glue_ml_transform": _of("glue", "role_arn"),
    "aws_codebuild_project": _of("codebuild", "service_role", definition="source.buildspec"),
    "aws_codepipeline": _of("codepipeline", "role_arn", "stage.action.role_arn"),
    "aws_codedeploy_deployment_group": _of("codedeploy", "service_role_arn"),
    "aws_cloudformation_stack": _of("cloudformation", "iam_role_arn", definition="template_body"),
    "aws_cloudformation_stack_set": _of("cloudformation", "administration_role_arn", definition="template_body"),
    "aws_cloudformation_type": _of("resources.cloudformation", "execution_role_arn"),
    "aws_sagemaker_notebook_instance": _of("sagemaker", "role_arn"),
    "aws_sagemaker_model": _of("sagemaker", "execution_role_arn"),
    "aws_sagemaker_domain": _of("sagemaker", "default_user_settings.execution_role"),
    "aws_sagemaker_user_profile": _of("sagemaker", "user_settings.execution_role"),
    "aws_sagemaker_pipeline": _of("sagemaker", "role_arn", definition="pipeline_definition"),
    "aws_sagemaker_feature_group": _of("sagemaker", "role_arn"),
    "aws_api_gateway_integration": _of("apigateway", "credentials"),
    "aws_api_gateway_authorizer": _of("apigateway", "authorizer_credentials"),
    "aws_api_gateway_account": _of("apigateway", "cloudwatch_role_arn"),
    "aws_apigatewayv2_integration": _of("apigateway", "credentials_arn"),
    "aws_apigatewayv2_authorizer": _of("apigateway", "authorizer_credentials_arn"),
    "aws_appsync_datasource": _of("appsync", "service_role_arn"),
    "aws_appsync_graphql_api": _of("appsync", "log_config.cloudwatch_logs_role_arn"),
    "aws_cloudwatch_event_target": _of("events", "role_arn"),
    "aws_cloudwatch_event_rule": _of("events", "role_arn"),
    "aws_scheduler_schedule": _of("scheduler", "target.role_arn"),
    "aws_pipes_pipe": _of("pipes", "role_arn"),
    "aws_kinesis_firehose_delivery_stream": _of(
        "firehose", "extended_s3_configuration.role_arn", "s3_configuration.role_arn",
        "redshift_configuration.role_arn",
        "opensearch_configuration.role_arn", "elasticsearch_configuration.role_arn",
        "http_endpoint_configuration.role_arn",
        "kinesis_source_configuration.role_arn", "splunk_configuration.s3_configuration.role_arn",
        "snowflake_configuration.role_arn", "opensearchserverless_configuration.role_arn",
        "iceberg_configuration.role_arn",
        "extended_s3_configuration.data_format_conversion_configuration.schema_configuration.role_arn",
        "msk_source_configuration.authentication_configuration.role_arn",
    ),
    "aws_kinesis_analytics_application": _of("kinesisanalytics", "inputs.kinesis_stream.role_arn",
    "outputs.kinesis_stream.role_arn"),
    "aws_kinesisanalyticsv2_application": _of("kinesisanalytics", "service_execution_role"),
    "aws_dms_endpoint": _of("dms", "service_access_role", "s3_settings.service_access_role_arn"),
    "aws_dms_s3_endpoint": _of("dms", "service_access_role_arn"),
    "aws_apprunner_service": (
        *_of("tasks.apprunner", "instance_configuration.instance_role_arn"),
        *_of("build.apprunner", "source_configuration.authentication_configuration.access_role_arn"),
    ),
    "aws_bedrockagent_agent": _of("bedrock", "agent_resource_role_arn"),
    "aws_bedrockagent_knowledge_base": _of("bedrock", "role_arn"),
    "aws_bedrockagent_flow": _of("bedrock", "execution_role_arn"),
    "aws_bedrock_custom_model": _of("bedrock", "role_arn"),
    "aws_bedrockagentcore_agent_runtime": _of("bedrock-agentcore", "role_arn"),
    "aws_emr_cluster": (
        *_of("elasticmapreduce", "service_role", "autoscaling_role"),
        Carrying("ec2_attributes.instance_profile", "ec2.amazonaws.com", "profile"),
    ),
    "aws_emr_studio": _of("elasticmapreduce", "service_role"),
    "aws_emrcontainers_job_template": _of("emr-containers", "job_template_data.execution_role_arn"),
    "aws_datasync_location_s3": _of("datasync", "s3_config.bucket_access_role_arn"),
    "aws_transfer_user": _of("transfer", "role"),
    "aws_transfer_server": _of("transfer", "logging_role", "invocation_role"),
    "aws_transfer_access": _of("transfer", "role"),
    "aws_backup_selection": _of("backup", "iam_role_arn"),
    "aws_s3_bucket_replication_configuration": _of("s3", "role"),
    "aws_s3_bucket": _of("s3", "replication_configuration.role"),
    "aws_s3control_access_grants_location": _of("access-grants.s3", "iam_role_arn"),
    "aws_redshift_cluster": _of("redshift", "iam_roles", "default_iam_role_arn"),
    "aws_redshift_cluster_iam_roles": _of("redshift", "iam_role_arns"),
    "aws_redshift_scheduled_action": _of("scheduler.redshift", "iam_role"),
    "aws_redshiftserverless_namespace": _of("redshift", "iam_roles", "default_iam_role_arn"),
    "aws_rds_cluster": _of("rds", "iam_roles", "monitoring_role_arn"),
    "aws_rds_cluster_role_association": _of("rds", "role_arn"),
    "aws_rds_cluster_instance": _of("monitoring.rds", "monitoring_role_arn"),
    "aws_db_instance": _of("monitoring.rds", "monitoring_role_arn"),
    "aws_db_instance_role_association": _of("rds", "role_arn"),
    "aws_db_proxy": _of("rds", "role_arn"),
    "aws_neptune_cluster": _of("rds", "iam_roles"),
    "aws_iot_topic_rule": _of(
        "iot", *(f"{action}.role_arn" for action in (
            "cloudwatch_alarm", "cloudwatch_logs", "cloudwatch_metric", "dynamodb", "dynamodbv2", "elasticsearch",
            "firehose",
            "iot_analytics", "iot_events", "kinesis", "republish", "s3", "sns", "sqs", "step_functions", "timestream",
        )),
    ),
    "aws_iot_role_alias": _of("credentials.iot", "role_arn"),
    "aws_iot_provisioning_template": _of("iot", "provisioning_role_arn"),
    "aws_cognito_identity_pool_roles_attachment": _of("cognito-identity", "roles.authenticated",
    "roles.unauthenticated",
                                                      "role_mapping.mapping_rule.role_arn"),
    "aws_cognito_user_group": _of("cognito-identity", "role_arn"),
    "aws_cognito_user_pool": _of("cognito-idp", "sms_configuration.sns_caller_arn"),
    "aws_cloudtrail": _of("cloudtrail", "cloud_watch_logs_role_arn"),
    "aws_flow_log": _of("vpc-flow-logs", "iam_role_arn"),
    "aws_cloudwatch_log_subscription_filter": _of("logs", "role_arn"),
    "aws_cloudwatch_log_destination": _of("logs", "role_arn"),
    "aws_cloudwatch_metric_stream": _of("streams.metrics.cloudwatch", "role_arn"),
    "aws_config_configuration_recorder": _of("config", "role_arn"),
    "aws_config_configuration_aggregator": _of("config", "organization_aggregation_source.role_arn"),
    "aws_ssm_activation": _of("ssm", "iam_role"),
    "aws_ssm_maintenance_window_task": _of("ssm", "service_role_arn"),
    "aws_sns_topic_subscription": _of("sns", "subscription_role_arn"),
    "aws_sns_platform_application": _of("sns", "success_feedback_role_arn", "failure_feedback_role_arn"),
    "aws_sns_topic": _of(
        "sns", *(f"{kind}_{outcome}_feedback_role_arn" for kind in ("application", "firehose", "http", "lambda", "sqs")
                 for outcome in ("success", "failure")),
    ),
    "aws_autoscaling_lifecycle_hook": _of("autoscaling", "role_arn"),
    "aws_appautoscaling_target": _of("application-autoscaling", "role_arn"),
    "aws_elastic_beanstalk_application": _of("elasticbeanstalk", "appversion_lifecycle.service_role"),
    "aws_imagebuilder_infrastructure_configuration": (
        Carrying("instance_profile_name", "ec2.amazonaws.com", "profile"),
    ),
    "aws_imagebuilder_image_pipeline": _of("imagebuilder", "execution_role"),
    "aws_dlm_lifecycle_policy": _of("dlm", "execution_role_arn"),
    "aws_dax_cluster": _of("dax", "iam_role_arn"),
    "aws_mwaa_environment": _of("airflow-env", "execution_role_arn"),
    "aws_amplify_app": _of("amplify", "iam_service_role_arn", "compute_role_arn"),
    "aws_fis_experiment_template": _of("fis", "role_arn"),
    "aws_grafana_workspace": _of("grafana", "role_arn"),
    "aws_kendra_index": _of("kendra", "role_arn"),
    "aws_kendra_data_source": _of("kendra", "role_arn"),
    "aws_lakeformation_resource": _of("lakeformation", "role_arn"),
    "aws_lex_bot_alias": _of("lex", "conversation_logs.iam_role_arn"),
    "aws_lexv2models_bot": _of("lexv2", "role_arn"),
    "aws_mskconnect_connector": _of("kafkaconnect", "service_execution_role_arn"),
    "aws_opensearch_domain": _of("es", "cognito_options.role_arn"),
    "aws_pinpoint_event_stream": _of("pinpoint", "role_arn"),
    "aws_rolesanywhere_profile": _of("rolesanywhere", "role_arns"),
    "aws_ses_receipt_rule": _of("ses", "s3_action.iam_role_arn"),
    "aws_storagegateway_nfs_file_share": _of("storagegateway", "role_arn"),
    "aws_storagegateway_smb_file_share": _of("storagegateway", "role_arn"),
    "aws_synthetics_canary": _of("lambda", "execution_role_arn"),
    "aws_gamelift_fleet": _of("gamelift", "instance_role_arn"),
    "aws_gamelift_build": _of("gamelift", "storage_location.role_arn"),
    "aws_qbusiness_application": _of("qbusiness", "iam_service_role_arn"),
}  # fmt: skip

JSON_CONTAINERS = frozenset({"container_properties", "node_properties"})
"""Attributes that are JSON text; paths go on inside."""


@dataclass(frozen=True)
class Guarding:
    """A policy on a resource, written in a resource of its own, or in the guarded one.

    Attributes:
        policy: attribute with the document.
        guarded: attribute that names what it guards, by id, ARN, name or URL; "" for the resource itself.
        kind: Terraform type (without "aws_") of what is guarded.
    """

    policy: str
    guarded: str = ""
    kind: str = ""


GUARDS: Mapping[str, Guarding] = {
    "aws_s3_bucket": Guarding("policy"),
    "aws_s3_bucket_policy": Guarding("policy", "bucket", "s3_bucket"),
    "aws_s3_access_point": Guarding("policy"),
    "aws_s3control_access_point_policy": Guarding("policy", "access_point_arn", "s3_access_point"),
    "aws_s3control_bucket_policy": Guarding("policy", "bucket", "s3control_bucket"),
    "aws_s3control_multi_region_access_point_policy": Guarding("details.policy"),
    "aws_s3control_object_lambda_access_point_policy": Guarding("policy", "name",
    "s3control_object_lambda_access_point"),
    "aws_s3control_access_grants_instance_resource_policy": Guarding("policy"),
    "aws_s3tables_table_bucket_policy": Guarding("resource_policy", "table_bucket_arn", "s3tables_table_bucket"),
    "aws_s3tables_table_policy": Guarding("resource_policy", "table_bucket_arn", "s3tables_table_bucket"),
    "aws_sqs_queue": Guarding("policy"),
    "aws_sqs_queue_policy": Guarding("policy", "queue_url", "sqs_queue"),
    "aws_sns_topic": Guarding("policy"),
    "aws_sns_topic_policy": Guarding("policy", "arn", "sns_topic"),
    "aws_kms_key": Guarding("policy"),
    "aws_kms_external_key": Guarding("policy"),
    "aws_kms_replica_key": Guarding("policy"),
    "aws_kms_replica_external_key": Guarding("policy"),
    "aws_kms_key_policy": Guarding("policy", "key_id", "kms_key"),
    "aws_secretsmanager_secret": Guarding("policy"),
    "aws_secretsmanager_secret_policy": Guarding("policy", "secret_arn", "secretsmanager_secret"),
    "aws_ecr_repository_policy": Guarding("policy", "repository", "ecr_repository"),
    "aws_ecr_registry_policy": Guarding("policy"),
    "aws_ecr_repository_creation_template": Guarding("repository_policy"),
    "aws_ecrpublic_repository_policy": Guarding("policy", "repository_name", "ecrpublic_repository"),
    "aws_efs_file_system_policy": Guarding("policy", "file_system_id", "efs_file_system"),
    "aws_opensearch_domain": Guarding("access_policies"),
    "aws_opensearch_domain_policy": Guarding("access_policies", "domain_name", "opensearch_domain"),
    "aws_elasticsearch_domain": Guarding("access_policies"),
    "aws_elasticsearch_domain_policy": Guarding("access_policies", "domain_name", "elasticsearch_domain"),
    "aws_cloudsearch_domain_service_access_policy": Guarding("access_policy", "domain_name", "cloudsearch_domain"),
    "aws_api_gateway_rest_api": Guarding("policy"),
    "aws_api_gateway_rest_api_policy": Guarding("policy", "rest_api_id", "api_gateway_rest_api"),
    "aws_api_gateway_domain_name": Guarding("policy"),
    "aws_glacier_vault": Guarding("access_policy"),
    "aws_glacier_vault_lock": Guarding("policy", "vault_name", "glacier_vault"),
    "aws_backup_vault_policy": Guarding("policy", "backup_vault_name", "backup_vault"),
    "aws_codeartifact_domain_permissions_policy": Guarding("policy_document", "domain", "codeartifact_domain"),
    "aws_codeartifact_repository_permissions_policy": Guarding("policy_document", "repository",
    "codeartifact_repository"),
    "aws_codebuild_resource_policy": Guarding("policy", "resource_arn", "codebuild_project"),
    "aws_cloudwatch_log_resource_policy": Guarding("policy_document"),
    "aws_cloudwatch_log_destination_policy": Guarding("access_policy", "destination_name",
    "cloudwatch_log_destination"),
    "aws_cloudwatch_event_bus_policy": Guarding("policy", "event_bus_name", "cloudwatch_event_bus"),
    "aws_dynamodb_resource_policy": Guarding("policy", "resource_arn", "dynamodb_table"),
    "aws_kinesis_resource_policy": Guarding("policy", "resource_arn", "kinesis_stream"),
    "aws_glue_resource_policy": Guarding("policy"),
    "aws_msk_cluster_policy": Guarding("policy", "cluster_arn", "msk_cluster"),
    "aws_media_store_container_policy": Guarding("policy", "container_name", "media_store_container"),
    "aws_acmpca_policy": Guarding("policy", "resource_arn", "acmpca_certificate_authority"),
    "aws_schemas_registry_policy": Guarding("policy", "registry_name", "schemas_registry"),
    "aws_ses_identity_policy": Guarding("policy", "identity", "ses_domain_identity"),
    "aws_sesv2_email_identity_policy": Guarding("policy", "email_identity", "sesv2_email_identity"),
    "aws_vpc_endpoint": Guarding("policy"),
    "aws_vpc_endpoint_policy": Guarding("policy", "vpc_endpoint_id", "vpc_endpoint"),
    "aws_vpclattice_auth_policy": Guarding("policy", "resource_identifier", "vpclattice_service"),
    "aws_vpclattice_resource_policy": Guarding("policy", "resource_arn", "vpclattice_service"),
    "aws_redshift_resource_policy": Guarding("policy", "resource_arn", "redshift_cluster"),
    "aws_redshiftserverless_resource_policy": Guarding("policy", "resource_arn", "redshiftserverless_namespace"),
    "aws_networkfirewall_resource_policy": Guarding("policy", "resource_arn", "networkfirewall_firewall"),
    "aws_ssm_resource_policy": Guarding("policy", "resource_arn", "ssm_parameter"),
    "aws_bedrockagentcore_resource_policy": Guarding("policy", "resource_arn", "bedrockagentcore_agent_runtime"),
    "aws_imagebuilder_resource_policy": Guarding("policy", "resource_arn", "imagebuilder_image_pipeline"),
    "aws_vpc_ipam_resource_policy": Guarding("policy"),
    "aws_xray_resource_policy": Guarding("policy_document"),
    "aws_organizations_resource_policy": Guarding("content"),
    "aws_prometheus_resource_policy": Guarding("policy_document", "workspace_id", "prometheus_workspace"),
    "aws_rekognition_project_policy": Guarding("policy_document"),
}  # fmt: skip

IDENTITY_ELSEWHERE: Mapping[str, str] = {
    "aws_ssoadmin_permission_set_inline_policy": "inline_policy",
    "aws_transfer_user": "policy",
    "aws_transfer_access": "policy",
    "aws_iot_policy": "policy",
    "aws_rolesanywhere_profile": "session_policy",
    "aws_organizations_policy": "content",
}
"""Types with a document that no principal of ours holds: judged by itself, as `loose`."""

NOT_IAM = frozenset({
    "redrive_policy", "redrive_allow_policy", "delivery_policy", "lifecycle_policy", "scaling_policy",
    "data_protection_policy", "ssl_policy", "security_policy", "deletion_policy", "retry_policy",
    "archive_policy", "filter_policy", "health_check_grace_policy", "instance_refresh_policy", "password_policy",
    "placement_policy", "tls_policy", "update_policy", "viewer_protocol_policy", "origin_request_policy",
    "message_retention_policy", "mixed_instances_policy", "stack_policy", "stack_policy_body", "retention_policy",
    "response_headers_policy", "cache_policy", "auto_minor_version_policy", "managed_scaling_policy", "step_policy",
    "warm_pool_policy", "instance_maintenance_policy", "managed_termination_protection_policy", "filter_policy_scope",
    "auto_termination_policy", "rotation_policy", "target_tracking_scaling_policy_configuration", "replay_policy",
    "firewall_policy", "stateful_default_policy", "origin_access_control_policy", "bucket_lifecycle_policy",
    "restart_policy", "transition_policy", "schedule_policy", "endpoint_policy", "backup_policy", "overlap_policy",
})  # fmt: skip
"""Attributes that end in "policy" and hold no IAM document."""

SCHEDULING = frozenset({
    "aws_autoscaling_policy", "aws_appautoscaling_policy", "aws_load_balancer_policy", "aws_ecr_lifecycle_policy",
    "aws_lb_ssl_negotiation_policy", "aws_efs_backup_policy", "aws_dlm_lifecycle_policy", "aws_backup_plan",
    "aws_cloudfront_cache_policy", "aws_cloudfront_origin_request_policy", "aws_cloudfront_response_headers_policy",
    "aws_wafv2_web_acl", "aws_fms_policy", "aws_networkfirewall_firewall_policy", "aws_s3_lifecycle_configuration",
    "aws_route53_traffic_policy", "aws_verifiedpermissions_policy", "aws_iam_account_password_policy",
    "aws_cloudwatch_log_data_protection_policy", "aws_sns_topic_data_protection_policy",
    "aws_emr_managed_scaling_policy",
    "aws_opensearchserverless_access_policy", "aws_opensearchserverless_security_policy",
    "aws_cloudwatch_log_account_policy",
    "aws_opensearchserverless_lifecycle_policy", "aws_media_store_lifecycle_policy", "aws_ecr_account_setting",
    "aws_lb_listener", "aws_app_cookie_stickiness_policy", "aws_proxy_protocol_policy", "aws_verifiedaccess_group",
    "aws_verifiedaccess_endpoint", "aws_s3_bucket_lifecycle_configuration",
    "aws_config_organization_custom_policy_rule",
})  # fmt: skip
"""Types whose `policy` is no IAM document."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "aws_s3_bucket_server_side_encryption_configuration": (
        "rule.apply_server_side_encryption_by_default.kms_master_key_id",
    ),
    "aws_s3_bucket": (
        "server_side_encryption_configuration.rule.apply_server_side_encryption_by_default.kms_master_key_id",
    ),
    "aws_sqs_queue": ("kms_master_key_id",),
    "aws_sns_topic": ("kms_master_key_id",),
    "aws_dynamodb_table": ("server_side_encryption.kms_key_arn",),
    "aws_secretsmanager_secret": ("kms_key_id",),
    "aws_ssm_parameter": ("key_id",),
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "aws_kinesis_stream": ("kms_key_id",),
    "aws_lambda_function": ("kms_key_arn",),
    "aws_db_instance": ("kms_key_id",),
    "aws_rds_cluster": ("kms_key_id",),
    "aws_efs_file_system": ("kms_key_id",),
    "aws_ebs_volume": ("kms_key_id",),
    "aws_ecr_repository": ("encryption_configuration.kms_key",),
    "aws_sfn_state_machine": ("encryption_configuration.kms_key_id",),
    "aws_redshift_cluster": ("kms_key_id",),
    "aws_kinesis_firehose_delivery_stream": ("server_side_encryption.key_arn",),
    "aws_cloudwatch_event_bus": ("kms_key_identifier",),
    "aws_backup_vault": ("kms_key_arn",),
    "aws_codeartifact_domain": ("encryption_key",),
    "aws_cloudtrail": ("kms_key_id",),
    "aws_opensearch_domain": ("encrypt_at_rest.kms_key_id",),
    "aws_dynamodb_table_replica": ("kms_key_arn",),
    "aws_elasticache_replication_group": ("kms_key_id",),
    "aws_memorydb_cluster": ("kms_key_arn",),
    "aws_docdb_cluster": ("kms_key_id",),
    "aws_neptune_cluster": ("kms_key_arn",),
    "aws_msk_cluster": ("encryption_info.encryption_at_rest_kms_key_arn",),
    "aws_codecommit_repository": ("kms_key_id",),
    "aws_codebuild_project": ("encryption_key",),
    "aws_pipes_pipe": ("kms_key_identifier",),
    "aws_scheduler_schedule": ("kms_key_arn",),
}  # fmt: skip
"""Type → where it names the KMS key that encrypts it."""

ALSO_GUARDED = frozenset({
    "aws_ecr_repository", "aws_lambda_layer_version", "aws_iot_thing", "aws_s3_directory_bucket",
    "aws_codecommit_repository",
    "aws_cloudwatch_event_bus", "aws_kinesis_video_stream", "aws_glacier_vault", "aws_athena_workgroup",
    "aws_sfn_activity",
    "aws_cognito_user_pool", "aws_apigatewayv2_api", "aws_appsync_graphql_api", "aws_batch_job_queue",
    "aws_ecs_cluster",
    "aws_eks_cluster", "aws_cloudfront_distribution", "aws_ses_domain_identity", "aws_ses_email_identity",
    "aws_sesv2_email_identity", "aws_pipes_pipe", "aws_scheduler_schedule_group", "aws_lambda_alias",
    "aws_s3tables_table_bucket", "aws_media_store_container", "aws_schemas_registry", "aws_prometheus_workspace",
})  # fmt: skip
"""Resources that hold something and have neither a policy nor a key of their own in Terraform."""


@dataclass(frozen=True)
class Invoking:
    """A resource that makes AWS read, call or write on somebody's behalf; paths of whom, what and as whom."""

    source: str
    target: str
    role: str = ""
    kind_of_source: str = ""


FAILURES: tuple[str, ...] = (
    "destination_config.on_failure.destination_arn",
    "dead_letter_config.arn",
    "target.dead_letter_config.arn",
    "source_parameters.kinesis_stream_parameters.dead_letter_config.arn",
    "source_parameters.dynamodb_stream_parameters.dead_letter_config.arn",
)
"""Where an invoking resource says what takes the events that failed."""

INVOCATIONS: Mapping[str, Invoking] = {
    "aws_lambda_event_source_mapping": Invoking("event_source_arn", "function_name"),
    "aws_sns_topic_subscription": Invoking("topic_arn", "endpoint", "subscription_role_arn"),
    "aws_cloudwatch_event_target": Invoking("rule", "arn", "role_arn", "cloudwatch_event_rule"),
    "aws_scheduler_schedule": Invoking("", "target.arn", "target.role_arn"),
    "aws_pipes_pipe": Invoking("source", "target", "role_arn"),
    "aws_s3_bucket_notification": Invoking("bucket", "", "", "s3_bucket"),
    "aws_cloudwatch_log_subscription_filter": Invoking("log_group_name", "destination_arn", "role_arn",
    "cloudwatch_log_group"),
    "aws_api_gateway_integration": Invoking("rest_api_id", "uri", "credentials", "api_gateway_rest_api"),
    "aws_apigatewayv2_integration": Invoking("api_id", "integration_uri", "credentials_arn", "apigatewayv2_api"),
    "aws_api_gateway_authorizer": Invoking("rest_api_id", "authorizer_uri", "authorizer_credentials",
    "api_gateway_rest_api"),
    "aws_apigatewayv2_authorizer": Invoking("api_id", "authorizer_uri", "authorizer_credentials_arn",
    "apigatewayv2_api"),
    "aws_lambda_function_event_invoke_config": Invoking("function_name", "destination_config.on_failure.destination"),
    "aws_secretsmanager_secret_rotation": Invoking("secret_id", "rotation_lambda_arn"),
    "aws_cognito_user_pool": Invoking("", "lambda_config.pre_sign_up"),
    "aws_iot_topic_rule": Invoking("", "lambda.function_arn"),
    "aws_cloudwatch_metric_alarm": Invoking("", "alarm_actions"),
    "aws_codecommit_trigger": Invoking("repository_name", "trigger.destination_arn", "", "codecommit_repository"),
    "aws_ses_receipt_rule": Invoking("", "lambda_action.function_arn"),
    "aws_alb_target_group_attachment": Invoking("target_group_arn", "target_id"),
    "aws_lb_target_group_attachment": Invoking("target_group_arn", "target_id"),
}  # fmt: skip
