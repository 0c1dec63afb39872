resource "aws_ami_launch_permission" "all" {
  image_id = "ami-0123456789abcdef0"
  group    = "all" # finds: compute/public-image
}

resource "aws_db_snapshot" "old" {
  db_instance_identifier = "main"
  db_snapshot_identifier = "old"
  shared_accounts        = ["all"] # finds: compute/public-image
}
