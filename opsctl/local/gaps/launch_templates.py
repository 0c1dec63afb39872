"""EC2: what a launch template says of its instances.

Its own tags are not for what it launches: moto writes them into the template's data, too. The security groups of its
network interface are for what it launches, and the interface goes with the instance: moto does neither.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class LaunchTemplates(Gap):
    async def install(self) -> None:
        from moto.ec2.models.instances import Instance, InstanceBackend
        from moto.ec2.models.launch_templates import LaunchTemplate

        create, run, prepare = LaunchTemplate.create_version, InstanceBackend.run_instances, Instance.prep_nics

        def create_version(template: Any, data: dict[str, Any], description: str) -> Any:
            launched = [spec for spec in data.get("TagSpecifications", []) if spec["ResourceType"] != "launch-template"]
            data = {key: value for key, value in data.items() if key != "TagSpecifications"}
            return create(template, data | ({"TagSpecifications": launched} if launched else {}), description)

        def run_instances(
            backend: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **named: Any
        ) -> Any:
            template = named.get("launch_template")
            if template and not security_group_names and not named.get("security_group_ids"):
                data = backend._get_template_from_args(template).data
                interfaces = data.get("NetworkInterfaces") or []
                security_group_names = [group for interface in interfaces for group in interface.get("Groups") or []]
            return run(backend, image_id, count, user_data, security_group_names, **named)

        def prep_nics(instance: Any, interfaces: list[dict[str, Any]], *arguments: Any, **named: Any) -> None:
            prepare(instance, interfaces, *arguments, **named)
            brought = {interface.get("NetworkInterfaceId") for interface in interfaces}
            for interface in instance.nics.values():
                if interface.id not in brought:
                    interface.delete_on_termination = True

        LaunchTemplate.create_version = create_version
        InstanceBackend.run_instances = run_instances
        Instance.prep_nics = prep_nics
