resource "aws_api_gateway_integration" "photo" {
  rest_api_id = "abc"
  resource_id = "def"
  http_method = "GET"
  type        = "AWS"

  request_templates = {
    "application/json" = "{\"TableName\": \"photos\", \"Key\": {\"id\": {\"S\": \"$input.params('id')\"}}}"
  }
}
