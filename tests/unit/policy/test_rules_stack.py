"""What rules ask of a stack, and what they say about zips, plans and what nobody can tell."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from opsctl.findings import Finding
from opsctl.hcl import Configuration, Resource, Unknown
from opsctl.hcl.reading import read_folder
from opsctl.policy.loading import RuleFile, built_in
from opsctl.policy.rule import Stack, blocks, look, number, truth

RULES = {file.rules[0].id: file for file in built_in() if isinstance(file, RuleFile)}


def resource(address: str, **values: Any) -> Resource:
    kind, name = address.split(".")[-2:]
    return Resource(address, "managed", kind, name, values)


def stack(*resources: Resource, **more: Any) -> Stack:
    settings = more.pop("settings", {})
    return Stack(Configuration(resources, **more), settings)


def found(rule: str, judged: Stack | Path) -> list[Finding]:
    return list(RULES[rule].find(Stack(read_folder(judged)) if isinstance(judged, Path) else judged))


@pytest.mark.parametrize(
    "name",
    [
        "⟦aws_s3_bucket.photos.id⟧", "arn:aws:s3:::⟦aws_s3_bucket.photos.bucket⟧", "local-photos",
        "arn:aws:s3:::local-photos",
    ],
)  # fmt: skip
def test_a_companion_is_found_by_symbol_by_name_and_by_arn(name: str) -> None:
    bucket = resource("aws_s3_bucket.photos", bucket="local-photos")
    other = resource("aws_s3_bucket.lists", bucket="local-lists")
    versioning = resource("aws_s3_bucket_versioning.photos", bucket=name)
    judged = stack(bucket, other, versioning)
    assert judged.naming(bucket, "aws_s3_bucket_versioning", "bucket") == [versioning]
    assert judged.lacks(other, "aws_s3_bucket_versioning", "bucket")


@pytest.mark.parametrize("name", ["⟦var.bucket⟧", Unknown("module.far.bucket")])
def test_a_companion_of_what_cannot_be_told_may_be_anybodys(name: Any) -> None:
    bucket = resource("aws_s3_bucket.photos", bucket="local-photos")
    judged = stack(bucket, resource("aws_s3_bucket_versioning.some", bucket=name))
    assert not judged.lacks(bucket, "aws_s3_bucket_versioning", "bucket")
    assert not found("s3/versioning", judged)


def test_what_stands_for_an_unknown_number_is_found_by_each_of_its_names() -> None:
    bucket = resource("aws_s3_bucket.each[*]", bucket="⟦var.names[*]⟧")
    versioning = resource("aws_s3_bucket_versioning.one", bucket='⟦aws_s3_bucket.each["a"].id⟧')
    assert stack(bucket, versioning).naming(bucket, "aws_s3_bucket_versioning", "bucket") == [versioning]


def test_what_a_plan_alone_does_not_know_is_what_its_expression_names_and_never_itself() -> None:
    dead = resource("aws_sqs_queue.dead", name="dead-end")
    queue = resource("aws_sqs_queue.orders", redrive_policy="⟦aws_sqs_queue.orders.redrive_policy⟧")
    named = {"aws_sqs_queue.orders.redrive_policy": ("aws_sqs_queue.dead.arn",)}
    assert not found("queues/dead-letter-queue", stack(dead, queue, from_plan=True, references=named))
    judged = stack(dead, queue, from_plan=True)
    (kept,) = [each for each in judged.of_type("aws_sqs_queue") if each.name == "orders"]
    assert isinstance(look(kept, "redrive_policy"), Unknown)


def test_what_a_plan_deletes_is_not_judged() -> None:
    gone = Resource("aws_s3_bucket.old", "managed", "aws_s3_bucket", "old", {"bucket": "old"}, action="delete")
    assert not found("s3/versioning", stack(gone))


@pytest.mark.parametrize(
    ("variables", "settings", "production"),
    [
        ({}, {}, True), ({"environment": "prod"}, {}, True), ({"environment": "dev"}, {}, False),
        ({"env": "eu-live-2"}, {}, True), ({"environment": "dev"}, {"environment": "prod"}, True),
        ({"environment": "⟦var.environment⟧"}, {}, True), ({"environment": "preprod"}, {}, False),
        ({"stage": "products"}, {}, False),
    ],
)  # fmt: skip
def test_an_environment_is_production_unless_it_is_called_something_else(
    variables: Mapping[str, Any], settings: Mapping[str, Any], production: bool
) -> None:
    assert stack(variables=variables, settings=settings).is_production is production


def test_values_are_looked_up_through_blocks_and_what_is_not_known_is_neither_on_nor_off() -> None:
    values = {
        "a": [{"b": "true", "n": "7", "u": Unknown("var.u"), "s": "⟦var.s⟧", "none": None}],
        "many": [{"x": 1}, {"x": 2}],
        "unknown": Unknown("var.blocks"),
    }  # fmt: skip
    assert truth(look(values, "a.b")) is True
    assert number(look(values, "a.n")) == 7
    assert truth(look(values, "a.u", False)) is None
    assert number(look(values, "a.s", 0)) is None
    assert look(values, "a.none", "default") == "default"
    assert look(values, "a.missing.deeper", "default") == "default"
    assert isinstance(look(values, "unknown.enabled", False), Unknown)
    assert [each["x"] for each in blocks(values, "many")] == [1, 2]
    assert blocks(values, "unknown") == []


def test_an_alarm_on_what_cannot_be_told_or_on_everything_silences_the_rule() -> None:
    function = resource("aws_lambda_function.f", function_name="f")
    for alarm in (
        resource("aws_cloudwatch_metric_alarm.a", metric_name="Errors", dimensions=Unknown("var.dimensions")),
        resource("aws_cloudwatch_metric_alarm.a", metric_name="Errors", dimensions={"FunctionName": "⟦var.name⟧"}),
        resource(
            "aws_cloudwatch_metric_alarm.a",
            metric_query=[{"expression": 'SELECT SUM(Errors) FROM SCHEMA("AWS/Lambda", FunctionName)'}],
        ),
    ):
        assert not found("functions/error-alarm", stack(function, alarm))
    elsewhere = resource("aws_cloudwatch_metric_alarm.a", metric_name="Errors", dimensions={"FunctionName": "g"})
    assert found("functions/error-alarm", stack(function, elsewhere))


def packed(file: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in entries:
            archive.writestr(name, content)


FUNCTION = """
resource "aws_lambda_function" "f" {
  function_name = "f"
  role          = "arn:aws:iam::123456789012:role/f"
  filename      = "${path.module}/f.zip"
  layers        = [aws_lambda_layer_version.shared.arn]
}

resource "aws_lambda_layer_version" "shared" {
  layer_name = "shared"
  filename   = "shared.zip"
}
"""


def test_a_built_package_with_a_secret_in_its_layer_is_found(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(FUNCTION)
    packed(tmp_path / "f.zip", [("handler.py", b"def handler(event, context): ...\n")])
    packed(tmp_path / "shared.zip", [("python/keys.py", b"KEY = 'AKIAIOSFODNN7ZZZZZZZ'\n")])
    (finding,) = found("functions/package-secrets", tmp_path)
    assert "shared carries a secret: AWS access key in python/keys.py, line 1" in finding.message
    assert finding.place.line == 5
    packed(tmp_path / "shared.zip", [("python/keys.py", b"KEY = None\n")])
    assert not found("functions/package-secrets", tmp_path)


def test_a_built_package_is_too_large_together_with_its_layers(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(FUNCTION)
    megabytes = bytes(10 * 1024**2)
    packed(tmp_path / "f.zip", [(f"data/{index}", megabytes) for index in range(13)])
    packed(tmp_path / "shared.zip", [(f"python/{index}", megabytes) for index in range(13)])
    (finding,) = found("functions/package-size", tmp_path)
    assert "260.0 MB unzipped" in finding.message
    assert not found("functions/slow-start", tmp_path)
    packed(tmp_path / "shared.zip", [("python/small", b"")])
    assert not found("functions/package-size", tmp_path)
    assert "cold start is slow" in found("functions/slow-start", tmp_path)[0].message


def test_an_extension_in_a_layer_that_nobody_approved_is_found(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(FUNCTION)
    packed(tmp_path / "f.zip", [("handler.py", b"")])
    packed(tmp_path / "shared.zip", [("extensions/agent", b"#!/bin/sh\n")])
    configuration = read_folder(tmp_path)
    (finding,) = found("functions/slow-start", Stack(configuration))
    assert "starts the extension agent" in finding.message
    assert not found("functions/slow-start", Stack(configuration, {"approved_extensions": ["agent"]}))


def test_a_layer_that_no_function_here_uses_is_looked_into_by_itself(tmp_path: Path) -> None:
    _, kind, layer = FUNCTION.partition('resource "aws_lambda_layer_version"')
    (tmp_path / "main.tf").write_text(kind + layer)
    packed(tmp_path / "shared.zip", [("python/.env", b"A=1\n")])
    (finding,) = found("functions/package-secrets", tmp_path)
    assert finding.resource == "aws_lambda_layer_version.shared"
    assert "file of secrets in python/.env" in finding.message


def test_a_folder_that_terraform_will_pack_is_looked_into_without_what_it_excludes(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        """
        data "archive_file" "code" {
          type        = "zip"
          source_dir  = "${path.module}/code"
          output_path = "${path.module}/build/code.zip"
          excludes    = ["tests/*"]
        }

        resource "aws_lambda_function" "f" {
          function_name = "f"
          role          = "arn:aws:iam::123456789012:role/f"
          filename      = data.archive_file.code.output_path
        }
        """
    )
    (tmp_path / "code" / "tests").mkdir(parents=True)
    (tmp_path / "code" / "tests" / "keys.py").write_text("KEY = 'AKIAIOSFODNN7ZZZZZZZ'\n")
    (tmp_path / "code" / "handler.py").write_text("TOKEN = None\n")
    assert not found("functions/package-secrets", tmp_path)
    (tmp_path / "code" / "handler.py").write_text("KEY = 'AKIAIOSFODNN7ZZZZZZZ'\n")
    (finding,) = found("functions/package-secrets", tmp_path)
    assert "AWS access key in handler.py, line 1" in finding.message


def test_a_zip_that_is_none_is_left_to_the_apply(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(FUNCTION)
    (tmp_path / "f.zip").write_bytes(b"no zip")
    assert not found("functions/package-secrets", tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "correct horse", True), ("DB_PASSWORD", "⟦random_password.db.result⟧", True),
        ("DB_PASSWORD", "⟦var.db_password⟧", True), ("DB_PASSWORD", "⟦aws_secretsmanager_secret.db.arn⟧", False),
        ("DB_PASSWORD", "/prod/db/password", False), ("PASSWORD_PARAMETER", "prod-password", False),
        ("TOKEN_TTL", "900", False), ("SECRET_NAME", "db", False), ("ANY", "AKIAIOSFODNN7ZZZZZZZ", True),
        ("ANY", "AKIAIOSFODNN7EXAMPLE", False), ("PASSWORD", "", False), ("PASSWORD", True, False),
        ("PASSWORD", "{{resolve:secretsmanager:db}}", False),
        ("STRIPE", "⟦data.aws_secretsmanager_secret_version.k.secret_string⟧", True),
    ],
)  # fmt: skip
def test_a_secret_is_told_from_where_it_is_kept(name: str, value: Any, secret: bool) -> None:
    function = resource("aws_lambda_function.f", environment=[{"variables": {name: value}}])
    assert bool(found("functions/environment-secrets", stack(function))) is secret


class Anything(dict[str, Any]):
    """Every attribute is written, and none is known."""

    def get(self, name: str, default: Any = None) -> Any:
        return Unknown(f"var.{name}")


BY_BEING_THERE = {"account/long-lived-keys", "cloudfront/origin-access-control", "network/default-vpc"}


def test_what_nobody_knows_is_neither_missing_nor_wrong() -> None:
    kinds = set()
    for file in RULES.values():
        for fixture in file.file.parent.glob(f"{file.file.stem}.*.tf"):
            kinds |= set(re.findall(r'(?m)^resource "(\w+)"', fixture.read_text()))
    resources = [Resource(f"{kind}.this", "managed", kind, "this", Anything()) for kind in sorted(kinds)]
    for count in (1, 3):
        judged = stack(*resources * count)
        wrong = {(rule, finding.message) for rule, file in RULES.items() for finding in file.find(judged)}
        assert {rule for rule, _ in wrong} <= BY_BEING_THERE, wrong
