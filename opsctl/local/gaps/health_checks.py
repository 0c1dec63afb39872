"""Route 53: a health check keeps its regions and its children. MiniStack reads one level too deep and keeps nulls."""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class HealthChecks(Gap):
    async def install(self) -> None:
        from ministack.services import route53

        parse = route53._parse_health_check_config

        def parse_config(element: Any) -> dict[str, Any]:
            config: dict[str, Any] = parse(element)
            for field, member in (("Regions", "Region"), ("ChildHealthChecks", "ChildHealthCheck")):
                if field in config:
                    parent = route53._find(element, field)
                    config[field] = [child.text for child in route53._findall(parent, member)]
            return config

        route53._parse_health_check_config = parse_config
