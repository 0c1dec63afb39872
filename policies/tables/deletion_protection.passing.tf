resource "aws_dynamodb_table" "photos" {
  name                        = "photos"
  hash_key                    = "id"
  deletion_protection_enabled = true
}
