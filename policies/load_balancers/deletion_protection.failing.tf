resource "aws_lb" "web" { # finds: load-balancers/deletion-protection
  name = "web"
}
