resource "aws_lb_target_group" "web" { # finds: load-balancers/unhealthy-hosts-alarm
  port     = 8080
  protocol = "HTTP"
  vpc_id   = "vpc-1"
}
