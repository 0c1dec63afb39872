module "queue" {
  source = "./queue"
  name   = "jobs"
}

module "role" {
  source     = "./role"
  name       = "worker"
  statements = [{ actions = ["sqs:SendMessage"], resources = [module.queue.arn] }]
}
