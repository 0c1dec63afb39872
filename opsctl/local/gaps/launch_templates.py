"""EC2: a launch template's own tags are not for what it launches. moto writes them into the template's data, too."""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class LaunchTemplates(Gap):
    async def install(self) -> None:
        from moto.ec2.models.launch_templates import LaunchTemplate

        create = LaunchTemplate.create_version

        def create_version(template: Any, data: dict[str, Any], description: str) -> Any:
            launched = [spec for spec in data.get("TagSpecifications", []) if spec["ResourceType"] != "launch-template"]
            data = {key: value for key, value in data.items() if key != "TagSpecifications"}
            return create(template, data | ({"TagSpecifications": launched} if launched else {}), description)

        LaunchTemplate.create_version = create_version
