"""EC2: a rule that names a group or a prefix list keeps its description. moto keeps those of addresses only."""

from __future__ import annotations

import inspect
from typing import Any

from opsctl.local.gaps.gap import Gap


class SecurityGroupRules(Gap):
    async def install(self) -> None:
        from moto.ec2.models.security_groups import SecurityGroupRule

        initialise = SecurityGroupRule.__init__

        parameters = inspect.signature(initialise)

        def __init__(*arguments: Any, **named: Any) -> None:  # noqa: N807
            initialise(*arguments, **named)
            given = parameters.bind(*arguments, **named).arguments
            given["self"].prefix_list_description = (given.get("prefix_list_id") or {}).get("Description")

        def description(rule: Any) -> str | None:
            text: str | None = rule.ip_range.get("Description") or rule.source_group.get("Description")
            return text or rule.prefix_list_description

        SecurityGroupRule.__init__ = __init__
        SecurityGroupRule.description = property(description)
