"""Code against policy: what functions, state machines and triggers call, and what their roles are granted."""

from opsctl.iam.code.comparing import CHECKS

__all__ = ["CHECKS"]
