resource "aws_sqs_queue" "orders" { # finds: queues/dead-letter-queue
  name = "orders"
}

resource "aws_sqs_queue" "each" { # finds: queues/dead-letter-queue
  for_each = toset(["photos"])
  name     = each.key
}
