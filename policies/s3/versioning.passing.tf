resource "aws_s3_bucket" "photos" {
  bucket = "photos"
}

resource "aws_s3_bucket_versioning" "photos" {
  bucket = "photos" # by its name, as a plan has it

  versioning_configuration {
    status = "Enabled"
  }
}
