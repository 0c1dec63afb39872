resource "aws_iam_role" "this" {
  name = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_instance_profile" "this" {
  name_prefix = "web-"
  role        = aws_iam_role.this.name
}

resource "aws_launch_template" "this" {
  name_prefix   = "web-"
  image_id      = "ami-12345678"
  instance_type = "t3.micro"
  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }
}

resource "aws_instance" "this" {
  ami                  = "ami-12345678"
  instance_type        = "t3.micro"
  iam_instance_profile = aws_iam_instance_profile.this.name
}

resource "aws_iam_role_policy" "this" {
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "ssm:GetParameter", Resource = aws_ssm_parameter.this.arn }] })
}

resource "aws_ssm_parameter" "this" {
  name  = "/web/config"
  type  = "String"
  value = "x"
}
