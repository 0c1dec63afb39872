"""One viewer's request on its way through the edge, for the layers that see only a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

ORIGIN_FACING = "130.176.0.1"
"""Where CloudFront's own requests come from: an address of AWS's CLOUDFRONT_ORIGIN_FACING ranges (ip-ranges.json)."""


@dataclass
class Viewing:
    """A request to a distribution.

    Attributes:
        request_id: X-Amz-Cf-Id, for the viewer, the origin and the firewall's log.
        config: the distribution's, as the data plane reads it.
        headers: the viewer's, names in lower case.
        outcome: what the cache did; empty until it was asked.
    """

    request_id: str
    distribution: str
    config: Mapping[str, Any]
    path: str
    raw_path: str
    headers: Mapping[str, str]
    address: str
    country: str
    https: bool
    outcome: str = ""


VIEWING: ContextVar[Viewing | None] = ContextVar("viewing", default=None)
