resource "aws_s3_bucket" "photos" {
  bucket = "photos"
}

resource "aws_s3_bucket_acl" "photos" {
  bucket = aws_s3_bucket.photos.id
  acl    = "public-read" # finds: s3/public-acl
}

resource "aws_s3_bucket_acl" "granted" { # finds: s3/public-acl
  bucket = aws_s3_bucket.photos.id

  access_control_policy {
    grant {
      permission = "READ"

      grantee {
        type = "Group"
        uri  = "http://acs.amazonaws.com/groups/global/AllUsers"
      }
    }

    owner {
      id = "0123456789abcdef"
    }
  }
}
