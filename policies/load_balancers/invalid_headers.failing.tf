resource "aws_lb" "web" { # finds: load-balancers/invalid-headers
  name = "web"
}
