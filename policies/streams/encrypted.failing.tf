resource "aws_kinesis_stream" "orders" { # finds: streams/encrypted
  name        = "orders"
  shard_count = 1
}

resource "aws_kinesis_firehose_delivery_stream" "orders" { # finds: streams/encrypted
  name        = "orders"
  destination = "extended_s3"
}
