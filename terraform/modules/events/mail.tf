# The consumer that writes to customers.

resource "aws_sesv2_email_identity" "sender" {
  email_identity = var.sender
}

resource "aws_dynamodb_table" "mails" {
  name         = "${var.name_prefix}-order-mails"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "expiration"
    enabled        = true
  }

  server_side_encryption {
    enabled = true
  }

  deletion_protection_enabled = !var.force_destroy
}

module "order_mail" {
  source = "../triggers/event"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  bus_name          = aws_cloudwatch_event_bus.this.name
  event_pattern     = local.confirmed_pattern
  failure_queue_arn = local.queue_arns["event-failures"]

  function = {
    name            = "order-mail"
    description     = "Writes to the customer whose order was confirmed."
    timeout_seconds = 20
    environment = {
      SENDER       = var.sender
      TABLE        = aws_dynamodb_table.mails.name
      FAILURES_URL = aws_sqs_queue.failures.url
    }
    permissions = {
      SendLetters = {
        Action    = ["ses:SendEmail"]
        Resource  = ["${local.arn}:ses:${local.region}:${local.account_id}:identity/${var.sender}"]
        Condition = { StringEquals = { "ses:FromAddress" = [var.sender] } }
      }
      NoteWhatWasSent = {
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
        Resource = [aws_dynamodb_table.mails.arn]
      }
    }
  }
}
