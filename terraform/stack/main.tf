# One whole environment. Reading this file is reading the architecture:
#
#   client ─ Route 53 ─ CloudFront + WAF (edge) ─┬─ site bucket (site)
#                                                ├─ thumbnails (photos)
#                                                └─ API Gateway + WAF (api) ─┬─ sign-in, authorizer (auth)
#                                                                            ├─ functions, S3 ─ SQS ─ Lambda ─ DynamoDB, SNS (photos)
#                                                                            ├─ checkouts: SNS, SQS, saga (orders)
#                                                                            ├─ approvals (workflows)
#                                                                            └─ VPC link ─ NLB ─ EC2 (service) ─ RDS MySQL (database)
#   client ─ WebSocket API (realtime) ◀─ SNS ─ photos
#   photos, uploads ─ state machine (images) ─ bus (events) ─ Batch (bulk)
#   orders ─ DynamoDB stream ─ Kinesis ─ consumers (streams);  orders ─ bus (events) ─ queue, log, e-mail
#   lists ─ state machine (workflows)

locals {
  name_prefix = "${var.project}-${var.environment}"

  # What all functions of this environment share.
  function_defaults = {
    package_dir        = coalesce(var.package_store, var.package_dir)
    runtime            = var.function_runtime
    layer_arns         = [module.function_layer.arn]
    log_retention_days = var.log_retention_days
  }

  functions = merge([
    { database-user = module.database.function },
    module.photos.functions,
    module.auth.functions,
    module.images.functions,
    module.orders.functions,
    module.events.functions,
    module.streams.functions,
    module.workflows.functions,
    module.realtime.functions,
    module.bulk.functions,
    module.repository.functions,
  ]...)

  queues = merge([
    {
      photos = {
        name             = module.photos.queue.name
        url              = module.photos.queue.url
        arn              = module.photos.queue.arn
        dead_letter_name = module.photos.dead_letter_queue.name
        dead_letter_url  = module.photos.dead_letter_queue.url
      }
    },
    module.images.queues,
    module.orders.queues,
  ]...)

  # What bulk jobs may read.
  bulk_sources = {
    photos = { id = module.photos.bucket.id, arn = module.photos.bucket.arn, prefix = "uploads/" }
    images = { id = module.images.buckets["images"].id, arn = module.images.buckets["images"].arn, prefix = "incoming/" }
  }

  # Lambda's records of what functions could not work off that are called by themselves, and what has no queue before it.
  failure_queues = merge([
    module.images.failure_queues,
    module.orders.failure_queues,
    module.events.failure_queues,
    module.streams.failure_queues,
    module.workflows.failure_queues,
    module.realtime.failure_queues,
    module.bulk.failure_queues,
    module.repository.failure_queues,
  ]...)
}

module "function_layer" {
  source = "../modules/function_layer"

  name_prefix      = local.name_prefix
  package_dir      = var.package_dir
  function_runtime = var.function_runtime
}

module "network" {
  source = "../modules/network"

  name_prefix          = local.name_prefix
  vpc_cidr             = var.vpc_cidr
  availability_zones   = coalesce(var.availability_zones, ["${var.region}a", "${var.region}b"])
  nat_gateway_per_zone = var.nat_gateway_per_zone
  interface_endpoints  = var.interface_endpoints
  log_retention_days   = var.log_retention_days
}

module "database" {
  source = "../modules/database"

  name_prefix           = local.name_prefix
  subnet_ids            = module.network.private_data_subnet_ids
  security_group_id     = module.network.security_group_ids.database
  instance_class        = var.db_instance_class
  max_connections       = var.db_max_connections
  storage_gb            = var.db_storage_gb
  max_storage_gb        = var.db_max_storage_gb
  multi_az              = var.db_multi_az
  backup_retention_days = var.db_backup_retention_days
  performance_insights  = var.db_performance_insights
  deletion_protection   = var.deletion_protection
  final_snapshot        = var.db_final_snapshot
  key_deletion_days     = var.key_deletion_days
  log_retention_days    = var.log_retention_days

  service_authentication = var.db_service_authentication
  function_defaults      = local.function_defaults
  function_network = {
    subnet_ids        = module.network.private_app_subnet_ids
    security_group_id = module.network.security_group_ids.functions
  }
}

module "service" {
  source = "../modules/service"

  name_prefix = local.name_prefix
  package_dir = var.package_dir
  network = {
    vpc_id                          = module.network.vpc_id
    subnet_ids                      = module.network.private_app_subnet_ids
    load_balancer_security_group_id = module.network.security_group_ids.load_balancer
    service_security_group_id       = module.network.security_group_ids.service
  }
  database            = module.database
  ami_id              = var.service_ami_id
  instance_type       = var.service_instance_type
  instances           = var.service_instances
  deletion_protection = var.deletion_protection
  force_destroy       = !var.deletion_protection
  log_retention_days  = var.log_retention_days
  tags                = local.tags
}

module "photos" {
  source = "../modules/photos"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  cors_origins      = ["https://${var.site_domain}"]
  force_destroy     = !var.deletion_protection
}

module "auth" {
  source = "../modules/auth"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  issuer            = "https://${var.site_domain}"
  force_destroy     = !var.deletion_protection
}

module "events" {
  source = "../modules/events"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  sender            = "orders@${var.site_domain}"
  force_destroy     = !var.deletion_protection
}

module "images" {
  source = "../modules/images"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  bus               = module.events.bus
  photos            = { bucket = module.photos.bucket, topic_arn = module.photos.topic_arn }
  force_destroy     = !var.deletion_protection
}

module "orders" {
  source = "../modules/orders"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  event_bus         = module.events.bus
  payment_sandbox   = var.payment_sandbox
  payment_provider  = var.payment_provider
  payment_retry     = var.payment_retry
  breaker           = var.breaker
  force_destroy     = !var.deletion_protection
}

module "streams" {
  source = "../modules/streams"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  orders_stream_arn = module.orders.order_stream.stream_arn
  force_destroy     = !var.deletion_protection
}

module "workflows" {
  source = "../modules/workflows"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  force_destroy     = !var.deletion_protection
}

module "bulk" {
  source = "../modules/bulk"

  name_prefix       = local.name_prefix
  package_dir       = var.package_dir
  function_defaults = local.function_defaults
  event_bus         = module.events.bus
  network = {
    vpc_id                      = module.network.vpc_id
    subnet_ids                  = module.network.private_app_subnet_ids
    endpoints_security_group_id = module.network.security_group_ids.endpoints
    s3_prefix_list_id           = module.network.s3_prefix_list_id
  }
  sources       = local.bulk_sources
  force_destroy = !var.deletion_protection
}

module "realtime" {
  source = "../modules/realtime"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  photos_topic_arn  = module.photos.topic_arn

  account_logging_role_arn = module.api.account_logging_role_arn
  tokens = {
    issuer         = module.auth.token.issuer
    audience       = module.auth.token.audience
    keys_parameter = module.auth.published_keys
  }
}

module "repository" {
  source = "../modules/repository"

  name_prefix       = local.name_prefix
  function_defaults = local.function_defaults
  force_destroy     = !var.deletion_protection
}

module "api" {
  source = "../modules/api"

  name_prefix     = local.name_prefix
  origin_secret   = var.origin_secret
  photos_bucket   = module.photos.bucket.id
  upload_role_arn = module.photos.upload_role_arn
  functions       = local.functions
  orders_service = {
    load_balancer_arn = module.service.load_balancer.arn
    url               = module.service.load_balancer.url
  }
  cache_cluster_size_gb = var.api_cache_cluster_size_gb
  log_retention_days    = var.log_retention_days
}

module "site" {
  source = "../modules/site"

  name_prefix   = local.name_prefix
  force_destroy = !var.deletion_protection
}

module "edge" {
  source    = "../modules/edge"
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }

  name_prefix         = local.name_prefix
  site_domain         = var.site_domain
  parent_zone_name    = var.parent_zone_name
  origin_secret       = var.origin_secret
  api_domain_name     = module.api.domain_name
  site_bucket         = module.site.bucket
  photos_bucket       = module.photos.bucket
  allowed_countries   = var.allowed_countries
  blocked_ip_ranges   = var.blocked_ip_ranges
  wait_for_deployment = !var.local
  log_retention_days  = var.log_retention_days
}

module "log_queries" {
  source = "../modules/log_queries"

  name_prefix = local.name_prefix
  functions   = local.functions
}

module "observability" {
  source    = "../modules/observability"
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }

  name_prefix = local.name_prefix
  alert_email = var.alert_email
  api         = module.api
  edge = {
    distribution_id = module.edge.distribution_id
    web_acl_name    = split("/", module.edge.web_acl_arn)[2] # …:global/webacl/<name>/<id>
  }
  functions = merge(local.functions, {
    for name in ["auth-authorizer", "realtime-authorizer"] : name => merge(local.functions[name], { raises_by_design = true })
  })
  queues         = local.queues
  failure_queues = local.failure_queues
  tables = merge([
    { photos = module.photos.table, users = module.auth.users_table },
    module.images.tables, module.orders.tables, module.events.tables, module.streams.tables, module.workflows.tables, module.realtime.tables, module.repository.tables,
  ]...)
  topics = merge({ photos = { name = reverse(split(":", module.photos.topic_arn))[0] } }, module.images.topics, module.orders.topics, module.workflows.topics, module.bulk.topics)
  # An execution fails while another is at the same image; what is lost is in the dead-letter queue before it.
  state_machines = merge(module.orders.state_machines, module.workflows.state_machines, {
    for name, machine in module.images.state_machines : name => merge(machine, { fails_by_design = true })
  })
  streams     = module.streams.streams
  event_rules = merge(module.events.rules, module.workflows.rules, module.bulk.rules)
  schedules   = module.realtime.schedules
  pipes       = merge(module.images.pipes, module.streams.pipes)
  websocket   = module.realtime.api
  database    = module.database
  service = {
    load_balancer     = module.service.load_balancer.arn_suffix
    target_group      = module.service.target_group.arn_suffix
    autoscaling_group = module.service.autoscaling_group
  }
  key_deletion_days = var.key_deletion_days
}

# Where opsctl reads the secret back from, so that every run says the same one.
resource "aws_secretsmanager_secret" "origin" {
  name                    = "${local.name_prefix}/origin-secret"
  description             = "What CloudFront says to the API as x-origin-verify"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "origin" {
  secret_id     = aws_secretsmanager_secret.origin.id
  secret_string = var.origin_secret
}
