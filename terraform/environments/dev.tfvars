# For development: real AWS, small, and quick to take down again. Put your own domain in.
owner             = "development"
site_domain       = "dev.opsctl.example.com"
parent_zone_name  = "" # the zone of this account to be delegated from, when there is one
allowed_countries = ["AT", "CH", "DE", "IE", "US"]

vpc_cidr = "10.30.0.0/16"

db_instance_class        = "db.t4g.micro"
db_backup_retention_days = 1

service_instances = { min = 2, max = 4, desired = 2 }

deletion_protection = false
key_deletion_days   = 7
log_retention_days  = 14

payment_sandbox = true
