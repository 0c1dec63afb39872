"""Terraform for the whole product: where it and its provider come from, how it runs, what it plans and says."""

from opsctl.terraform.binary import TerraformBinary, TerraformNotFound, find_terraform
from opsctl.terraform.plan import Action, Change, Plan
from opsctl.terraform.provider import ProviderChoice, ProviderNotFound, find_provider
from opsctl.terraform.runner import Applied, Terraform

__all__ = [
    "Action",
    "Applied",
    "Change",
    "Plan",
    "ProviderChoice",
    "ProviderNotFound",
    "Terraform",
    "TerraformBinary",
    "TerraformNotFound",
    "find_provider",
    "find_terraform",
]
