resource "aws_batch_job_definition" "resize" {
  name = "resize"
  type = "container"

  timeout {
    attempt_duration_seconds = 600
  }
}
