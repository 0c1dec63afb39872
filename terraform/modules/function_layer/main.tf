# What every function uses (AWS Lambda Powertools, correlation ids, the events' schemas), once instead of in each package.
# The build is reproducible, so the same content gives the same version, and a plan without a change.
resource "aws_lambda_layer_version" "shared" {
  layer_name               = "${var.name_prefix}-shared"
  description              = "AWS Lambda Powertools and what our functions share: layers/shared"
  filename                 = "${var.package_dir}/shared-layer.zip"
  source_code_hash         = try(filebase64sha256("${var.package_dir}/shared-layer.zip"), null) # nothing is built for a destroy
  compatible_runtimes      = [var.function_runtime]
  compatible_architectures = ["x86_64"]
}
