resource "aws_ebs_volume" "data" {
  type = "io2"
  iops = 50000
}
