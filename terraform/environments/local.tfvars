# The embedded cloud on this machine. Same shape as prod, in the smallest sizes; nothing in it needs to be kept.
owner             = "local"
site_domain       = "local.opsctl.test"
allowed_countries = ["AT", "CH", "DE", "IE", "US"]
blocked_ip_ranges = ["203.0.113.66/32"] # nobody's, so that a smoke check can be refused

vpc_cidr = "10.20.0.0/16"

db_instance_class        = "db.t4g.micro"
db_backup_retention_days = 1
db_final_snapshot        = false

db_service_authentication = "password" # MariaDB has no IAM plugin

api_cache_cluster_size_gb = "0.5"

service_instances = { min = 2, max = 4, desired = 2 }

deletion_protection = false
key_deletion_days   = 7
log_retention_days  = 7

payment_sandbox = true
payment_retry   = { interval_seconds = 1, attempts = 5, refund_attempts = 10 }
breaker         = { failures = 5, cool_down_seconds = 3 }
