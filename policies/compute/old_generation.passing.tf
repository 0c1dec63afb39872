resource "aws_instance" "app" {
  instance_type = "m7g.large"
}

resource "aws_db_instance" "main" {
  instance_class = "db.t4g.micro"
}
