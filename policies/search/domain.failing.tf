resource "aws_opensearch_domain" "logs" {
  domain_name = "logs"

  encrypt_at_rest {
    enabled = false # finds: search/domain
  }

  node_to_node_encryption {
    enabled = true
  }

  domain_endpoint_options {
    enforce_https = false # finds: search/domain
  }

  vpc_options {
    subnet_ids = ["subnet-a"]
  }
}

resource "aws_opensearch_domain" "over_http" { # finds: search/domain
  domain_name = "over-http"

  encrypt_at_rest {
    enabled = true
  }

  node_to_node_encryption {
    enabled = true
  }

  vpc_options {
    subnet_ids = ["subnet-a"]
  }
}
