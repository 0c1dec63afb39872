resource "aws_dax_cluster" "photos" { # finds: tables/cache-encrypted
  cluster_name       = "photos"
  iam_role_arn       = "arn:aws:iam::123456789012:role/dax"
  node_type          = "dax.r5.large"
  replication_factor = 3
}
