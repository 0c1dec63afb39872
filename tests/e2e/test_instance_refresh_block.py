"""Terraform's own `instance_refresh` block replaces the group's instances, and the plan after it is empty."""

from __future__ import annotations

from collections import Counter
from typing import Any

import boto3

from tests.e2e.project import Project, wait_for

STACK = """
resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.0.0/24"
}

resource "aws_launch_template" "this" {
  name                   = "refreshed"
  image_id               = "ami-12c6146b"
  instance_type          = "t3.small"
  update_default_version = true
  user_data              = base64encode("VERSION")
}

resource "aws_autoscaling_group" "this" {
  name                      = "refreshed"
  vpc_zone_identifier       = [aws_subnet.this.id]
  min_size                  = 2
  max_size                  = 4
  desired_capacity          = 2
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.default_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
      instance_warmup        = 0
      auto_rollback          = true
      skip_matching          = true
    }
  }
}
"""


def test_terraform_refreshes_the_group_and_the_next_plan_is_empty(small: Project) -> None:
    file = small.root / "terraform/stack/refreshed.tf"
    file.write_text(STACK)
    small.opsctl("up", "local", "--yes", "--no-smoke")
    scaling = boto3.client(
        "autoscaling", region_name="eu-central-1", endpoint_url=small.json("local", "status")["endpoint_url"],
        aws_access_key_id="111122223333", aws_secret_access_key="local",
    )  # fmt: skip

    def versions() -> Counter[str]:
        found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["refreshed"])["AutoScalingGroups"][0]
        return Counter(one["LaunchTemplate"]["Version"] for one in found["Instances"])

    def newest() -> dict[str, Any]:
        found = scaling.describe_instance_refreshes(AutoScalingGroupName="refreshed")["InstanceRefreshes"]
        return dict(found[0]) if found else {}

    wait_for(lambda: versions() == Counter({"1": 2}))
    assert newest() == {}
    file.write_text(STACK.replace("VERSION", "another"))
    small.opsctl("up", "local", "--yes", "--no-smoke")
    wait_for(lambda: newest().get("Status") == "Successful")
    assert versions() == Counter({"2": 2})
    assert newest()["Preferences"]["AutoRollback"] is True
    assert "No changes" in small.opsctl("plan", "local").stdout
