resource "aws_vpc" "main" { # finds: network/flow-logs
  cidr_block = "10.0.0.0/16"
}
