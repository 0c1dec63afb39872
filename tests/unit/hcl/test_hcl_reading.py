from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsctl.errors import UsageError
from opsctl.hcl import Unknown
from opsctl.hcl.reading import read_folder, read_roots
from opsctl.policy.rule import ignores_changes

MODULE = """
variable "name" {
  type = string
}
resource "aws_iam_role" "this" {
  name = var.name
}
output "arn" {
  value = aws_iam_role.this.arn
}
"""


def test_count_for_each_and_modules_give_terraforms_addresses(read: Any) -> None:
    configuration = read(
        """
module "m" {
  source   = "./m"
  for_each = toset(["b", "a"])
  name     = each.key
}
resource "aws_sqs_queue" "c" {
  count = 2
  name  = "q${count.index}"
}
resource "aws_sns_topic" "t" {
  for_each = { x = module.m["a"].arn }
  name     = each.value
}
""",
        {"m/main.tf": MODULE},
    )

    assert not configuration.problems
    assert {each.address: each.values["name"] for each in configuration.resources} == {
        "aws_sqs_queue.c[0]": "q0",
        "aws_sqs_queue.c[1]": "q1",
        'aws_sns_topic.t["x"]': '⟦module.m["a"].aws_iam_role.this.arn⟧',
        'module.m["a"].aws_iam_role.this': "a",
        'module.m["b"].aws_iam_role.this': "b",
    }
    assert configuration.modules['module.m["a"]'] == "m"


def test_an_unknown_number_of_instances_is_one_that_stands_for_all(read: Any) -> None:
    configuration = read(
        'variable "names" {\n  type = set(string)\n}\nvariable "on" {\n  type = bool\n}\n'
        'resource "a" "each" {\n  for_each = var.names\n  name = each.key\n}\n'
        'resource "a" "count" {\n  count = var.on ? 1 : 0\n}\n'
        'output "o" {\n  value = a.each["x"].arn\n}\n'
    )

    assert not configuration.problems
    assert [(each.address, each.count_unknown) for each in configuration.resources] == [
        ("a.each[*]", True),
        ("a.count[0]", True),
    ]
    assert configuration.resources[0].values["name"] == "⟦var.names[*]⟧"
    assert configuration.outputs["o"] == "⟦a.each[*].arn⟧"


def test_dynamic_blocks_are_written_out(read: Any) -> None:
    configuration = read(
        """
variable "rules" {
  type = list(string)
}
resource "aws_security_group" "g" {
  ingress {
    from_port = 1
  }
  dynamic "ingress" {
    for_each = { https = 443 }
    iterator = rule
    content {
      from_port   = rule.value
      description = rule.key
    }
  }
  dynamic "egress" {
    for_each = var.rules
    content {
      cidr_blocks = [egress.value]
    }
  }
}
"""
    )

    values = configuration.resources[0].values
    assert values["ingress"] == [{"from_port": 1}, {"from_port": 443, "description": "https"}]
    assert values["egress"] == [{"cidr_blocks": ["⟦var.rules[*]⟧"]}]


def test_override_files_merge(read: Any) -> None:
    files = {
        "main_override.tf": 'resource "a" "b" {\n  x = 2\n  block {\n    new = true\n  }\n}\n',
        "more.tf": 'resource "a" "c" {\n  x = 1\n}\n',
    }
    configuration = read('resource "a" "b" {\n  x = 1\n  y = 1\n  block {\n    old = true\n  }\n}\n', files)

    resource = configuration.at("a.b")
    assert resource is not None
    assert resource.values == {"x": 2, "y": 1, "block": [{"new": True}]}
    assert resource.place_of("x").file == "main_override.tf"
    assert not configuration.problems


def test_a_file_in_json_counts_like_any_other(read: Any) -> None:
    configuration = read(
        files={
            "main.tf.json": json.dumps(
                {
                    "locals": {"name": "x"},
                    "resource": {
                        "aws_iam_policy": {"p": {"name": "${local.name}", "policy": '${jsonencode({"Statement": []})}'}}
                    },
                }
            )
        }
    )

    assert configuration.resources[0].values == {"name": "x", "policy": '{"Statement":[]}'}
    assert not configuration.problems


def test_a_module_from_the_registry_is_said_once_and_its_outputs_are_symbols(read: Any) -> None:
    configuration = read(
        'module "vpc" {\n  source = "terraform-aws-modules/vpc/aws"\n}\nresource "a" "b" {\n  x = module.vpc.vpc_id\n}\n'  # noqa: E501
    )

    (problem,) = configuration.problems
    assert problem.what == "module.vpc comes from the registry: not analysed (run terraform init)."
    assert problem.severe
    assert configuration.resources[0].values["x"] == "⟦module.vpc.vpc_id⟧"


def test_a_module_that_terraform_init_fetched_is_read(read: Any) -> None:
    manifest = json.dumps({"Modules": [{"Key": "", "Dir": "."}, {"Key": "r", "Dir": ".terraform/modules/r"}]})
    configuration = read(
        'module "r" {\n  source = "a/b/aws"\n  name = "x"\n}\n',
        {".terraform/modules/modules.json": manifest, ".terraform/modules/r/main.tf": MODULE},
    )

    assert [each.address for each in configuration.resources] == ["module.r.aws_iam_role.this"]
    assert not configuration.problems


def test_a_module_that_calls_itself_is_a_problem(read: Any) -> None:
    configuration = read('module "m" {\n  source = "./m"\n}\n', {"m/main.tf": 'module "n" {\n  source = "../m"\n}\n'})

    (problem,) = configuration.problems
    assert "a cycle of modules" in problem.what


def test_a_malformed_file_is_said_with_its_line_and_the_others_stand(read: Any) -> None:
    configuration = read('resource "a" "b" {\n  x = \n}\n', {"other.tf": 'resource "a" "c" {\n  x = 1\n}\n'})

    assert configuration.at("a.c") is not None
    severe = [problem for problem in configuration.problems if problem.severe]
    assert severe
    assert severe[0].place.file == "main.tf"
    assert severe[0].place.line in (2, 3)


def test_a_folder_named_like_a_file_of_terraform_is_passed_over_and_a_broken_link_is_said(
    read: Any, tmp_path: Path
) -> None:
    (tmp_path / "folder.tf").mkdir()
    assert not read('resource "a" "b" {}\n').problems

    (tmp_path / "link.tf").symlink_to(tmp_path / "nowhere")
    (problem,) = read('resource "a" "b" {}\n').problems
    assert problem.severe
    assert problem.place.file == "link.tf"


def test_no_folder_and_no_terraform_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(UsageError, match=r"no \.tf files"):
        read_folder(tmp_path)


def test_each_module_of_a_folder_that_no_other_calls_is_read_on_its_own(tmp_path: Path) -> None:
    for name in ("dev", "prod"):
        (tmp_path / "envs" / name).mkdir(parents=True)
        (tmp_path / "envs" / name / "main.tf").write_text(
            f'resource "a" "b" {{\n  x = "{name}"\n}}\nmodule "m" {{\n  source = "../../shared"\n}}\n'
        )
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "main.tf").write_text('resource "a" "in_module" {}\n')

    roots = read_roots(tmp_path)

    assert [(each.root, each.at("a.b").values["x"]) for each in roots] == [("envs/dev", "dev"), ("envs/prod", "prod")]
    assert [len(each.resources) for each in roots] == [2, 2]
    assert [each.root for each in read_roots(tmp_path / "envs" / "dev")] == [""]
    with pytest.raises(UsageError, match="2 root modules"):
        read_folder(tmp_path)


def test_a_configuration_can_be_given_to_another_process(read: Any) -> None:
    configuration = read('resource "a" "b" {\n  x = a.c.arn\n}\nresource "a" "c" {}\n')

    given = pickle.loads(pickle.dumps(configuration))

    assert given.at("a.b").place_of("x").line == 2
    assert given.references == {"a.b.x": ("a.c",)}


def test_a_resource_may_have_a_source_and_a_version_of_its_own(read: Any) -> None:
    configuration = read('resource "a" "b" {\n  source = "x"\n  version = "1"\n  providers = ["p"]\n}\n')

    assert configuration.resources[0].values == {"source": "x", "version": "1", "providers": ["p"]}
    assert configuration.resources[0].places["source"].line == 2


def test_providers_and_their_default_tags_are_kept(read: Any) -> None:
    configuration = read(
        'provider "aws" {\n  alias = "us"\n  region = "us-east-1"\n  default_tags {\n    tags = { Owner = "me" }\n  }\n}\n'  # noqa: E501
    )

    assert configuration.providers["aws.us"]["default_tags"] == [{"tags": {"Owner": "me"}}]


def test_what_a_plan_knows_comes_before_a_symbol(read: Any) -> None:
    configuration = read(
        'resource "a" "b" {}\nresource "a" "c" {\n  x = a.b.arn\n}\n', known={"a.b": {"arn": "arn:aws:x:::b"}}
    )

    assert configuration.at("a.c").values["x"] == "arn:aws:x:::b"


def test_blocks_that_are_not_resources_do_not_disturb(read: Any) -> None:
    configuration = read(
        'terraform {\n  required_version = "> 1"\n}\nmoved {\n  from = a.x\n  to = a.b\n}\nimport {\n  to = a.b\n  id = "i"\n}\n'  # noqa: E501
        'check "c" {\n  assert {\n    condition = data.x.y.z\n    error_message = "e"\n  }\n}\nremoved {\n  from = a.z\n}\n'  # noqa: E501
        'resource "a" "b" {\n  depends_on = [a.c]\n  lifecycle {\n    prevent_destroy = true\n    ignore_changes = [tags]\n  }\n'  # noqa: E501
        '  provisioner "local-exec" {\n    command = "x"\n  }\n}\nresource "a" "c" {}\n'
    )

    assert not configuration.problems
    assert configuration.at("a.b").values == {"lifecycle": [{"prevent_destroy": True, "ignore_changes": ["tags"]}]}


def test_moved_blocks_say_what_an_address_was_before(read: Any) -> None:
    moved = 'moved {\n  from = a.x\n  to = a.b["k"]\n}\nmoved {\n  from = a.y[0]\n  to = module.m.a.b\n}\n'
    module = json.dumps({"moved": [{"from": "a.old", "to": "a.new"}]})
    configuration = read(f'{moved}module "m" {{\n  source = "./m"\n}}\n', {"m/main.tf.json": module})

    assert configuration.moved == {
        'a.b["k"]': "a.x", "module.m.a.b": "a.y[0]", "module.m.a.new": "module.m.a.old",
    }  # fmt: skip


def test_what_a_lifecycle_ignores_is_kept_also_where_json_says_it(read: Any) -> None:
    block = {"x": "1", "lifecycle": {"ignore_changes": ["x"]}}
    configuration = read(files={"main.tf.json": json.dumps({"resource": {"a": {"b": block}}})})

    assert ignores_changes(configuration.at("a.b"), "x")
    assert not ignores_changes(configuration.at("a.b"), "y")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_file_holds_reading_ends_with_a_configuration(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "main.tf").write_bytes(b'resource "a" "b" {\n  x = ' + data + b"\n}\n")
    (tmp_path / "other.tf").write_text('resource "a" "sound" {\n  x = 1\n}\n')

    configuration = read_folder(tmp_path)

    assert configuration.at("a.sound") is not None
    for resource in configuration.resources:
        len(resource.places)
    len(configuration.references)


def test_the_whole_stack_of_this_repository_is_read_without_a_hole() -> None:
    root = Path(__file__).parents[3]
    configuration = read_folder(
        root / "terraform" / "stack", var_files=[root / "terraform" / "environments" / "local.tfvars"], names=root
    )

    assert not configuration.problems
    assert len(configuration.resources) > 700
    for policy in configuration.of_type("aws_iam_role_policy"):
        assert not isinstance(policy.values["policy"], Unknown), policy.address
        assert json.loads(policy.values["policy"])["Statement"]
