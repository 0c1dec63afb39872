from __future__ import annotations

import json
from typing import Any

from opsctl.hcl import Unknown


def document(read: Any, body: str, around: str = "") -> Any:
    configuration = read(f'data "aws_iam_policy_document" "d" {{\n{body}\n}}\n{around}')
    assert not configuration.problems
    text = configuration.at("data.aws_iam_policy_document.d").values["json"]
    return json.loads(text)


def test_every_part_of_a_statement_is_written(read: Any) -> None:
    found = document(
        read,
        """
  policy_id = "id"
  statement {
    sid       = "One"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["arn:aws:s3:::b/&{aws:username}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = ["1", "2"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceOrgID"
      values   = ["o"]
    }
  }
  statement {
    effect        = "Deny"
    not_actions   = ["iam:*"]
    not_resources = ["*"]
    not_principals {
      type        = "Service"
      identifiers = ["a.amazonaws.com", "b.amazonaws.com"]
    }
  }
  statement {
    actions = ["x:y"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
""",
    )

    assert found == {
        "Version": "2012-10-17",
        "Id": "id",
        "Statement": [
            {
                "Sid": "One",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::b/${aws:username}/*",
                "Principal": {"AWS": "*"},
                "Condition": {"StringEquals": {"aws:SourceAccount": ["1", "2"], "aws:SourceOrgID": "o"}},
            },
            {
                "Effect": "Deny",
                "NotAction": "iam:*",
                "NotResource": "*",
                "NotPrincipal": {"Service": ["a.amazonaws.com", "b.amazonaws.com"]},
            },
            {"Effect": "Allow", "Action": "x:y", "Principal": "*"},
        ],
    }


SOURCES = """
data "aws_iam_policy_document" "source" {
  statement {
    sid     = "A"
    actions = ["a:Source"]
  }
  statement {
    actions = ["a:Anonymous"]
  }
}
data "aws_iam_policy_document" "override" {
  statement {
    sid     = "A"
    actions = ["a:Override"]
  }
  statement {
    sid     = "New"
    actions = ["a:New"]
  }
}
"""


def test_sources_come_first_and_overrides_replace_by_their_sid(read: Any) -> None:
    found = document(
        read,
        """
  source_policy_documents   = [data.aws_iam_policy_document.source.json]
  override_policy_documents = [data.aws_iam_policy_document.override.json]
  statement {
    sid     = "B"
    actions = ["a:Own"]
  }
""",
        SOURCES,
    )

    assert [each["Action"] for each in found["Statement"]] == ["a:Override", "a:Anonymous", "a:Own", "a:New"]


def test_the_deprecated_names_do_the_same(read: Any) -> None:
    found = document(
        read,
        """
  source_json   = data.aws_iam_policy_document.source.json
  override_json = data.aws_iam_policy_document.override.json
""",
        SOURCES,
    )

    assert [each["Action"] for each in found["Statement"]] == ["a:Override", "a:Anonymous", "a:New"]


def test_dynamic_statements_and_symbols_are_written_out(read: Any) -> None:
    found = document(
        read,
        """
  dynamic "statement" {
    for_each = { b = aws_s3_bucket.b }
    content {
      sid       = title(statement.key)
      actions   = ["s3:*"]
      resources = [statement.value.arn, "${statement.value.arn}/*"]
    }
  }
""",
        'resource "aws_s3_bucket" "b" {\n  bucket = "x"\n}\n',
    )

    assert found["Statement"] == [
        {
            "Sid": "B",
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": ["⟦aws_s3_bucket.b.arn⟧", "⟦aws_s3_bucket.b.arn⟧/*"],
        }
    ]


def test_a_source_that_cannot_be_read_is_said_and_the_rest_stands(read: Any) -> None:
    configuration = read(
        'data "aws_iam_policy" "other" {\n  name = "x"\n}\ndata "aws_iam_policy_document" "d" {\n'
        '  source_policy_documents = [data.aws_iam_policy.other.policy]\n  statement {\n    actions = ["a:b"]\n  }\n}\n'
    )

    assert any("data.aws_iam_policy.other.policy" in problem.what for problem in configuration.problems)
    found = json.loads(configuration.at("data.aws_iam_policy_document.d").values["json"])
    assert [each["Action"] for each in found["Statement"]] == ["a:b"]


def test_actions_under_an_unknown_condition_are_a_choice_of_documents(read: Any) -> None:
    configuration = read(
        'variable "admin" {\n  type = bool\n}\ndata "aws_iam_policy_document" "d" {\n  statement {\n'
        '    actions = var.admin ? ["*"] : ["s3:GetObject"]\n    resources = ["*"]\n  }\n}\n'
    )
    found = configuration.at("data.aws_iam_policy_document.d").values["json"]

    assert isinstance(found, Unknown)
    assert [json.loads(option)["Statement"][0]["Action"] for option in found.options] == ["*", "s3:GetObject"]
