resource "aws_instance" "app" {
  instance_type = "m4.large" # finds: compute/old-generation
}

resource "aws_db_instance" "main" {
  instance_class = "db.t2.micro" # finds: compute/old-generation
}
