"""What the emulators lack and AWS has: one module per gap, in the order in which they see a request.

A gap that an emulator closes is deleted, with its test and its line in docs/local-cloud.md.
"""

from __future__ import annotations

from opsctl.local.gaps.api_keys import ApiKeys
from opsctl.local.gaps.aws_hosts import AwsHosts
from opsctl.local.gaps.database_secrets import DatabaseSecrets
from opsctl.local.gaps.gap import Cloud, Gap
from opsctl.local.gaps.network_load_balancers import NetworkLoadBalancers
from opsctl.local.gaps.s3_integration import S3Integration
from opsctl.local.gaps.state_bucket import StateBucket
from opsctl.local.gaps.tagged_resources import TaggedResources
from opsctl.local.gaps.usage_plans import UsagePlans
from opsctl.local.gaps.vpc_links import VpcLinks

GAPS: tuple[type[Gap], ...] = (
    StateBucket, AwsHosts, VpcLinks, ApiKeys, UsagePlans, S3Integration, NetworkLoadBalancers, DatabaseSecrets, TaggedResources,
)  # fmt: skip

__all__ = ["GAPS", "Cloud", "Gap"]
