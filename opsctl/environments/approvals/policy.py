"""What an environment asks of approvals; apart from `approvals`, so that parsing an environment needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ApprovalPolicy:
    """How many people have to agree to a plan before it is applied.

    Attributes:
        required: number of different people; 0 asks for no approval.
        other_than_requester: neither who made the plan nor who applies it counts.
        minutes: how long an approval holds at most.
    """

    required: int = 0
    other_than_requester: bool = True
    minutes: int = 60
