resource "aws_ebs_volume" "data" {
  type = "io1" # finds: compute/provisioned-iops
  iops = 3000
}
