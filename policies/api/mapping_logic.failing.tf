resource "aws_api_gateway_integration" "photo" {
  rest_api_id = "abc"
  resource_id = "def"
  http_method = "GET"
  type        = "AWS"

  request_templates = { # finds: api/mapping-logic
    "application/json" = <<-EOT
      #set($owner = $input.params('owner'))
      #if($owner == "")
        {"error": "no owner"}
      #else
        {"TableName": "photos"}
      #end
    EOT
  }
}
