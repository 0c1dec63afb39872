"""What the emulators lack and AWS has: one module per gap, in the order in which they see a request.

A gap that an emulator closes is deleted, with its test and its line in docs/local-cloud.md. To see what the emulators
do by themselves, or which test proves a gap, start a cloud with OPSCTL_LOCAL_WITHOUT_GAPS=vpc_links,alarms.
"""

from __future__ import annotations

from opsctl.local.gaps.alarm_evaluation import AlarmEvaluation
from opsctl.local.gaps.alarms import Alarms
from opsctl.local.gaps.anonymous_buckets import AnonymousBuckets
from opsctl.local.gaps.api_keys import ApiKeys
from opsctl.local.gaps.async_invocations import AsyncInvocations
from opsctl.local.gaps.authorizers import Authorizers
from opsctl.local.gaps.aws_hosts import AwsHosts
from opsctl.local.gaps.batch import Batch
from opsctl.local.gaps.batch_targets import BatchTargets
from opsctl.local.gaps.bucket_metrics import BucketMetrics
from opsctl.local.gaps.codecommit_triggers import CodecommitTriggers
from opsctl.local.gaps.database_secrets import DatabaseSecrets
from opsctl.local.gaps.databases import Databases
from opsctl.local.gaps.edge import Edge
from opsctl.local.gaps.event_history import EventHistory
from opsctl.local.gaps.event_source_mappings import EventSourceMappings
from opsctl.local.gaps.event_targets import EventTargets
from opsctl.local.gaps.function_aliases import FunctionAliases
from opsctl.local.gaps.function_code import FunctionCode
from opsctl.local.gaps.function_errors import FunctionErrors
from opsctl.local.gaps.function_locations import FunctionLocations
from opsctl.local.gaps.function_memory import FunctionMemory
from opsctl.local.gaps.function_metrics import FunctionMetrics
from opsctl.local.gaps.function_urls import FunctionUrls
from opsctl.local.gaps.function_versions import FunctionVersions
from opsctl.local.gaps.gap import Cloud, Gap
from opsctl.local.gaps.health_checks import HealthChecks
from opsctl.local.gaps.instance_refreshes import InstanceRefreshes
from opsctl.local.gaps.instances import Instances
from opsctl.local.gaps.integrations import Integrations
from opsctl.local.gaps.launch_templates import LaunchTemplates
from opsctl.local.gaps.load_balancers import LoadBalancers
from opsctl.local.gaps.mail_metrics import MailMetrics
from opsctl.local.gaps.metric_data import MetricData
from opsctl.local.gaps.network_load_balancers import NetworkLoadBalancers
from opsctl.local.gaps.parameter_groups import ParameterGroups
from opsctl.local.gaps.pipe_metrics import PipeMetrics
from opsctl.local.gaps.pipes import Pipes
from opsctl.local.gaps.query_definitions import QueryDefinitions
from opsctl.local.gaps.queue_metrics import QueueMetrics
from opsctl.local.gaps.recorded_calls import RecordedCalls
from opsctl.local.gaps.reserved_concurrency import ReservedConcurrency
from opsctl.local.gaps.response_headers_policies import ResponseHeadersPolicies
from opsctl.local.gaps.rule_metrics import RuleMetrics
from opsctl.local.gaps.s3_integration import S3Integration
from opsctl.local.gaps.scaling_groups import ScalingGroups
from opsctl.local.gaps.scaling_policies import ScalingPolicies
from opsctl.local.gaps.schedules import Schedules
from opsctl.local.gaps.secret_rotation import SecretRotation
from opsctl.local.gaps.security_group_rules import SecurityGroupRules
from opsctl.local.gaps.stage_caches import StageCaches
from opsctl.local.gaps.stages import Stages
from opsctl.local.gaps.state_bucket import StateBucket
from opsctl.local.gaps.state_machines import StateMachines
from opsctl.local.gaps.stream_metrics import StreamMetrics
from opsctl.local.gaps.stream_tags import StreamTags
from opsctl.local.gaps.table_metrics import TableMetrics
from opsctl.local.gaps.tagged_resources import TaggedResources
from opsctl.local.gaps.topic_metrics import TopicMetrics
from opsctl.local.gaps.usage_plans import UsagePlans
from opsctl.local.gaps.vpc_links import VpcLinks
from opsctl.local.gaps.waf_logging import WafLogging
from opsctl.local.gaps.web_acls import WebAcls
from opsctl.local.gaps.websockets import Websockets

GAPS: tuple[type[Gap], ...] = (
    RecordedCalls,
    EventHistory,
    StateBucket,
    AnonymousBuckets,
    AwsHosts,
    Edge,
    VpcLinks,
    Integrations,
    S3Integration,
    ApiKeys,
    UsagePlans,
    Authorizers,
    FunctionCode,
    FunctionVersions,
    FunctionAliases,
    FunctionLocations,
    FunctionMemory,
    FunctionErrors,
    ReservedConcurrency,
    StateMachines,
    FunctionUrls,
    AsyncInvocations,
    EventSourceMappings,
    EventTargets,
    StreamTags,
    SecretRotation,
    Schedules,
    CodecommitTriggers,
    StageCaches,
    ResponseHeadersPolicies,
    QueryDefinitions,
    WafLogging,
    WebAcls,
    Websockets,
    HealthChecks,
    Alarms,
    AlarmEvaluation,
    SecurityGroupRules,
    LaunchTemplates,
    ScalingGroups,
    InstanceRefreshes,
    ScalingPolicies,
    Instances,
    NetworkLoadBalancers,
    LoadBalancers,
    ParameterGroups,
    Pipes,
    Databases,
    DatabaseSecrets,
    Batch,
    BatchTargets,
    TaggedResources,
    Stages,
    QueueMetrics,
    TopicMetrics,
    TableMetrics,
    BucketMetrics,
    RuleMetrics,
    StreamMetrics,
    FunctionMetrics,
    MetricData,
    MailMetrics,
    PipeMetrics,
)

__all__ = ["GAPS", "Cloud", "Gap"]
