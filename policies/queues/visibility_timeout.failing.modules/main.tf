resource "aws_sqs_queue" "photos" {
  name                       = "photos"
  visibility_timeout_seconds = local.seconds # finds: queues/visibility-timeout
}

locals {
  seconds = 60
}

module "resize" {
  source    = "./function"
  queue_arn = aws_sqs_queue.photos.arn
  timeout   = local.seconds / 2
}
