resource "aws_dynamodb_table" "photos" { # finds: tables/deletion-protection
  name     = "photos"
  hash_key = "id"
}
