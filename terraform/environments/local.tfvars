# The embedded cloud on this machine. Same shape as prod, in the smallest sizes; nothing in it needs to be kept.
owner             = "local"
site_domain       = "local.opsctl.test"
allowed_countries = ["AT", "CH", "DE", "IE", "US"]

vpc_cidr = "10.20.0.0/16"

db_instance_class        = "db.t4g.micro"
db_backup_retention_days = 1
db_final_snapshot        = false

service_instances = { min = 0, max = 2, desired = 0 } # until a first artifact is deployed

deletion_protection = false
key_deletion_days   = 7
log_retention_days  = 7
