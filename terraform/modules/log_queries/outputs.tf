output "queries" {
  description = "Each saved query by its short name: name and id."
  value = {
    for name, query in aws_cloudwatch_query_definition.this : name => { name = query.name, id = query.query_definition_id }
  }
}
