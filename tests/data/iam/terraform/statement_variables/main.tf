resource "aws_s3_bucket" "this" {
  bucket_prefix = "photos-"
}

data "aws_iam_policy_document" "this" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.this.arn}/home/&{aws:username}/*"]
  }
}

resource "aws_iam_group" "this" {
  name = "people"
}

resource "aws_iam_group_policy" "this" {
  group  = aws_iam_group.this.name
  policy = data.aws_iam_policy_document.this.json
}
