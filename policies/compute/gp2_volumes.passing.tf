resource "aws_ebs_volume" "data" {
  type = "gp3"
}
