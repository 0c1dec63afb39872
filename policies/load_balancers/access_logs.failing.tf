resource "aws_lb" "web" { # finds: load-balancers/access-logs
  name = "web"
}
