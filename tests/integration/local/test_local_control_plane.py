"""Gaps of the control plane: each of these showed as a change in a second plan, or failed an apply or a destroy."""

from __future__ import annotations

import itertools
import json
import urllib.parse
import urllib.request

import pytest
from botocore.exceptions import ClientError
from local_clouds import ACCOUNT, REGION, Client

from opsctl.local import Running

numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"test-{next(numbers)}"


@pytest.fixture
def vpc(client: Client) -> str:
    return str(client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def subnets(client: Client, vpc: str) -> list[str]:
    return [
        client("ec2").create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
        for number, zone in enumerate("ab")
    ]


def test_both_emulators_work_in_the_account_of_the_caller(client: Client, name: str) -> None:
    other = "444455556666"
    assert client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert client("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["OwnerId"] == ACCOUNT
    assert client("ec2", account=other).create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["OwnerId"] == other
    queue = client("sqs", account=other).create_queue(QueueName=name)["QueueUrl"]
    assert other in queue
    with pytest.raises(ClientError, match="NonExistentQueue"):
        client("sqs").get_queue_url(QueueName=name)


def test_an_emulators_bug_is_answered_once_with_what_went_wrong(client: Client) -> None:
    # moto 5.2.5 has no such service action; the client must not be made to repeat it for minutes.
    with pytest.raises(ClientError) as caught:
        client("ec2").get_vpn_connection_device_types()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert caught.value.response["Error"]["Code"] == "LocalCloudFault"


def test_rules_keep_the_description_of_a_group_and_of_a_prefix_list(client: Client, vpc: str, name: str) -> None:
    ec2 = client("ec2")
    group = ec2.create_security_group(GroupName=name, Description="a", VpcId=vpc)["GroupId"]
    prefixes = ec2.describe_managed_prefix_lists()["PrefixLists"][0]["PrefixListId"]
    port = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{**port, "UserIdGroupPairs": [{"GroupId": group, "Description": "from us"}]}]
    )
    ec2.authorize_security_group_egress(
        GroupId=group, IpPermissions=[{**port, "PrefixListIds": [{"PrefixListId": prefixes, "Description": "to S3"}]}]
    )
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert {rule.get("Description") for rule in rules} == {None, "from us", "to S3"}


def test_a_launch_templates_own_tags_are_not_for_what_it_launches(client: Client, name: str) -> None:
    def tags(kind: str) -> dict[str, object]:
        return {"ResourceType": kind, "Tags": [{"Key": "Name", "Value": kind}]}

    client("ec2").create_launch_template(
        LaunchTemplateName=name, TagSpecifications=[tags("launch-template")],
        LaunchTemplateData={"InstanceType": "t3.small", "TagSpecifications": [tags("instance")]},
    )  # fmt: skip
    template = client("ec2").describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"][0]
    version = client("ec2").describe_launch_template_versions(LaunchTemplateName=name)["LaunchTemplateVersions"][0]
    assert template["Tags"] == [{"Key": "Name", "Value": "launch-template"}]
    assert version["LaunchTemplateData"]["TagSpecifications"] == [tags("instance")]


def test_a_network_acl_lets_its_subnets_go_again(client: Client, vpc: str, subnets: list[str]) -> None:
    ec2 = client("ec2")
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]

    def association() -> dict[str, str]:
        of_subnet = [{"Name": "association.subnet-id", "Values": subnets[:1]}]
        found = ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"][0]["Associations"]
        return next(entry for entry in found if entry["SubnetId"] == subnets[0])

    ec2.replace_network_acl_association(AssociationId=association()["NetworkAclAssociationId"], NetworkAclId=acl)
    assert association()["NetworkAclId"] == acl


def test_a_network_load_balancer_is_one_by_its_arn_and_its_name(
    client: Client, vpc: str, subnets: list[str], name: str
) -> None:
    balancing = client("elbv2")
    group = client("ec2").create_security_group(GroupName=name, Description="a", VpcId=vpc)["GroupId"]
    made = balancing.create_load_balancer(
        Name=name, Type="network", Scheme="internal", Subnets=subnets, SecurityGroups=[group]
    )["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    balancing.set_security_groups(
        LoadBalancerArn=arn, SecurityGroups=[group], EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off"
    )
    found = balancing.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    assert f":loadbalancer/net/{name}/" in arn
    assert found["DNSName"].endswith(f".elb.{REGION}.amazonaws.com")
    assert found["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "off"
    other = balancing.create_load_balancer(Name=f"{name}-web", Subnets=subnets)["LoadBalancers"][0]
    assert f":loadbalancer/app/{name}-web/" in other["LoadBalancerArn"]


def test_a_scaling_group_keeps_its_warm_up_and_its_policy_is_enabled(
    client: Client, subnets: list[str], name: str
) -> None:
    client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.small"})
    scaling = client("autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=0, MaxSize=1, DesiredCapacity=0, VPCZoneIdentifier=",".join(subnets),
        LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"}, DefaultInstanceWarmup=180,
    )  # fmt: skip
    scaling.put_scaling_policy(
        AutoScalingGroupName=name, PolicyName="cpu", PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 60,
        },
    )  # fmt: skip
    group = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    policy = scaling.describe_policies(AutoScalingGroupName=name)["ScalingPolicies"][0]
    assert group["DefaultInstanceWarmup"] == 180
    assert policy["Enabled"] is True
    assert "PredictiveScalingConfiguration" not in policy


def test_a_database_parameter_that_was_set_says_so(client: Client, name: str) -> None:
    rds = client("rds")
    rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily="mysql8.4", Description="a")
    rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[
        {"ParameterName": "require_secure_transport", "ParameterValue": "1", "ApplyMethod": "immediate"},
    ])  # fmt: skip
    parameters = rds.describe_db_parameters(DBParameterGroupName=name, Source="user")["Parameters"]
    assert [(parameter["ParameterName"], parameter["Source"]) for parameter in parameters] == [
        ("require_secure_transport", "user")
    ]


def test_the_databases_password_is_a_secret_as_long_as_the_database_lives(client: Client, name: str) -> None:
    rds, secrets = client("rds"), client("secretsmanager")
    key = client("kms").create_key()["KeyMetadata"]["Arn"]

    def create(identifier: str) -> str:
        made = rds.create_db_instance(
            DBInstanceIdentifier=identifier, Engine="mysql", DBInstanceClass="db.t4g.micro", AllocatedStorage=20,
            MasterUsername="opsctl", ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=key,
        )  # fmt: skip
        assert made["DBInstance"]["MasterUserSecret"]["KmsKeyId"] == key
        return str(made["DBInstance"]["MasterUserSecret"]["SecretArn"])

    arns = [create(f"{name}-{letter}") for letter in "ab"]
    found = [json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) for arn in arns]
    assert {login["username"] for login in found} == {"opsctl"}
    assert len({login["password"] for login in found}) == 2
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-a", SkipFinalSnapshot=True)
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=arns[0])
    secrets.get_secret_value(SecretId=arns[1])


def test_alarms_are_told_whole_in_the_query_protocol(client: Client, running: Running, name: str) -> None:
    cloudwatch = client("cloudwatch")
    common = {
        "Namespace": "AWS/ApiGateway", "MetricName": "Latency", "Period": 60, "EvaluationPeriods": 5, "Threshold": 2.5,
        "ComparisonOperator": "GreaterThanThreshold", "Dimensions": [{"Name": "Stage", "Value": "v1"}],
        "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"], "AlarmDescription": "slow",
        "TreatMissingData": "notBreaching",
    }  # fmt: skip
    cloudwatch.put_metric_alarm(AlarmName=f"{name}-sum", Statistic="Sum", **common)
    cloudwatch.put_metric_alarm(AlarmName=f"{name}-p90", ExtendedStatistic="p90", **common)

    def asked_by_query(alarm: str) -> str:
        form = {"Action": "DescribeAlarms", "Version": "2010-08-01", "AlarmNames.member.1": alarm}
        scope = f"{ACCOUNT}/20260101/{REGION}/monitoring/aws4_request"
        request = urllib.request.Request(
            running.endpoint_url, data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    told = asked_by_query(f"{name}-sum")
    for part in (
        "<ActionsEnabled>true</ActionsEnabled>", "<AlarmDescription>slow</AlarmDescription>", "<Period>60</Period>",
        "<Statistic>Sum</Statistic>", "<TreatMissingData>notBreaching</TreatMissingData>",
        f"<AlarmActions><member>arn:aws:sns:{REGION}:{ACCOUNT}:alerts</member></AlarmActions>",
        "<Dimensions><member><Name>Stage</Name><Value>v1</Value></member></Dimensions>",
    ):  # fmt: skip
        assert part in told
    percentile = asked_by_query(f"{name}-p90")
    assert "<ExtendedStatistic>p90</ExtendedStatistic>" in percentile
    assert "<Statistic>" not in percentile


def test_a_web_acls_log_goes_where_it_was_put_until_it_is_deleted(client: Client, name: str) -> None:
    waf = client("wafv2")
    visibility = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}
    acl = waf.create_web_acl(
        Name=name, Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[], VisibilityConfig=visibility
    )["Summary"]
    logging = {
        "ResourceArn": acl["ARN"],
        "LogDestinationConfigs": [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:aws-waf-logs-{name}"],
        "RedactedFields": [{"SingleHeader": {"Name": "x-api-key"}}],
    }
    waf.put_logging_configuration(LoggingConfiguration=logging)
    assert waf.get_logging_configuration(ResourceArn=acl["ARN"])["LoggingConfiguration"] == logging
    assert logging in waf.list_logging_configurations(Scope="REGIONAL")["LoggingConfigurations"]
    waf.delete_logging_configuration(ResourceArn=acl["ARN"])
    with pytest.raises(waf.exceptions.WAFNonexistentItemException):
        waf.get_logging_configuration(ResourceArn=acl["ARN"])


def test_a_health_check_keeps_its_regions(client: Client, name: str) -> None:
    regions = ["eu-west-1", "us-east-1", "us-west-1"]
    made = client("route53").create_health_check(CallerReference=name, HealthCheckConfig={
        "Type": "HTTPS", "FullyQualifiedDomainName": "example.org", "Regions": regions,
    })["HealthCheck"]  # fmt: skip
    assert client("route53").get_health_check(HealthCheckId=made["Id"])["HealthCheck"]["HealthCheckConfig"][
        "Regions"
    ] == (regions)


def test_a_response_headers_policy_leaves_out_what_it_has_none_of(client: Client, name: str) -> None:
    cloudfront = client("cloudfront")
    security = {"ContentTypeOptions": {"Override": True}}
    made = cloudfront.create_response_headers_policy(
        ResponseHeadersPolicyConfig={"Name": name, "SecurityHeadersConfig": security}
    )["ResponseHeadersPolicy"]
    found = cloudfront.get_response_headers_policy(Id=made["Id"])["ResponseHeadersPolicy"]
    assert not {"CustomHeadersConfig", "RemoveHeadersConfig"} & set(found["ResponseHeadersPolicyConfig"])


def test_get_resources_lists_what_is_tagged_in_both_emulators_and_nothing_after_it_is_gone(
    client: Client, name: str
) -> None:
    tags = {"Environment": name}
    pairs = [{"Key": "Environment", "Value": name}]
    ec2, gateway = client("ec2"), client("apigateway")
    vpc = ec2.create_vpc(
        CidrBlock="10.2.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": pairs}]
    )["Vpc"]["VpcId"]  # fmt: skip
    acl = ec2.create_network_acl(
        VpcId=vpc, TagSpecifications=[{"ResourceType": "network-acl", "Tags": pairs}]
    )["NetworkAcl"]["NetworkAclId"]  # fmt: skip
    link = gateway.create_vpc_link(name=name, targetArns=["arn:aws:elasticloadbalancing:x"], tags=tags)["id"]
    queue = client("sqs").create_queue(QueueName=name, tags=tags)["QueueUrl"]
    client("logs").create_log_group(logGroupName=name, tags=tags)
    check = client("route53").create_health_check(
        CallerReference=name, HealthCheckConfig={"Type": "HTTPS", "FullyQualifiedDomainName": "example.org"}
    )["HealthCheck"]["Id"]
    client("route53").change_tags_for_resource(ResourceType="healthcheck", ResourceId=check, AddTags=pairs)

    def listed(region: str = REGION) -> set[str]:
        filters = [{"Key": "Environment", "Values": [name]}]
        pages = client("resourcegroupstaggingapi", region=region).get_paginator("get_resources")
        found = (item["ResourceARN"] for page in pages.paginate(TagFilters=filters) for item in
                 page["ResourceTagMappingList"])  # fmt: skip
        return {arn.rpartition(":")[2].rpartition("/")[2] for arn in found}

    assert listed() == {vpc, acl, link, name}
    assert listed("us-east-1") == {check}
    ec2.delete_network_acl(NetworkAclId=acl)
    ec2.delete_vpc(VpcId=vpc)
    gateway.delete_vpc_link(vpcLinkId=link)
    client("sqs").delete_queue(QueueUrl=queue)
    client("logs").delete_log_group(logGroupName=name)
    client("route53").delete_health_check(HealthCheckId=check)
    assert listed() | listed("us-east-1") == set()
