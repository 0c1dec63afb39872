data "archive_file" "code" {
  type        = "zip"
  output_path = "code.zip"

  source {
    filename = "handler.py"
    content  = "import os\nKEY = os.environ['KEY_ARN']\n"
  }
}
