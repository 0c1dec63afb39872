"""What belongs to a stack, and what makes `init` necessary."""

import shutil

import pytest

from opsctl.terraform.configuration import configuration_sha256, init_sha256, locked_version, module_folders

MAIN = 'module "a" {\n  source = "../modules/a"\n  size   = 1\n}\n'


@pytest.fixture
def stack(tmp_path):
    for folder, code in (
        ("stack", MAIN), ("modules/a", 'module "b" {\n  source = "../b"\n}\n'),
        ("modules/b", 'module "a" {\n  source = "../a"\n}\n'), ("modules/unused", ""),
    ):  # fmt: skip
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "main.tf").write_text(code)
    return tmp_path / "stack"


def test_local_modules_are_found_through_each_other_and_circles_end(stack):
    assert [folder.name for folder in module_folders(stack)] == ["a", "b", "stack"]


@pytest.mark.parametrize(
    ("old", "new", "needs_init"),
    [
        ("size   = 1", "size   = 2", False),
        ('"../modules/a"', '"../modules/unused"', True),
        ('module "a"', 'module "renamed"', True),
        ("size   = 1", 'version = "~> 2.0"', True),
    ],
)
def test_only_modules_and_versions_make_init_necessary(stack, old, new, needs_init):
    init, code = init_sha256(stack), configuration_sha256(stack)
    (stack / "main.tf").write_text(MAIN.replace(old, new))
    assert (init_sha256(stack) != init) is needs_init
    assert configuration_sha256(stack) != code


def test_settings_and_the_lock_file_make_init_necessary_too(stack):
    before = init_sha256(stack, "bucket")
    assert init_sha256(stack, "other bucket") != before
    (stack / ".terraform.lock.hcl").write_text("x")
    assert init_sha256(stack, "bucket") != before


def test_a_variables_file_is_part_of_the_configuration(stack, tmp_path):
    variables = tmp_path / "x.tfvars"
    variables.write_text("a = 1")
    before = configuration_sha256(stack, [variables])
    variables.write_text("a = 2")
    assert configuration_sha256(stack, [variables]) != before


def test_the_locked_version_of_the_provider_is_read(stack):
    assert locked_version(stack) == ""
    (stack / ".terraform.lock.hcl").write_text(
        '# made by terraform init\nprovider "registry.terraform.io/hashicorp/aws" {\n  version     = "5.100.0"\n}\n'
    )
    assert locked_version(stack) == "5.100.0"


def test_the_fingerprint_is_the_same_wherever_the_checkout_lies(stack, tmp_path):
    variables = tmp_path / "prod.tfvars"
    variables.write_text("size = 1\n")
    here = configuration_sha256(stack, [variables])
    elsewhere = tmp_path / "another/place"
    shutil.copytree(tmp_path / "stack", elsewhere / "stack")
    shutil.copytree(tmp_path / "modules", elsewhere / "modules")
    shutil.copy(variables, elsewhere)
    assert configuration_sha256(elsewhere / "stack", [elsewhere / "prod.tfvars"]) == here


@pytest.mark.parametrize(
    ("file", "decides"),
    [
        ("modules/a/policy.json", True),
        ("modules/a/templates/user_data.sh.tftpl", True),
        ("modules/a/functions/thumbnail/handler.py", True),
        ("modules/a/functions/thumbnail/__init__.py", True),
        ("stack/extra.auto.tfvars", True),
        ("modules/unused/main.tf", False),
        ("modules/a/README.md", False),
        ("modules/a/tests/rules.tftest.hcl", False),
        ("modules/a/app/target/app.jar", False),
        ("modules/a/functions/thumbnail/__pycache__/handler.pyc", False),
        ("stack/.terraform.lock.hcl", False),
        ("stack/terraform.tfstate.backup", False),
    ],
)
def test_what_decides_what_an_apply_does_is_in_the_fingerprint_and_nothing_else(stack, file, decides):
    before = configuration_sha256(stack)
    path = stack.parent / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff another")
    assert (configuration_sha256(stack) != before) is decides


def test_what_one_file_loses_another_can_not_gain(stack):
    (stack / "a.json").write_text("1")
    (stack / "b.json").write_text("")
    before = configuration_sha256(stack)
    (stack / "a.json").write_text("")
    (stack / "b.json").write_text("1")
    assert configuration_sha256(stack) != before
