# What one asks the logs at night, ready in CloudWatch Logs Insights: Queries, folder <name_prefix>.

locals {
  log_groups = sort(distinct(concat([for function in var.functions : function.log_group], var.log_groups)))

  queries = {
    # Put the id in; it is in the answer's header and in every line. Access logs and failure records have it, too.
    follow-one-id      = <<-QUERY
      fields @timestamp, @log, @message
      | filter @message like /CORRELATION-ID/
      | sort @timestamp asc
      | limit 1000
    QUERY
    errors-by-function = <<-QUERY
      filter level = "ERROR" or level = "CRITICAL" or @message like /Task timed out|Runtime\.ExitError|Runtime\.OutOfMemory/
      | stats count(*) as errors, latest(message) as last_message, latest(correlation_id) as last_correlation_id by @log, exception_name
      | sort errors desc
    QUERY
    cold-starts        = <<-QUERY
      filter @type = "REPORT"
      | stats count(*) as invocations, count(@initDuration) as cold_starts, pct(@initDuration, 50) as median_ms, max(@initDuration) as longest_ms by @log
      | sort cold_starts desc
    QUERY
    slowest-calls      = <<-QUERY
      fields @timestamp, @log, @requestId, @duration, @initDuration, @maxMemoryUsed / 1000000 as memory_mb
      | filter @type = "REPORT"
      | sort @duration desc
      | limit 50
    QUERY
    rejected-by-reason = <<-QUERY
      filter ispresent(reason)
      | stats count(*) as rejected, latest(correlation_id) as last_correlation_id by service, reason
      | sort rejected desc
    QUERY
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "${var.name_prefix}/${each.key}"
  query_string    = trimspace(each.value)
  log_group_names = local.log_groups
}
