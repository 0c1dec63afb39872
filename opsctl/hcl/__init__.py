"""Terraform's language, read without Terraform: what each resource says, as far as it can be known."""

from opsctl.hcl.configuration import Configuration, Problem, Resource
from opsctl.hcl.symbols import Some, Unknown, is_symbolic, symbol, symbols_in

__all__ = ["Configuration", "Problem", "Resource", "Some", "Unknown", "is_symbolic", "symbol", "symbols_in"]
