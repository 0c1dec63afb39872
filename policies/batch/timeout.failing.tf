resource "aws_batch_job_definition" "resize" { # finds: batch/timeout
  name = "resize"
  type = "container"
}
