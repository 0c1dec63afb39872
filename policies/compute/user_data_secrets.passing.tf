resource "aws_instance" "app" {
  user_data = <<-EOT
    #!/bin/sh
    PASSWORD=$(aws secretsmanager get-secret-value --secret-id db --query SecretString)
    SECRET_ARN=arn:aws:secretsmanager:eu-central-1:123456789012:secret:db
    run-app
  EOT
}
