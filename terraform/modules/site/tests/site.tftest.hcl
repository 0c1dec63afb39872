mock_provider "aws" {}

variables {
  name_prefix = "opsctl-test"
}

run "the_bucket_is_private_encrypted_and_versioned" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "All four public access blocks must be on."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "ACLs must be off."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Objects must be encrypted at rest."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "A roll-back needs the older versions."
  }
}

run "a_bucket_with_objects_is_not_destroyed_unless_asked" {
  command = plan

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "force_destroy must be off by default."
  }
}

run "a_prefix_that_can_not_be_in_a_bucket_name_is_refused" {
  command = plan

  variables {
    name_prefix = "Opsctl_Test"
  }

  expect_failures = [var.name_prefix]
}
