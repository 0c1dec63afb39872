"""The private service and its database, as a smoke test sees them: who serves, and who can't get there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsctl.smoke.check import Trial, expect

READY = "/health/ready"
"""What the service answers with 200 only when its database does, too (HealthRoutes.java)."""


def service_targets(trial: Trial) -> Mapping[str, Any]:
    """As many instances as the group wants are healthy, and healthy means that the database answers them."""
    target, aws = trial.target, trial.aws
    arn = target.output("service.target_group_arn")
    [group] = aws.call("elbv2", "describe_target_groups", TargetGroupArns=[arn])["TargetGroups"]
    expect(
        group.get("HealthCheckPath") == READY, f"instances are asked for {group.get('HealthCheckPath')}, not {READY}"
    )
    wanted = int(_group(trial)["DesiredCapacity"])
    expect(wanted, "the group of instances is to have none")
    seen: dict[str, str] = {}

    def enough() -> bool:
        seen.clear()
        for one in aws.call("elbv2", "describe_target_health", TargetGroupArn=arn)["TargetHealthDescriptions"]:
            seen[one["Target"]["Id"]] = one["TargetHealth"]["State"]
        return sum(state == "healthy" for state in seen.values()) >= wanted

    trial.evidence["targets"] = seen
    trial.until(f"{wanted} healthy instances", enough)
    return {}


def private_network(trial: Trial) -> Mapping[str, Any]:
    """Load balancer, instances and database have no way in but from each other."""
    target, aws = trial.target, trial.aws
    name = target.output("service.load_balancer_dns_name")
    balancers = aws.pages("elbv2", "describe_load_balancers", "LoadBalancers[]")
    schemes = [balancer["Scheme"] for balancer in balancers if balancer["DNSName"] == name]
    expect(schemes == ["internal"], f"the load balancer is {', '.join(schemes) or 'not there'}, not internal")
    ids = [instance["InstanceId"] for instance in _group(trial)["Instances"]]
    found = aws.pages("ec2", "describe_instances", "Reservations[].Instances[]", InstanceIds=ids) if ids else ()
    public = sorted(instance["InstanceId"] for instance in found if instance.get("PublicIpAddress"))
    expect(not public, f"instances with a public address: {', '.join(public)}")
    [database] = aws.call("rds", "describe_db_instances", DBInstanceIdentifier=target.output("database.identifier"))[
        "DBInstances"
    ]
    expect(not database["PubliclyAccessible"], "the database is publicly accessible")
    groups = [group["VpcSecurityGroupId"] for group in database["VpcSecurityGroups"]]
    for group in aws.call("ec2", "describe_security_groups", GroupIds=groups)["SecurityGroups"]:
        for rule in group["IpPermissions"]:
            ranges = [each.get("CidrIp") or each.get("CidrIpv6") for name in ("IpRanges", "Ipv6Ranges")
                      for each in rule.get(name, ())]  # fmt: skip
            expect(not ranges, f"{group['GroupName']} lets {', '.join(map(str, ranges))} reach the database")
    return {"instances": len(ids), "database_groups": groups}


def _group(trial: Trial) -> dict[str, Any]:
    name = trial.target.output("service.autoscaling_group")
    found: list[dict[str, Any]] = trial.aws.call(
        "autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[name]
    )["AutoScalingGroups"]
    expect(found, f"there is no group {name}")
    return found[0]
