resource "aws_default_vpc" "default" { # finds: network/default-vpc
}
