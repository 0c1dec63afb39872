resource "aws_autoscaling_group" "app" { # finds: compute/health-check
  min_size          = 2
  max_size          = 4
  target_group_arns = ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"]
}
