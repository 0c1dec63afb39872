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

variable "writes" {
  type    = bool
  default = false
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "${aws_s3_bucket.this.arn}/*" }],
      var.writes ? [{ Effect = "Allow", Action = ["s3:PutObject"], Resource = "${aws_s3_bucket.this.arn}/*" }] : [],
    )
  })
}
