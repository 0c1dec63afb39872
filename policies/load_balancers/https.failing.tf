resource "aws_lb_listener" "http" {
  load_balancer_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/1"
  port              = 80
  protocol          = "HTTP" # finds: load-balancers/https

  default_action {
    type             = "forward"
    target_group_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"
  }
}

resource "aws_lb_listener" "elsewhere" {
  load_balancer_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/1"
  port              = 80
  protocol          = "HTTP" # finds: load-balancers/https

  default_action {
    type = "redirect"

    redirect {
      protocol    = "#{protocol}"
      host        = "www.example.com"
      status_code = "HTTP_301"
    }
  }
}
