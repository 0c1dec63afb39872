resource "aws_lb" "web" {
  access_logs {
    bucket  = "logs"
    enabled = true
  }
}
