"""What a check has to say, on the line where it can be mended: one shape for IAM and policies. Pure."""

from opsctl.findings.finding import NOWHERE, Finding, Place, Report, Rule, Severity

__all__ = ["NOWHERE", "Finding", "Place", "Report", "Rule", "Severity"]
