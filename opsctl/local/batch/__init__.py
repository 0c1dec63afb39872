"""AWS Batch without containers: a job is a Python process, scheduled, retried and told of as Batch does it."""
