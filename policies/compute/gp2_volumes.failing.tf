resource "aws_ebs_volume" "data" {
  type = "gp2" # finds: compute/gp2-volumes
}

resource "aws_db_instance" "main" {
  storage_type = "gp2" # finds: compute/gp2-volumes
}
