resource "aws_autoscaling_group" "app" {
  min_size          = 2
  max_size          = 4
  target_group_arns = ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"]
  health_check_type = "ELB"
}
