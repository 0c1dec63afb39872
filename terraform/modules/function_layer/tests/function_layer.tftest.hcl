mock_provider "aws" {}

variables {
  name_prefix      = "opsctl-test"
  package_dir      = "/packages"
  function_runtime = "python3.12"
}

run "it_is_for_the_runtime_and_processor_of_the_functions" {
  assert {
    condition = (
      aws_lambda_layer_version.shared.layer_name == "opsctl-test-shared" && aws_lambda_layer_version.shared.filename == "/packages/shared-layer.zip" &&
      aws_lambda_layer_version.shared.compatible_runtimes == toset(["python3.12"]) && aws_lambda_layer_version.shared.compatible_architectures == toset(["x86_64"])
    )
    error_message = "A layer holds compiled parts: it must say what it was built for."
  }

  assert {
    condition     = output.arn == aws_lambda_layer_version.shared.arn
    error_message = "Functions must name a version, not the layer."
  }
}

run "its_content_decides_whether_there_is_a_new_version" {
  variables { package_dir = "./tests/packages" }

  assert {
    condition     = aws_lambda_layer_version.shared.source_code_hash == filebase64sha256("./tests/packages/shared-layer.zip")
    error_message = "A build of the same content must be no change."
  }
}

run "what_was_never_built_can_be_destroyed" {
  command = plan
  variables { package_dir = "/not-there" }

  assert {
    condition     = aws_lambda_layer_version.shared.filename == "/not-there/shared-layer.zip"
    error_message = "A plan must not need the package itself."
  }
}
