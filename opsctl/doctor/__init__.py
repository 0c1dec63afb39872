"""Whether this machine has all that opsctl needs, and how to mend what it lacks."""

from opsctl.doctor.checks import Finding, Status, Subject
from opsctl.doctor.examination import Report, examine, mend

__all__ = ["Finding", "Report", "Status", "Subject", "examine", "mend"]
