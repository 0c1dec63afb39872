"""RDS: a parameter that was set says that its source is `user`. moto leaves that out, so that it reads as unset."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opsctl.local.gaps.gap import Gap


class ParameterGroups(Gap):
    async def install(self) -> None:
        from moto.rds.models import DBParameterGroup

        update = DBParameterGroup.update_parameters

        def update_parameters(group: Any, parameters: Iterable[dict[str, Any]]) -> None:
            update(group, [{**parameter, "Source": "user"} for parameter in parameters])

        DBParameterGroup.update_parameters = update_parameters
