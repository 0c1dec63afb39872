locals {
  table_arn = aws_dynamodb_table.connections.arn

  # Each role has what its function's code calls; modules/function adds its own logs and traces.
  own_functions = {
    realtime-authorizer = {
      description     = "Says who may connect: checks the token that comes with the handshake."
      memory_mb       = 512
      timeout_seconds = 5
      environment     = { JWKS_PARAMETER = var.tokens.keys_parameter.name, ISSUER = var.tokens.issuer, AUDIENCE = var.tokens.audience }
      permissions = {
        ReadPublishedKeys = { Action = ["ssm:GetParameter"], Resource = [var.tokens.keys_parameter.arn] }
      }
    }
    realtime-connect = {
      description     = "Notes who connects and who leaves."
      memory_mb       = 256
      timeout_seconds = 10
      environment     = local.environment
      permissions = {
        KeepConnections = { Action = ["dynamodb:PutItem", "dynamodb:DeleteItem"], Resource = [local.table_arn] }
      }
    }
    realtime-messages = {
      description     = "Does what clients ask for by an action, and answers by their connection id."
      memory_mb       = 256
      timeout_seconds = 10
      environment     = local.environment
      permissions = {
        KeepSubscriptions = {
          Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"]
          Resource = [local.table_arn]
        }
        TellClients = { Action = ["execute-api:ManageConnections"], Resource = [local.callback.Send] }
      }
    }
  }

  functions = merge(
    { for name, function in module.function : name => function.function },
    {
      realtime-announce = module.announce.function
      realtime-sweep    = module.sweep.function
    },
  )
}

module "function" {
  source   = "../function"
  for_each = local.own_functions

  name_prefix     = var.name_prefix
  name            = each.key
  description     = each.value.description
  defaults        = var.function_defaults
  memory_mb       = each.value.memory_mb
  timeout_seconds = each.value.timeout_seconds
  environment     = each.value.environment
  permissions     = each.value.permissions
}

module "announce" {
  source = "../triggers/sns"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  topic_arn         = var.photos_topic_arn
  failure_queue_arn = local.queue_arn
  function = {
    name            = "realtime-announce"
    description     = "Tells the subscribers of a topic what was announced."
    timeout_seconds = 30
    environment     = local.environment
    permissions = {
      FindSubscribers = {
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"]
        Resource = [local.table_arn]
      }
      TellClients = { Action = ["execute-api:ManageConnections"], Resource = [local.callback.Send] }
    }
  }
}

module "sweep" {
  source = "../triggers/schedule"

  name_prefix       = var.name_prefix
  function_defaults = var.function_defaults
  expression        = var.sweep_expression
  failure_queue_arn = local.queue_arn
  function = {
    name            = "realtime-sweep"
    description     = "Removes connections that are gone, and hangs up those whose token has expired."
    timeout_seconds = 60
    environment     = local.environment
    permissions = {
      RemoveConnections = { Action = ["dynamodb:Query", "dynamodb:DeleteItem"], Resource = [local.table_arn] }
      AskAndHangUp      = { Action = ["execute-api:ManageConnections"], Resource = [local.callback.Ask, local.callback.HangUp] }
    }
  }
}
