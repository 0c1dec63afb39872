# Production: two zones for everything, kept data, nothing deleted by accident. Put your own domain and address in.
owner             = "operations"
site_domain       = "photos.opsctl.example.com"
parent_zone_name  = "" # the zone of this account to be delegated from, when there is one
allowed_countries = ["AT", "CH", "DE", "IE", "US"]
alert_email       = "" # who is woken up

vpc_cidr             = "10.40.0.0/16"
nat_gateway_per_zone = false # nothing in the private subnets calls the Internet; the endpoints reach AWS

db_instance_class        = "db.r7g.large"
db_max_connections       = 900
db_storage_gb            = 100
db_max_storage_gb        = 500
db_multi_az              = true
db_backup_retention_days = 35
db_performance_insights  = true

service_instance_type = "m6i.large"
service_instances     = { min = 2, max = 6, desired = 2 }

deletion_protection = true
log_retention_days  = 365

# Your provider's address, and the secret with its API key.
payment_provider = { url = "https://payments.example.com", secret_arn = "arn:aws:secretsmanager:eu-central-1:321098765432:secret:payment-provider" }
