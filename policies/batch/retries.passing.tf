resource "aws_batch_job_definition" "resize" {
  name = "resize"
  type = "container"

  retry_strategy {
    attempts = 3
  }
}
