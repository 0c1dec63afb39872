resource "aws_sns_topic" "photos" { # finds: topics/encrypted
  name = "photos"
}
