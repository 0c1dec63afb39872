"""What the emulators lack and AWS has: one module per gap, in the order in which they see a request.

A gap that an emulator closes is deleted, with its test and its line in docs/local-cloud.md.
"""

from __future__ import annotations

from opsctl.local.gaps.gap import Cloud, Gap

GAPS: tuple[type[Gap], ...] = ()

__all__ = ["GAPS", "Cloud", "Gap"]
