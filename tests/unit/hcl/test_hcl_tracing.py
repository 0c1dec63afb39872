from __future__ import annotations

from typing import Any


def lines(configuration: Any, address: str) -> dict[str, str]:
    return {path: str(place) for path, place in configuration.at(address).places.items()}


def test_a_statement_in_jsonencode_has_its_own_line(read: Any) -> None:
    configuration = read(
        """resource "aws_iam_policy" "p" {
  name = "p"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "a:b" },
      {
        Effect = "Allow"
        Action = [
          "a:c",
          "a:d",
        ]
      },
    ]
  })
}
"""
    )

    found = lines(configuration, "aws_iam_policy.p")
    assert found["policy"] == "main.tf:3"
    assert found["policy.Statement[0].Action"] == "main.tf:6"
    assert found["policy.Statement[1]"] == "main.tf:7"
    assert found["policy.Statement[1].Action[1]"] == "main.tf:11"


def test_a_statement_is_followed_through_module_inputs_locals_concat_merge_and_loops(read: Any) -> None:
    module = """variable "permissions" {
  type = map(object({ Action = list(string) }))
}
locals {
  statements = concat(
    [for why, p in var.permissions : merge({ Sid = why }, p)],
    [{ Sid = "Own", Action = ["x:y"] }],
  )
}
resource "aws_iam_policy" "p" {
  policy = jsonencode({ Statement = local.statements })
}
"""
    configuration = read(
        """module "m" {
  source = "./m"
  permissions = {
    Zeta = { Action = ["z:z"] }
    Alpha = {
      Action = ["a:a"]
    }
  }
}
""",
        {"m/main.tf": module},
    )

    found = lines(configuration, "module.m.aws_iam_policy.p")
    assert found["policy.Statement[0].Action[0]"] == "main.tf:6"
    assert found["policy.Statement[1].Action"] == "main.tf:4"
    assert found["policy.Statement[0]"] == "main.tf:5"
    assert found["policy.Statement[2].Action"] == "m/main.tf:7"


def test_a_policy_documents_statements_have_the_lines_of_their_blocks(read: Any) -> None:
    configuration = read(
        """data "aws_iam_policy_document" "d" {
  source_policy_documents = [data.aws_iam_policy_document.other.json]
  statement {
    actions = [
      "a:b",
      "a:c",
    ]
  }
}
data "aws_iam_policy_document" "other" {
  statement {
    sid     = "First"
    actions = ["a:a"]
  }
}
resource "aws_iam_policy" "p" {
  policy = data.aws_iam_policy_document.d.json
}
"""
    )

    found = lines(configuration, "aws_iam_policy.p")
    assert found["policy"] == "main.tf:17"
    assert found["policy.Statement[0]"] == "main.tf:11"
    assert found["policy.Statement[0].Action"] == "main.tf:13"
    assert found["policy.Statement[1].Action[1]"] == "main.tf:6"
    assert configuration.references["aws_iam_policy.p.policy"] == ("data.aws_iam_policy_document.d",)


def test_json_in_a_heredoc_has_its_lines(read: Any) -> None:
    configuration = read(
        """resource "aws_iam_policy" "p" {
  policy = <<-EOF
    {
      "Statement": [
        {
          "Action": "a:b",
          "Resource": "${aws_s3_bucket.b.arn}/*"
        }
      ]
    }
  EOF
}
resource "aws_s3_bucket" "b" {}
"""
    )

    found = lines(configuration, "aws_iam_policy.p")
    assert found["policy.Statement[0]"] == "main.tf:5"
    assert found["policy.Statement[0].Resource"] == "main.tf:7"


def test_nested_and_dynamic_blocks_have_their_lines(read: Any) -> None:
    configuration = read(
        """resource "aws_security_group" "g" {
  ingress {
    cidr_blocks = ["0.0.0.0/0"]
  }
  dynamic "ingress" {
    for_each = [1, 2]
    content {
      from_port = ingress.value
    }
  }
}
"""
    )

    found = lines(configuration, "aws_security_group.g")
    assert found["ingress[0].cidr_blocks"] == "main.tf:3"
    assert found["ingress[2].from_port"] == "main.tf:8"
    resource = configuration.at("aws_security_group.g")
    assert str(resource.place_of("ingress[0].description")) == "main.tf:2"


def test_references_are_found_through_locals_loops_and_outputs(read: Any) -> None:
    configuration = read(
        """module "m" {
  source   = "./m"
  for_each = toset(["a", "b"])
}
locals {
  all = { for key, m in module.m : key => m.queue }
}
resource "x" "one" {
  value = local.all["a"].arn
}
resource "x" "many" {
  block {
    values = [for k, q in local.all : q.arn]
  }
}
resource "x" "each" {
  for_each = local.all
  value    = each.value.arn
}
""",
        {
            "m/main.tf": 'resource "aws_sqs_queue" "q" {}\noutput "queue" {\n  value = { arn = aws_sqs_queue.q.arn, url = aws_sqs_queue.q.url }\n}\n'  # noqa: E501
        },
    )

    a, b = 'module.m["a"].aws_sqs_queue.q', 'module.m["b"].aws_sqs_queue.q'
    assert configuration.references["x.one.value"] == (a,)
    assert set(configuration.references["x.many.block"]) == {a, b}
    assert configuration.references['x.each["b"].value'] == (b,)
