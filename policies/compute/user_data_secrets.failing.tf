resource "aws_instance" "app" {
  user_data = "#!/bin/sh\nexport DB_PASSWORD=hunter2hunter2\nrun-app\n" # finds: compute/user-data-secrets
}

resource "aws_launch_template" "app" {
  user_data = base64encode("#!/bin/sh\naws configure set aws_access_key_id AKIAIOSFODNN7ZZZZZZZ\n") # finds: compute/user-data-secrets
}
