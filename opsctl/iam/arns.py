"""The ARN that each Terraform resource will have, before it is there.

`⟦aws_sqs_queue.photos.arn⟧` → `arn:aws:sqs:⟦region⟧:⟦account⟧:local-photos`. What stays unknown (a generated id, the
account) is a symbol inside the ARN, so that patterns and actions can still be held against it.
Source: the Service Authorization Reference's "Resource types defined by …" tables and each resource's page ("Attribute
Reference") in the AWS provider's documentation, 5.x.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from opsctl.hcl.configuration import Configuration, Resource
from opsctl.hcl.symbols import OPEN, SYMBOL, Unknown, symbol

SHAPES: Mapping[str, str] = {
    "aws_accessanalyzer_analyzer": "access-analyzer:ra:analyzer/{analyzer_name}",
    "aws_acm_certificate": "acm:ra:certificate/{id}",
    "aws_acmpca_certificate_authority": "acm-pca:ra:certificate-authority/{id}",
    "aws_alb": "elasticloadbalancing:ra:loadbalancer/app/{name}/{arn_suffix_id}",
    "aws_amplify_app": "amplify:ra:apps/{id}",
    "aws_api_gateway_rest_api": "apigateway:r:/restapis/{id}",
    "aws_api_gateway_stage": "apigateway:r:/restapis/{rest_api_id}/stages/{stage_name}",
    "aws_api_gateway_api_key": "apigateway:r:/apikeys/{id}",
    "aws_api_gateway_usage_plan": "apigateway:r:/usageplans/{id}",
    "aws_api_gateway_vpc_link": "apigateway:r:/vpclinks/{id}",
    "aws_api_gateway_domain_name": "apigateway:r:/domainnames/{domain_name}",
    "aws_apigatewayv2_api": "apigateway:r:/apis/{id}",
    "aws_apigatewayv2_stage": "apigateway:r:/apis/{api_id}/stages/{name}",
    "aws_apigatewayv2_domain_name": "apigateway:r:/domainnames/{domain_name}",
    "aws_appconfig_application": "appconfig:ra:application/{id}",
    "aws_appmesh_mesh": "appmesh:ra:mesh/{name}",
    "aws_apprunner_service": "apprunner:ra:service/{service_name}/{service_id}",
    "aws_appsync_graphql_api": "appsync:ra:apis/{id}",
    "aws_athena_workgroup": "athena:ra:workgroup/{name}",
    "aws_athena_data_catalog": "athena:ra:datacatalog/{name}",
    "aws_autoscaling_group": "autoscaling:ra:autoScalingGroup:{uuid}:autoScalingGroupName/{name}",
    "aws_backup_plan": "backup:ra:backup-plan:{id}",
    "aws_backup_vault": "backup:ra:backup-vault:{name}",
    "aws_batch_compute_environment": "batch:ra:compute-environment/{name}",
    "aws_batch_job_definition": "batch:ra:job-definition/{name}:{revision}",
    "aws_batch_job_queue": "batch:ra:job-queue/{name}",
    "aws_bedrockagent_agent": "bedrock:ra:agent/{agent_id}",
    "aws_bedrockagent_knowledge_base": "bedrock:ra:knowledge-base/{id}",
    "aws_cloud9_environment_ec2": "cloud9:ra:environment:{id}",
    "aws_cloudformation_stack": "cloudformation:ra:stack/{name}/{stack_uuid}",
    "aws_cloudformation_stack_set": "cloudformation:ra:stackset/{name}:{stack_set_uuid}",
    "aws_cloudfront_distribution": "cloudfront:a:distribution/{id}",
    "aws_cloudfront_function": "cloudfront:a:function/{name}",
    "aws_cloudtrail": "cloudtrail:ra:trail/{name}",
    "aws_cloudtrail_event_data_store": "cloudtrail:ra:eventdatastore/{id}",
    "aws_cloudwatch_composite_alarm": "cloudwatch:ra:alarm:{alarm_name}",
    "aws_cloudwatch_dashboard": "cloudwatch:a:dashboard/{dashboard_name}",
    "aws_cloudwatch_event_api_destination": "events:ra:api-destination/{name}/{uuid}",
    "aws_cloudwatch_event_archive": "events:ra:archive/{name}",
    "aws_cloudwatch_event_bus": "events:ra:event-bus/{name}",
    "aws_cloudwatch_event_connection": "events:ra:connection/{name}/{uuid}",
    "aws_cloudwatch_event_rule": "events:ra:rule/{bus_path}{name}",
    "aws_cloudwatch_log_destination": "logs:ra:destination:{name}",
    "aws_cloudwatch_log_group": "logs:ra:log-group:{name}",
    "aws_cloudwatch_log_stream": "logs:ra:log-group:{log_group_name}:log-stream:{name}",
    "aws_cloudwatch_metric_alarm": "cloudwatch:ra:alarm:{alarm_name}",
    "aws_codeartifact_domain": "codeartifact:ra:domain/{domain}",
    "aws_codeartifact_repository": "codeartifact:ra:repository/{domain}/{repository}",
    "aws_codebuild_project": "codebuild:ra:project/{name}",
    "aws_codebuild_report_group": "codebuild:ra:report-group/{name}",
    "aws_codecommit_repository": "codecommit:ra:{repository_name}",
    "aws_codedeploy_app": "codedeploy:ra:application:{name}",
    "aws_codedeploy_deployment_group": "codedeploy:ra:deploymentgroup:{app_name}/{deployment_group_name}",
    "aws_codepipeline": "codepipeline:ra:{name}",
    "aws_codestarconnections_connection": "codestar-connections:ra:connection/{id}",
    "aws_cognito_identity_pool": "cognito-identity:ra:identitypool/{id}",
    "aws_cognito_user_pool": "cognito-idp:ra:userpool/{id}",
    "aws_config_config_rule": "config:ra:config-rule/{rule_id}",
    "aws_customer_gateway": "ec2:ra:customer-gateway/{id}",
    "aws_datasync_task": "datasync:ra:task/{id}",
    "aws_dax_cluster": "dax:ra:cache/{cluster_name}",
    "aws_db_instance": "rds:ra:db:{identifier}",
    "aws_db_cluster_snapshot": "rds:ra:cluster-snapshot:{db_cluster_snapshot_identifier}",
    "aws_db_option_group": "rds:ra:og:{name}",
    "aws_db_parameter_group": "rds:ra:pg:{name}",
    "aws_db_proxy": "rds:ra:db-proxy:{proxy_id}",
    "aws_db_snapshot": "rds:ra:snapshot:{db_snapshot_identifier}",
    "aws_db_subnet_group": "rds:ra:subgrp:{name}",
    "aws_dms_endpoint": "dms:ra:endpoint:{endpoint_uuid}",
    "aws_dms_replication_instance": "dms:ra:rep:{replication_uuid}",
    "aws_dms_replication_task": "dms:ra:task:{task_uuid}",
    "aws_docdb_cluster": "rds:ra:cluster:{cluster_identifier}",
    "aws_dynamodb_table": "dynamodb:ra:table/{name}",
    "aws_dynamodb_global_table": "dynamodb:a:global-table/{name}",
    "aws_ebs_snapshot": "ec2:r:snapshot/{id}",
    "aws_ebs_volume": "ec2:ra:volume/{id}",
    "aws_ecr_repository": "ecr:ra:repository/{name}",
    "aws_ecrpublic_repository": "ecr-public:a:repository/{repository_name}",
    "aws_ecs_capacity_provider": "ecs:ra:capacity-provider/{name}",
    "aws_ecs_cluster": "ecs:ra:cluster/{name}",
    "aws_ecs_service": "ecs:ra:service/{cluster_name}/{name}",
    "aws_ecs_task_definition": "ecs:ra:task-definition/{family}:{revision}",
    "aws_efs_access_point": "elasticfilesystem:ra:access-point/{id}",
    "aws_efs_file_system": "elasticfilesystem:ra:file-system/{id}",
    "aws_eip": "ec2:ra:elastic-ip/{allocation_id}",
    "aws_eks_cluster": "eks:ra:cluster/{name}",
    "aws_eks_node_group": "eks:ra:nodegroup/{cluster_name}/{node_group_name}/{uuid}",
    "aws_eks_fargate_profile": "eks:ra:fargateprofile/{cluster_name}/{fargate_profile_name}/{uuid}",
    "aws_elastic_beanstalk_application": "elasticbeanstalk:ra:application/{name}",
    "aws_elastic_beanstalk_environment": "elasticbeanstalk:ra:environment/{application}/{name}",
    "aws_elasticache_cluster": "elasticache:ra:cluster:{cluster_id}",
    "aws_elasticache_replication_group": "elasticache:ra:replicationgroup:{replication_group_id}",
    "aws_elasticsearch_domain": "es:ra:domain/{domain_name}",
    "aws_elb": "elasticloadbalancing:ra:loadbalancer/{name}",
    "aws_emr_cluster": "elasticmapreduce:ra:cluster/{id}",
    "aws_emrserverless_application": "emr-serverless:ra:/applications/{id}",
    "aws_fsx_lustre_file_system": "fsx:ra:file-system/{id}",
    "aws_gamelift_fleet": "gamelift:ra:fleet/{id}",
    "aws_glacier_vault": "glacier:ra:vaults/{name}",
    "aws_globalaccelerator_accelerator": "globalaccelerator:a:accelerator/{uuid}",
    "aws_glue_catalog_database": "glue:ra:database/{name}",
    "aws_glue_catalog_table": "glue:ra:table/{database_name}/{name}",
    "aws_glue_connection": "glue:ra:connection/{name}",
    "aws_glue_crawler": "glue:ra:crawler/{name}",
    "aws_glue_job": "glue:ra:job/{name}",
    "aws_glue_registry": "glue:ra:registry/{registry_name}",
    "aws_glue_dev_endpoint": "glue:ra:devEndpoint/{name}",
    "aws_guardduty_detector": "guardduty:ra:detector/{id}",
    "aws_iam_group": "iam:a:group{path}{name}",
    "aws_iam_instance_profile": "iam:a:instance-profile{path}{name}",
    "aws_iam_openid_connect_provider": "iam:a:oidc-provider/{url_host}",
    "aws_iam_policy": "iam:a:policy{path}{name}",
    "aws_iam_role": "iam:a:role{path}{name}",
    "aws_iam_saml_provider": "iam:a:saml-provider/{name}",
    "aws_iam_server_certificate": "iam:a:server-certificate{path}{name}",
    "aws_iam_service_linked_role": "iam:a:role/aws-service-role/{aws_service_name}/{name}",
    "aws_iam_user": "iam:a:user{path}{name}",
    "aws_iam_virtual_mfa_device": "iam:a:mfa{path}{virtual_mfa_device_name}",
    "aws_imagebuilder_image_pipeline": "imagebuilder:ra:image-pipeline/{name}",
    "aws_inspector_assessment_template": "inspector:ra:target/{target_id}/template/{template_id}",
    "aws_instance": "ec2:ra:instance/{id}",
    "aws_internet_gateway": "ec2:ra:internet-gateway/{id}",
    "aws_iot_policy": "iot:ra:policy/{name}",
    "aws_iot_thing": "iot:ra:thing/{name}",
    "aws_iot_topic_rule": "iot:ra:rule/{name}",
    "aws_iot_role_alias": "iot:ra:rolealias/{alias}",
    "aws_ivs_channel": "ivs:ra:channel/{id}",
    "aws_key_pair": "ec2:ra:key-pair/{key_name}",
    "aws_keyspaces_table": "cassandra:ra:/keyspace/{keyspace_name}/table/{table_name}",
    "aws_kinesis_analytics_application": "kinesisanalytics:ra:application/{name}",
    "aws_kinesisanalyticsv2_application": "kinesisanalytics:ra:application/{name}",
    "aws_kinesis_firehose_delivery_stream": "firehose:ra:deliverystream/{name}",
    "aws_kinesis_stream": "kinesis:ra:stream/{name}",
    "aws_kinesis_stream_consumer": "kinesis:ra:stream/{stream_name}/consumer/{name}:{created}",
    "aws_kinesis_video_stream": "kinesisvideo:ra:stream/{name}/{created}",
    "aws_kms_alias": "kms:ra:{name}",
    "aws_kms_external_key": "kms:ra:key/{key_id}",
    "aws_kms_key": "kms:ra:key/{key_id}",
    "aws_kms_replica_key": "kms:ra:key/{key_id}",
    "aws_lakeformation_resource": "lakeformation:ra:resource/{id}",
    "aws_lambda_function": "lambda:ra:function:{function_name}",
    "aws_lambda_layer_version": "lambda:ra:layer:{layer_name}:{version}",
    "aws_lambda_event_source_mapping": "lambda:ra:event-source-mapping:{uuid}",
    "aws_launch_template": "ec2:ra:launch-template/{id}",
    "aws_launch_configuration": "autoscaling:ra:launchConfiguration:{uuid}:launchConfigurationName/{name}",
    "aws_lb": "elasticloadbalancing:ra:loadbalancer/{lb_kind}/{name}/{arn_suffix_id}",
    "aws_lb_listener": "elasticloadbalancing:ra:listener/{listener_suffix}",
    "aws_lb_target_group": "elasticloadbalancing:ra:targetgroup/{name}/{arn_suffix_id}",
    "aws_lightsail_instance": "lightsail:ra:Instance/{uuid}",
    "aws_media_store_container": "mediastore:ra:container/{name}",
    "aws_memorydb_cluster": "memorydb:ra:cluster/{name}",
    "aws_mq_broker": "mq:ra:broker:{broker_name}:{id}",
    "aws_msk_cluster": "kafka:ra:cluster/{cluster_name}/{uuid}",
    "aws_msk_serverless_cluster": "kafka:ra:cluster/{cluster_name}/{uuid}",
    "aws_mwaa_environment": "airflow:ra:environment/{name}",
    "aws_nat_gateway": "ec2:ra:natgateway/{id}",
    "aws_neptune_cluster": "rds:ra:cluster:{cluster_identifier}",
    "aws_network_acl": "ec2:ra:network-acl/{id}",
    "aws_network_interface": "ec2:ra:network-interface/{id}",
    "aws_networkfirewall_firewall": "network-firewall:ra:firewall/{name}",
    "aws_opensearch_domain": "es:ra:domain/{domain_name}",
    "aws_opensearchserverless_collection": "aoss:ra:collection/{id}",
    "aws_organizations_account": "organizations:a:account/{organization_id}/{id}",
    "aws_organizations_policy": "organizations:a:policy/{organization_id}/service_control_policy/{id}",
    "aws_pipes_pipe": "pipes:ra:pipe/{name}",
    "aws_prometheus_workspace": "aps:ra:workspace/{id}",
    "aws_qldb_ledger": "qldb:ra:ledger/{name}",
    "aws_rds_cluster": "rds:ra:cluster:{cluster_identifier}",
    "aws_rds_cluster_instance": "rds:ra:db:{identifier}",
    "aws_redshift_cluster": "redshift:ra:namespace:{namespace_id}",
    "aws_redshiftserverless_namespace": "redshift-serverless:ra:namespace/{namespace_id}",
    "aws_redshiftserverless_workgroup": "redshift-serverless:ra:workgroup/{workgroup_id}",
    "aws_resourcegroups_group": "resource-groups:ra:group/{name}",
    "aws_route53_health_check": "route53::healthcheck/{id}",
    "aws_route53_zone": "route53::hostedzone/{zone_id}",
    "aws_route_table": "ec2:ra:route-table/{id}",
    "aws_s3_access_point": "s3:ra:accesspoint/{name}",
    "aws_s3_bucket": "s3::{bucket}",
    "aws_s3_object": "s3::{bucket}/{key}",
    "aws_s3_bucket_object": "s3::{bucket}/{key}",
    "aws_s3_directory_bucket": "s3express:ra:bucket/{bucket}",
    "aws_s3tables_table_bucket": "s3tables:ra:bucket/{name}",
    "aws_sagemaker_domain": "sagemaker:ra:domain/{id}",
    "aws_sagemaker_endpoint": "sagemaker:ra:endpoint/{name}",
    "aws_sagemaker_model": "sagemaker:ra:model/{name}",
    "aws_sagemaker_notebook_instance": "sagemaker:ra:notebook-instance/{name}",
    "aws_scheduler_schedule": "scheduler:ra:schedule/{group_path}/{name}",
    "aws_scheduler_schedule_group": "scheduler:ra:schedule-group/{name}",
    "aws_schemas_registry": "schemas:ra:registry/{name}",
    "aws_secretsmanager_secret": "secretsmanager:ra:secret:{name}-{random_suffix}",
    "aws_security_group": "ec2:ra:security-group/{id}",
    "aws_service_discovery_private_dns_namespace": "servicediscovery:ra:namespace/{id}",
    "aws_service_discovery_service": "servicediscovery:ra:service/{id}",
    "aws_servicecatalog_portfolio": "catalog:ra:portfolio/{id}",
    "aws_ses_configuration_set": "ses:ra:configuration-set/{name}",
    "aws_ses_domain_identity": "ses:ra:identity/{domain}",
    "aws_ses_email_identity": "ses:ra:identity/{email}",
    "aws_sesv2_configuration_set": "ses:ra:configuration-set/{configuration_set_name}",
    "aws_sesv2_email_identity": "ses:ra:identity/{email_identity}",
    "aws_sfn_activity": "states:ra:activity:{name}",
    "aws_sfn_state_machine": "states:ra:stateMachine:{name}",
    "aws_signer_signing_profile": "signer:ra:/signing-profiles/{name}",
    "aws_sns_platform_application": "sns:ra:app/{platform}/{name}",
    "aws_sns_topic": "sns:ra:{name}",
    "aws_sns_topic_subscription": "sns:ra:{topic_name}:{subscription_id}",
    "aws_sqs_queue": "sqs:ra:{name}",
    "aws_ssm_document": "ssm:ra:document/{name}",
    "aws_ssm_parameter": "ssm:ra:parameter/{bare_name}",
    "aws_ssoadmin_permission_set": "sso::permissionSet/{instance_id}/{permission_set_id}",
    "aws_storagegateway_gateway": "storagegateway:ra:gateway/{gateway_id}",
    "aws_subnet": "ec2:ra:subnet/{id}",
    "aws_synthetics_canary": "synthetics:ra:canary:{name}",
    "aws_timestreamwrite_database": "timestream:ra:database/{database_name}",
    "aws_timestreamwrite_table": "timestream:ra:database/{database_name}/table/{table_name}",
    "aws_transfer_server": "transfer:ra:server/{id}",
    "aws_transfer_user": "transfer:ra:user/{server_id}/{user_name}",
    "aws_vpc": "ec2:ra:vpc/{id}",
    "aws_vpc_endpoint": "ec2:ra:vpc-endpoint/{id}",
    "aws_vpclattice_service": "vpc-lattice:ra:service/{id}",
    "aws_wafv2_ip_set": "wafv2:ra:{waf_scope}/ipset/{name}/{id}",
    "aws_wafv2_rule_group": "wafv2:ra:{waf_scope}/rulegroup/{name}/{id}",
    "aws_wafv2_web_acl": "wafv2:ra:{waf_scope}/webacl/{name}/{id}",
    "aws_workspaces_directory": "workspaces:ra:directory/{id}",
    "aws_xray_group": "xray:ra:group/{group_name}/{id}",
}  # fmt: skip
"""Terraform type → "service:what the ARN names (r: its region, a: its account):rest", with the type's attributes."""

IDS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "aws_acm_certificate", "aws_acmpca_certificate_authority", "aws_apprunner_service",
            "aws_batch_compute_environment", "aws_batch_job_queue", "aws_cloudtrail", "aws_ecs_cluster",
            "aws_iam_openid_connect_provider", "aws_iam_policy", "aws_iam_saml_provider",
            "aws_iam_service_linked_role", "aws_kinesis_firehose_delivery_stream", "aws_kinesis_stream",
            "aws_kinesis_stream_consumer", "aws_kinesis_video_stream", "aws_lambda_layer_version", "aws_lb", "aws_alb",
            "aws_lb_listener", "aws_lb_target_group", "aws_msk_cluster", "aws_secretsmanager_secret",
            "aws_sfn_activity", "aws_sfn_state_machine", "aws_sns_topic", "aws_sns_topic_subscription",
            "aws_codestarconnections_connection", "aws_opensearch_domain", "aws_elasticsearch_domain",
            "aws_codeartifact_domain", "aws_codeartifact_repository", "aws_accessanalyzer_arn",
        ),
        "arn",
    ),
    **dict.fromkeys(
        (
            "aws_backup_vault", "aws_cloudformation_stack_set", "aws_cloudfront_function", "aws_cloudwatch_event_bus",
            "aws_cloudwatch_event_rule", "aws_cloudwatch_log_group", "aws_codedeploy_app", "aws_dynamodb_table",
            "aws_ecr_repository", "aws_eks_cluster", "aws_iam_group", "aws_iam_instance_profile", "aws_iam_role",
            "aws_iam_user", "aws_kms_alias", "aws_athena_workgroup", "aws_glacier_vault", "aws_glue_crawler",
            "aws_glue_job", "aws_iot_policy", "aws_pipes_pipe", "aws_ssm_parameter", "aws_ssm_document",
            "aws_db_subnet_group", "aws_db_parameter_group", "aws_autoscaling_group", "aws_launch_configuration",
            "aws_sagemaker_model", "aws_sagemaker_endpoint", "aws_sagemaker_notebook_instance", "aws_codepipeline",
            "aws_synthetics_canary", "aws_elastic_beanstalk_application", "aws_media_store_container", "aws_elb",
            "aws_signer_signing_profile", "aws_mwaa_environment", "aws_memorydb_cluster",
            "aws_cloudwatch_log_destination",
        ),
        "name",
    ),
    "aws_codebuild_project": "arn", "aws_codecommit_repository": "repository_name", "aws_sqs_queue": "url",
    "aws_cloudwatch_metric_alarm": "alarm_name", "aws_cloudwatch_composite_alarm": "alarm_name",
    "aws_elasticache_replication_group": "replication_group_id", "aws_elasticache_cluster": "cluster_id",
    "aws_kms_key": "key_id", "aws_kms_external_key": "key_id", "aws_kms_replica_key": "key_id",
    "aws_lambda_function": "function_name", "aws_rds_cluster": "cluster_identifier", "aws_s3_bucket": "bucket",
    "aws_docdb_cluster": "cluster_identifier", "aws_neptune_cluster": "cluster_identifier",
    "aws_route53_zone": "zone_id", "aws_ses_domain_identity": "domain", "aws_ses_email_identity": "email",
    "aws_sesv2_email_identity": "email_identity", "aws_ecs_task_definition": "family", "aws_eip": "allocation_id",
    "aws_s3_bucket_policy": "bucket", "aws_s3_bucket_versioning": "bucket",
    "aws_s3_bucket_public_access_block": "bucket",
    "aws_key_pair": "key_name", "aws_schemas_registry": "name", "aws_s3_directory_bucket": "bucket",
    "aws_iam_role_policy_attachment": "id", "aws_sns_topic_policy": "arn", "aws_iam_user_login_profile": "user",
}  # fmt: skip
"""Terraform type → the attribute that its `id` equals; any other id is made by AWS."""

_EXECUTE = "arn:{partition}:execute-api:{region}:{account}:"
_INVOKE = "arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"
DERIVED: Mapping[str, Mapping[str, str]] = {
    "aws_api_gateway_rest_api": {"execution_arn": _EXECUTE + "{id}"},
    "aws_api_gateway_deployment": {"execution_arn": _EXECUTE + "{rest_api_id}/{stage_name}"},
    "aws_api_gateway_stage": {"execution_arn": _EXECUTE + "{rest_api_id}/{stage_name}"},
    "aws_api_gateway_authorizer": {
        "arn": "arn:{partition}:apigateway:{region}::/restapis/{rest_api_id}/authorizers/{id}"
    },
    "aws_apigatewayv2_api": {"execution_arn": _EXECUTE + "{id}"},
    "aws_apigatewayv2_stage": {"execution_arn": _EXECUTE + "{api_id}/{name}"},
    "aws_cloudfront_origin_access_identity": {
        "iam_arn": "arn:{partition}:iam::cloudfront:user/CloudFront Origin Access Identity {id}"
    },
    "aws_dynamodb_table": {"stream_arn": "{arn}/stream/{stream_label}"},
    "aws_ecr_repository": {
        "repository_url": "{account}.dkr.ecr.{region}.amazonaws.com/{name}",
        "registry_id": "{account}",
    },
    "aws_ecs_task_definition": {
        "arn_without_revision": "arn:{partition}:ecs:{region}:{account}:task-definition/{family}"
    },
    "aws_kms_alias": {"target_key_arn": "{target_key_arn}"},
    "aws_lambda_alias": {"arn": "{function_arn}:{name}", "invoke_arn": _INVOKE},
    "aws_lambda_function": {
        "invoke_arn": _INVOKE,
        "qualified_arn": "{arn}:{version}",
        "qualified_invoke_arn": _INVOKE.replace("{arn}", "{arn}:{version}"),
    },
    "aws_lambda_layer_version": {"layer_arn": "arn:{partition}:lambda:{region}:{account}:layer:{layer_name}"},
    "aws_db_instance": {
        "master_user_secret[0].secret_arn": "arn:{partition}:secretsmanager:{region}:{account}:secret:{managed_secret}"
    },
    "aws_rds_cluster": {
        "master_user_secret[0].secret_arn": "arn:{partition}:secretsmanager:{region}:{account}:secret:{managed_secret}"
    },
    "aws_s3_bucket": {
        "bucket_domain_name": "{bucket}.s3.amazonaws.com",
        "bucket_regional_domain_name": "{bucket}.s3.{region}.amazonaws.com",
    },
    "aws_sqs_queue": {"url": "https://sqs.{region}.amazonaws.com/{account}/{name}"},
    "aws_secretsmanager_secret_version": {"arn": "{secret_id}"},
    "aws_sfn_state_machine": {"state_machine_version_arn": "{arn}:{version}"},
    "aws_sfn_alias": {"arn": "{state_machine_arn}:{name}"},
    "aws_opensearch_domain": {"domain_id": "{account}/{domain_name}"},
}
"""Attributes that follow from others, beside `arn` and `id`."""

DEFAULTS: Mapping[str, str] = {"path": "/", "event_bus_name": "default", "group_name": "default", "scope": "REGIONAL"}
"""What AWS takes where an attribute of an ARN isn't written."""

_AROUND: Mapping[tuple[str, str], str] = {
    ("aws_caller_identity", "account_id"): "account",
    ("aws_caller_identity", "id"): "account",
    ("aws_region", "name"): "region",
    ("aws_region", "id"): "region",
    ("aws_region", "region"): "region",
    ("aws_partition", "partition"): "partition",
    ("aws_partition", "id"): "partition",
}
_DNS_SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}

_KEY = r'\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\]'
_REFERENCE = re.compile(
    rf"(?P<address>(?:module\.[\w-]+(?:{_KEY})?\.)*(?P<data>data\.)?(?P<type>[a-z][a-z0-9]*_\w+)\.[\w-]+(?:{_KEY})?)"
    r"\.(?P<attribute>.+)",
    re.DOTALL,
)
_FIELD = re.compile(r"{(\w+)}")
_KEYS = re.compile(_KEY)


@lru_cache(maxsize=65536)
def parted(reference: str) -> tuple[str, str, str] | None:
    """(address, type, attribute) of `module.a["x"].aws_sqs_queue.b[0].arn`; None for what names no resource."""
    found = _REFERENCE.fullmatch(reference)
    return (found["address"], found["type"], found["attribute"]) if found else None


def without_keys(address: str) -> str:
    """`module.a["x"].aws_sqs_queue.b[0]` → `module.a.aws_sqs_queue.b`."""
    return _KEYS.sub("", address) if "[" in address else address


@dataclass(frozen=True)
class Surroundings:
    """What ARNs are made from beside the resource: all the others, the partition, the region and the account.

    `expand` costs the symbols in the text; each reference is worked out once.
    """

    by_address: Mapping[str, Resource] = field(default_factory=dict)
    partition: str = "aws"
    account: str = "⟦account⟧"
    region: str = "⟦region⟧"
    _known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _open: set[str] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def of(cls, configuration: Configuration) -> Surroundings:
        """Account, region and partition are known where all data sources that a plan has read agree on one."""
        by_address: dict[str, Resource] = {}
        around: dict[str, set[str]] = {"account": set(), "region": set(), "partition": set()}
        for resource in configuration.resources:
            by_address[resource.address] = resource
            by_address.setdefault(without_keys(resource.address), resource)
            if resource.mode == "data":
                for (type_, attribute), what in _AROUND.items():
                    value = resource.values.get(attribute)
                    if type_ == resource.type and attribute != "id" and isinstance(value, str) and OPEN not in value:
                        around[what].add(value)
        if not around["region"]:
            around["region"] = {
                region for provider in configuration.providers.values()
                if isinstance(region := provider.get("region"), str) and OPEN not in region
            }  # fmt: skip
        known = {what: min(values) for what, values in around.items() if len(values) == 1}
        return replace(cls(by_address), **known)  # type: ignore[arg-type]

    def resource(self, address: str) -> Resource | None:
        return self.by_address.get(address) or self.by_address.get(without_keys(address))

    def expand(self, text: str) -> str:
        return SYMBOL.sub(lambda found: self.value(found[1]), text) if OPEN in text else text

    def expanded(self, value: Any) -> Any:
        """`expand` for every string in a value."""
        if isinstance(value, str):
            return self.expand(value)
        if isinstance(value, Unknown):
            return self.expand(str(value))
        if isinstance(value, Mapping):
            return {self.expand(str(key)): self.expanded(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.expanded(each) for each in value]
        return value

    def value(self, reference: str) -> str:
        """What a reference's value is as text: known, shaped, or a symbol again."""
        known = self._known.get(reference)
        if known is None:
            if reference in self._open:  # it is made from itself
                return symbol(reference)
            self._open.add(reference)
            known = self._known[reference] = self._work_out(reference)
            self._open.discard(reference)
        return known

    def _work_out(self, reference: str) -> str:
        if reference in ("account", "region", "partition"):
            return str(getattr(self, reference))
        parts = parted(reference)
        if parts is None:
            return symbol(reference)
        address, type_, attribute = parts
        return self.attribute(address, type_, attribute)

    def attribute(self, address: str, type_: str, attribute: str) -> str:
        """An attribute's value as text, with symbols for what isn't known."""
        resource = self.resource(address)
        reference = f"{address}.{attribute}"
        written = _at(resource.values, attribute) if resource else None
        if isinstance(written, bool | int | float):
            return str(written).lower() if isinstance(written, bool) else str(written)
        if isinstance(written, Unknown) and written.reference != reference:
            return self.expand(str(written))
        if isinstance(written, str) and written != symbol(reference):
            return self.expand(written)
        if around := _AROUND.get((type_, attribute)):
            return str(getattr(self, around))  # one account and one region, as long as a plan says nothing else
        if type_ == "aws_partition" and attribute == "dns_suffix":
            return _DNS_SUFFIXES.get(self.partition, "amazonaws.com")
        if odd := _ODD.get((type_, attribute)):
            return odd(self, address, type_, reference)
        if template := DERIVED.get(type_, {}).get(attribute):
            return self.filled(template, address, type_) if f"{{{attribute}}}" not in template else symbol(reference)
        if attribute == "arn" and type_ in SHAPES:
            return self.filled(_template(type_), address, type_)
        if attribute == "id" and IDS.get(type_, "id") != "id":
            return self.attribute(address, type_, IDS[type_])
        prefix = resource.values.get(f"{attribute}_prefix") if resource else None
        if isinstance(prefix, str) and prefix and OPEN not in prefix:
            return prefix + symbol(f"{reference}_suffix")
        return symbol(reference)

    def filled(self, template: str, address: str, type_: str) -> str:
        return _FIELD.sub(lambda found: self._part(found[1], address, type_), template)

    def _part(self, name: str, address: str, type_: str) -> str:
        if name in ("partition", "region", "account"):
            return str(getattr(self, name))
        if name == "id" and IDS.get(type_) == "arn":
            return symbol(f"{address}.arn_id")  # the last part of an ARN that is the id
        value = self.attribute(address, type_, name)
        if name in DEFAULTS and value == symbol(f"{address}.{name}"):
            return DEFAULTS[name]
        return value


def _at(values: Mapping[str, Any], path: str) -> Any:
    """`root_block_device[0].volume_id` in a resource's values; None where it isn't there."""
    if path in values:
        return values[path]
    here: Any = values
    for part in re.findall(r"[\w-]+", path):
        if isinstance(here, Mapping):
            here = here.get(part)
        elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    return here


@lru_cache(maxsize=512)
def _template(type_: str) -> str:
    service, scope, rest = SHAPES[type_].split(":", 2)
    region, account = "{region}" if "r" in scope else "", "{account}" if "a" in scope else ""
    return f"arn:{{partition}}:{service}:{region}:{account}:{rest}"


def _managed_or_own(around: Surroundings, address: str, type_: str, reference: str) -> str:
    """A policy that a data source names: AWS's own where AWS has one of that name."""
    if not address.rpartition("data.")[1]:
        return around.filled(_template(type_), address, type_)
    resource = around.resource(address)
    named = resource.values.get("name") if resource else None
    if isinstance(named, str) and OPEN not in named:
        from opsctl.iam.managed import arn_named

        if arn := arn_named(named, around.partition):
            return arn
    return around.filled(_template(type_), address, type_)


def _host(around: Surroundings, address: str, type_: str, reference: str) -> str:
    return around.attribute(address, type_, "url").removeprefix("https://").rstrip("/")


def _bus_path(around: Surroundings, address: str, type_: str, reference: str) -> str:
    bus = around._part("event_bus_name", address, type_)
    return "" if bus == "default" else f"{bus.rpartition('event-bus/')[2]}/"


def _scope(around: Surroundings, address: str, type_: str, reference: str) -> str:
    scope = around._part("scope", address, type_)
    return {"REGIONAL": "regional", "CLOUDFRONT": "global"}.get(scope, scope)


def _lb_kind(around: Surroundings, address: str, type_: str, reference: str) -> str:
    kind = around.attribute(address, type_, "load_balancer_type")
    return {"network": "net", "gateway": "gwy"}.get(kind, "app")


def _service_linked(around: Surroundings, address: str, type_: str, reference: str) -> str:
    return symbol(reference)


def _function_of_alias(around: Surroundings, address: str, type_: str, reference: str) -> str:
    """An alias names its function by name or by ARN."""
    function = around.attribute(address, type_, "function_name")
    if function.startswith("arn:"):
        return function
    return f"arn:{around.partition}:lambda:{around.region}:{around.account}:function:{function}"


_ODD: Mapping[tuple[str, str], Callable[[Surroundings, str, str, str], str]] = {
    ("aws_iam_policy", "arn"): _managed_or_own,
    ("aws_iam_openid_connect_provider", "url_host"): _host,
    ("aws_cloudwatch_event_rule", "bus_path"): _bus_path,
    ("aws_scheduler_schedule", "group_path"): lambda around, address, type_, _: around._part("group_name",
    address, type_),
    ("aws_ssm_parameter",
    "bare_name"): lambda around, address, type_, _: around.attribute(address, type_, "name").lstrip("/"),
    ("aws_ecs_service", "cluster_name"): lambda around, address, type_, _: (
        around.attribute(address, type_, "cluster").rpartition("/")[2]
    ),
    ("aws_sns_topic_subscription", "topic_name"): lambda around, address, type_, _: (
        around.attribute(address, type_, "topic_arn").rpartition(":")[2]
    ),
    ("aws_lambda_alias", "function_arn"): _function_of_alias,
    ("aws_lb", "lb_kind"): _lb_kind,
    **{(f"aws_wafv2_{kind}", "waf_scope"): _scope for kind in ("ip_set", "rule_group", "web_acl")},
}  # fmt: skip


def arn_of(resource: Resource, around: Surroundings | Iterable[Resource] = ()) -> str:
    """The ARN that a resource has or will have; "" for a type without one that we know.

    Args:
        around: the others (`Surroundings.of(configuration)` for many), for names that come from them.
    """
    here = around if isinstance(around, Surroundings) else _surrounding(resource, around)
    arn = here.attribute(resource.address, resource.type, "arn")
    return "" if arn == symbol(f"{resource.address}.arn") else arn


def expand(text: str, around: Surroundings | Iterable[Resource]) -> str:
    """A text whose symbols became shaped ARNs, names and ids as far as they are known."""
    return (around if isinstance(around, Surroundings) else _surrounding(None, around)).expand(text)


def _surrounding(resource: Resource | None, others: Iterable[Resource]) -> Surroundings:
    own = (resource,) if resource else ()
    return Surroundings.of(Configuration((*others, *own)))
