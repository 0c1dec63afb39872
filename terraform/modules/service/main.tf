data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  name     = "${var.name_prefix}-service"
  artifact = "${var.package_dir}/service.jar"

  # Only the first apply needs the file: a destroy or a later plan, perhaps on another machine, does without.
  first_artifact = fileexists(local.artifact) ? filesha256(local.artifact) : "missing"
}

# --- The load balancer: internal, reached through API Gateway's VPC link only.

resource "aws_lb" "this" {
  name                             = local.name
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = var.network.subnet_ids
  security_groups                  = [var.network.load_balancer_security_group_id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection

  # A VPC link comes by PrivateLink, with addresses that no rule could name. The group has no inbound rule, so this lets
  # in the VPC link alone and nothing from within the VPC.
  enforce_security_group_inbound_rules_on_private_link_traffic = "off"
}

resource "aws_lb_target_group" "this" {
  name                   = local.name
  vpc_id                 = var.network.vpc_id
  target_type            = "instance"
  protocol               = "TCP"
  port                   = var.port
  deregistration_delay   = 30
  connection_termination = true
  preserve_client_ip     = true

  health_check {
    protocol            = "HTTP"
    path                = "/health/ready"
    port                = "traffic-port"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "TCP"
  port              = var.port

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

# --- The instances.

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name_prefix}/service"
  retention_in_days = var.log_retention_days
}

# Which artifact runs is the deploys' word: Terraform makes the parameter and reads it ever after. The README says how a
# deploy changes it together with the launch template, so that neither undoes the other.
resource "aws_ssm_parameter" "artifact" {
  name           = "/${var.name_prefix}/service/artifact"
  description    = "SHA-256 of the artifact that new instances run"
  type           = "String"
  insecure_value = local.first_artifact

  lifecycle {
    ignore_changes = [insecure_value]
  }
}

# Named by its id: AWS rolls no instance refresh back whose template has the image looked up at each launch
# (resolve:ssm:…; user guide, "Undo changes with a manual or auto rollback"). So a newer image is a change in the plan.
data "aws_ssm_parameter" "image" {
  count = var.ami_id == null ? 1 : 0
  name  = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_launch_template" "this" {
  name                   = local.name
  description            = "Instances of the service"
  image_id               = var.ami_id != null ? var.ami_id : data.aws_ssm_parameter.image[0].insecure_value
  instance_type          = var.instance_type
  update_default_version = true

  user_data = base64encode(templatefile("${path.module}/user_data.sh.tftpl", {
    artifact        = aws_ssm_parameter.artifact.insecure_value
    artifact_bucket = aws_s3_bucket.artifacts.bucket
    database        = var.database
    log_group       = aws_cloudwatch_log_group.this.name
    port            = var.port
    region          = data.aws_region.current.id
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = false
    delete_on_termination       = true
    security_groups             = [var.network.service_security_group_id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.root_volume_gb
      encrypted             = true
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "network-interface", "volume"])
    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = local.name })
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                      = local.name
  vpc_zone_identifier       = var.network.subnet_ids
  target_group_arns         = [aws_lb_target_group.this.arn]
  min_size                  = var.instances.min
  max_size                  = var.instances.max
  desired_capacity          = var.instances.desired
  health_check_type         = "ELB"
  health_check_grace_period = max(600, var.warmup_seconds) # a boot takes 3 to 5 minutes, and this only delays the end of what never starts
  default_instance_warmup   = var.warmup_seconds
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  wait_for_capacity_timeout = "0"

  # The default version, not the latest: a deploy makes its version the default only after it has proved itself.
  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.default_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
      instance_warmup        = var.warmup_seconds
      auto_rollback          = true
      skip_matching          = true
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = local.name })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity]
  }

  depends_on = [aws_s3_object.first_artifact, aws_iam_role_policy.this]
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.cpu_target_percent

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
