resource "aws_s3_bucket" "photos" { # finds: s3/versioning
  bucket = "photos"
}

resource "aws_s3_bucket" "lists" {
  bucket = "lists"
}

resource "aws_s3_bucket_versioning" "lists" {
  bucket = aws_s3_bucket.lists.id

  versioning_configuration {
    status = "Suspended" # finds: s3/versioning
  }
}
