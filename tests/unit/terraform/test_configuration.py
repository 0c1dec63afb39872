"""What belongs to a stack, and what makes `init` necessary."""

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
