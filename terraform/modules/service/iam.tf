resource "aws_iam_role" "this" {
  name = local.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_instance_profile" "this" {
  name = local.name
  role = aws_iam_role.this.name
}

resource "aws_iam_role_policy" "this" {
  name = "service"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadArtifacts"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = "${aws_s3_bucket.artifacts.arn}/service/*"
        },
        {
          Sid      = "WriteLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.this.arn}:*"
        },
      ],
      var.database.service_secret_arn == "" ? local.sign_in_with_token : local.sign_in_with_password,
    )
  })
}

locals {
  sign_in_with_token = [
    {
      Sid      = "SignInToDatabase"
      Effect   = "Allow"
      Action   = ["rds-db:connect"]
      Resource = var.database.service_user_arn
    },
  ]

  sign_in_with_password = [
    {
      Sid      = "ReadDatabasePassword"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = var.database.service_secret_arn
    },
    {
      Sid      = "DecryptDatabasePassword"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = var.database.kms_key_arn
    },
  ]
}

# Sessions and commands by SSM instead of SSH. AWS's own policy AmazonSSMManagedInstanceCore would also read every
# parameter of the account.
resource "aws_iam_role_policy" "managed_by_ssm" {
  name = "managed-by-ssm"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Register"
        Effect   = "Allow"
        Action   = "ssm:UpdateInstanceInformation"
        Resource = "arn:aws:ec2:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:instance/*"
      },
      {
        # These actions know no resources.
        Sid    = "Channels"
        Effect = "Allow"
        Action = [
          "ec2messages:AcknowledgeMessage",
          "ec2messages:DeleteMessage",
          "ec2messages:FailMessage",
          "ec2messages:GetEndpoint",
          "ec2messages:GetMessages",
          "ec2messages:SendReply",
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = "*"
      },
    ]
  })
}
