resource "aws_batch_job_definition" "resize" { # finds: batch/retries
  name = "resize"
  type = "container"
}
