"""Finding SQL injection, cross-site scripting and what the OWASP core rule set knows: a Go program beside ours."""

from opsctl.waf.detector.build import Availability, availability, build
from opsctl.waf.detector.client import AttackDetector, NoDetector

__all__ = ["AttackDetector", "Availability", "NoDetector", "availability", "build"]
