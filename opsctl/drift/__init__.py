"""Drift: what was changed outside of Terraform, told from what only looks different, with who did it and when."""

from opsctl.drift.findings import Difference, Finding, classify, findings_in
from opsctl.drift.refreshed import Instance, Refreshed, read_refreshed

__all__ = ["Difference", "Finding", "Instance", "Refreshed", "classify", "findings_in", "read_refreshed"]
