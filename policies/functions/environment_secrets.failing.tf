resource "aws_lambda_function" "resize" {
  function_name = "resize"
  role          = "arn:aws:iam::123456789012:role/resize"

  environment {
    variables = {
      DB_PASSWORD = "correct horse battery staple" # finds: functions/environment-secrets
      STRIPE      = random_password.stripe.result  # finds: functions/environment-secrets
      API_KEY     = var.api_key                    # finds: functions/environment-secrets
    }
  }
}

resource "random_password" "stripe" {
  length = 24
}

variable "api_key" {
  type      = string
  sensitive = true
}
