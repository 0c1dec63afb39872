"""Prove an environment through its edge."""

from opsctl.smoke.check import Check, Report, Result, Status
from opsctl.smoke.run import CheckEnded, CheckStarted, UnknownCheck, check_names, run
from opsctl.smoke.target import OutputMissing, SmokeTarget

__all__ = [
    "Check",
    "CheckEnded",
    "CheckStarted",
    "OutputMissing",
    "Report",
    "Result",
    "SmokeTarget",
    "Status",
    "UnknownCheck",
    "check_names",
    "run",
]
