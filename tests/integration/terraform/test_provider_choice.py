"""The chosen provider is the one that Terraform takes, whatever an earlier choice left in the lock file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from opsctl.terraform import find_provider
from opsctl.terraform.configuration import LOCK_FILE, locked_version
from opsctl.terraform.failures import ProviderUnavailable
from opsctl.terraform.mirrors import SOURCE

STACK = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}
"""


@pytest.fixture
def provider(tmp_path):
    """A provider that this machine has, as `make demo` needs one too (opsctl doctor --fix gets one)."""
    return find_provider(cache=tmp_path / "cache", make=False)


def test_another_version_in_the_lock_file_gives_way_to_the_choice(place, provider):
    place.write(STACK)
    (place.stack / LOCK_FILE).write_text(
        f'provider "{SOURCE}" {{\n  version     = "6.0.0"\n  constraints = ">= 5.100.0, < 7.0.0"\n}}\n'
    )
    terraform = place.terraform(provider=provider)
    assert terraform.init()
    assert locked_version(place.stack) == provider.version
    assert not terraform.init()
    assert terraform.validate() == []


def test_init_runs_again_when_the_provider_it_links_to_is_gone(place, provider):
    place.write(STACK)
    terraform = place.terraform(provider=provider)
    terraform.init()
    [link] = (place.work / "terraform" / "providers" / SOURCE / provider.version).iterdir()
    link.unlink()
    link.symlink_to("/nonexistent")
    assert terraform.init()
    assert link.exists()


def test_a_package_with_another_checksum_is_refused_with_what_to_do(place, provider):
    place.write(STACK)
    place.terraform(provider=provider).init()
    lock = place.stack / LOCK_FILE
    lock.write_text(re.sub(r'"h1:.{5}', '"h1:AAAAA', lock.read_text()))
    shutil.rmtree(place.work)
    with pytest.raises(ProviderUnavailable, match="checksums") as caught:
        place.terraform(provider=provider).init()
    assert caught.value.next.endswith(f"rm {lock}")
    lock.unlink()
    assert place.terraform(provider=provider).init()
    assert Path(provider.cli_config).is_file()
