output "edge" {
  description = "The way in."
  value = {
    url                      = module.edge.url
    domain_name              = module.edge.domain_name
    distribution_id          = module.edge.distribution_id
    distribution_domain_name = module.edge.distribution_domain_name
    web_acl_arn              = module.edge.web_acl_arn
    name_servers             = module.edge.name_servers
  }
}

output "api" {
  description = "The REST API behind the edge."
  value = {
    id              = module.api.id
    stage           = module.api.stage
    invoke_url      = module.api.invoke_url
    domain_name     = module.api.domain_name
    api_key_id      = module.api.api_key_id
    site_api_key_id = module.api.site_api_key_id
    usage_plan_id   = module.api.usage_plan_id
  }
}

output "photos" {
  description = "The photos pipeline."
  value = {
    bucket                = module.photos.bucket.id
    table                 = module.photos.table.name
    topic_arn             = module.photos.topic_arn
    queue_url             = module.photos.queue.url
    queue_arn             = module.photos.queue.arn
    dead_letter_queue_url = module.photos.dead_letter_queue.url
  }
}

output "functions" {
  description = "Every function by its short name: function_name, alias, arn (of the alias), role_arn, log_group."
  value = {
    for name, function in local.functions : name => {
      function_name = function.function_name
      alias         = function.alias
      arn           = function.arn
      role_arn      = function.role_arn
      log_group     = function.log_group
    }
  }
}

output "auth" {
  description = "Who may sign in, and with what tokens are signed."
  value = {
    users_table         = module.auth.users_table.name
    signing_keys_secret = module.auth.signing_keys_secret.name
    token               = module.auth.token
  }
}

output "database" {
  description = "The database. The secret holds its master user's password."
  value = {
    identifier = module.database.identifier
    address    = module.database.address
    port       = module.database.port
    name       = module.database.name
    secret_arn = module.database.secret_arn
  }
}

output "service" {
  description = "The private service."
  value = {
    autoscaling_group        = module.service.autoscaling_group
    target_group_arn         = module.service.target_group.arn
    target_group_arn_suffix  = module.service.target_group.arn_suffix
    load_balancer_arn_suffix = module.service.load_balancer.arn_suffix
    load_balancer_dns_name   = module.service.load_balancer.dns_name
    launch_template_id       = module.service.launch_template_id
    artifact_bucket          = module.service.artifact_bucket
    artifact_parameter       = module.service.artifact_parameter
    log_group                = module.service.log_group
  }
}

output "network" {
  description = "The network."
  value = {
    vpc_id                  = module.network.vpc_id
    private_app_subnet_ids  = module.network.private_app_subnet_ids
    private_data_subnet_ids = module.network.private_data_subnet_ids
  }
}

output "observability" {
  description = "What watches the environment."
  value = {
    alert_topic_arn      = module.observability.alert_topic_arn
    edge_alert_topic_arn = module.observability.edge_alert_topic_arn
    dashboard_name       = module.observability.dashboard_name
    alarm_names          = module.observability.alarm_names
  }
}

output "site" {
  description = "The static site."
  value       = { bucket = module.site.bucket.id }
}

output "images" {
  description = "The image processor."
  value = {
    bucket                = module.images.buckets["images"].id
    table                 = module.images.tables["images"].name
    topic_arn             = module.images.topics["image-results"].arn
    bus                   = module.events.bus.name
    state_machine_arn     = module.images.state_machines["image-processing"].arn
    requests_url          = module.images.queues["image-requests"].url
    dead_letter_queue_url = module.images.queues["image-requests"].dead_letter_url
    failure_queue_url     = module.images.failure_queues["image-start"].url
  }
}

output "realtime" {
  description = "The WebSocket API."
  value = {
    url              = module.realtime.url
    api              = module.realtime.api
    table            = module.realtime.tables["connections"]
    schedules        = module.realtime.schedules
    failure_queue    = module.realtime.failure_queues["realtime-failures"]
    access_log_group = module.realtime.access_log_group
  }
}

output "events" {
  description = "The event bus and its consumers."
  value       = module.events
}

output "streams" {
  description = "The order stream and its consumers."
  value       = module.streams
}

output "orders" {
  description = "Checkouts: queues, tables, topics, the saga."
  value       = module.orders
}

output "bulk" {
  description = "Batch jobs over photos and images."
  value       = merge(module.bulk, { bus = module.events.bus.name, sources = local.bulk_sources })
}

output "workflows" {
  description = "The list pipeline and the approvals."
  value       = module.workflows
}

output "repository" {
  description = "The repository whose pushes are noted."
  value       = module.repository
}

output "log_queries" {
  description = "Saved queries of CloudWatch Logs Insights, by name."
  value       = module.log_queries.queries
}

output "queues" {
  description = "Every work queue by its short name, with its dead-letter queue."
  value       = local.queues
}

output "failure_queues" {
  description = "Every queue of Lambda's records of what a function could not work off."
  value       = local.failure_queues
}
