resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_s3_bucket" "this" {
  bucket_prefix = "photos-"
}

variable "grants" {
  type = map(object({ actions = list(string), prefix = string }))
  default = {
    read  = { actions = ["s3:GetObject"], prefix = "in" }
    write = { actions = ["s3:PutObject", "s3:DeleteObject"], prefix = "out" }
  }
}

data "aws_iam_policy_document" "this" {
  dynamic "statement" {
    for_each = var.grants
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = ["${aws_s3_bucket.this.arn}/${statement.value.prefix}/*"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}
