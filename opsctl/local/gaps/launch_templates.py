"""EC2: what a launch template says of its instances, and its versions.

Its own tags are not for what it launches: moto writes them into the template's data, too. The security groups of its
network interface are for what it launches, and the interface goes with the instance: moto does neither. A new version
begins with what its source version says, versions can be deleted and keep their numbers, and a template may have more
than 15: moto drops SourceVersion, can't delete, and lists no more.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap

PAGE = 200
"""DescribeLaunchTemplateVersions: MaxResults is 1 to 200."""


class LaunchTemplates(Gap):
    async def install(self) -> None:
        from moto.ec2.models.instances import Instance, InstanceBackend
        from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateBackend
        from moto.ec2.responses import launch_templates as answers
        from moto.ec2.utils import parse_user_data

        create, run, prepare = LaunchTemplate.create_version, InstanceBackend.run_instances, Instance.prep_nics

        def create_version(template: Any, data: dict[str, Any], description: str) -> Any:
            launched = [spec for spec in data.get("TagSpecifications", []) if spec["ResourceType"] != "launch-template"]
            data = {key: value for key, value in data.items() if key != "TagSpecifications"}
            if isinstance(data.get("UserData"), str):
                data["UserData"] = parse_user_data(data["UserData"])
            version = create(template, data | ({"TagSpecifications": launched} if launched else {}), description)
            template.opsctl_last_version = version.number = getattr(template, "opsctl_last_version", 0) + 1
            return version

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

        describe = LaunchTemplateBackend.describe_launch_template_versions

        def describe_versions(backend: Any, template_name: str, template_id: str, versions: list[str],
                              min_version: int, max_version: int, max_results: int) -> Any:  # fmt: skip
            if versions or not (template_name or template_id):
                return describe(backend, template_name, template_id, versions, 0, 0, max_results)
            template = _template(backend, template_name, template_id)
            low, high = min_version or 1, max_version or template.opsctl_last_version
            return [(template, one) for one in reversed(template.versions) if low <= one.number <= high][:max_results]

        LaunchTemplate.create_version = create_version
        LaunchTemplate.get_version = _version
        LaunchTemplate.default_version = lambda template: _version(template, template.default_version_number)
        LaunchTemplateBackend.describe_launch_template_versions = describe_versions
        answers.LaunchTemplates.create_launch_template_version = _create
        answers.LaunchTemplates.delete_launch_template_versions = _delete
        answers.LaunchTemplates.describe_launch_template_versions = _describe
        InstanceBackend.run_instances = run_instances
        Instance.prep_nics = prep_nics


def _version(template: Any, number: Any) -> Any:
    """A version by its number, $Latest or $Default; InvalidLaunchTemplateId.VersionNotFound where there is none."""
    from moto.ec2.exceptions import InvalidLaunchTemplateVersionNotFound

    asked = str(number).lower()
    if asked == "$latest":
        return template.versions[-1]
    wanted = str(template.default_version_number) if asked == "$default" else asked
    found = next((one for one in template.versions if str(one.number) == wanted), None)
    if found is None:
        raise InvalidLaunchTemplateVersionNotFound(template_id=template.id, version=number)
    return found


def _create(response: Any) -> Any:
    """CreateLaunchTemplateVersion: what the source version says, and over it what the request says."""
    from moto.core.responses import ActionResult

    template = _asked(response)
    source, data = response._get_param("SourceVersion"), response._get_param("LaunchTemplateData", {})
    inherited = dict(template.get_version(source).data) if source else {}
    response.error_on_dryrun()
    version = template.create_version(inherited | data, response._get_param("VersionDescription"))
    return ActionResult({"LaunchTemplateVersion": _told(response, template, version)})


def _delete(response: Any) -> Any:
    """DeleteLaunchTemplateVersions: each by itself; the default version stays."""
    from moto.core.responses import ActionResult

    template = _asked(response)
    response.error_on_dryrun()
    deleted, refused = [], []
    for number in response._get_param("Versions", []):
        about: dict[str, Any] = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name}
        about["VersionNumber"] = int(number)
        found = next((one for one in template.versions if one.number == int(number)), None)
        if found is None:
            code, message = "launchTemplateVersionDoesNotExist", f"The version {number} does not exist."
        elif template.is_default(found):
            code, message = "unexpectedError", "The default version of a launch template cannot be deleted."
        else:
            template.versions.remove(found)
            deleted.append(about)
            continue
        refused.append(about | {"ResponseError": {"Code": code, "Message": message}})
    return ActionResult(
        {
            "SuccessfullyDeletedLaunchTemplateVersions": deleted,
            "UnsuccessfullyDeletedLaunchTemplateVersions": refused,
        }
    )


def _describe(response: Any) -> Any:
    """DescribeLaunchTemplateVersions, in pages; the newest first where none is named."""
    from moto.core.responses import ActionResult

    response.error_on_dryrun()
    found = response.ec2_backend.describe_launch_template_versions(
        template_name=response._get_param("LaunchTemplateName"),
        template_id=response._get_param("LaunchTemplateId"),
        versions=response._get_param("Versions", []),
        min_version=response._get_int_param("MinVersion"),
        max_version=response._get_int_param("MaxVersion"),
        max_results=None,
    )
    first, size = int(response._get_param("NextToken") or 0), response._get_int_param("MaxResults") or PAGE
    told = [_told(response, template, version) for template, version in found[first : first + size]]
    more = {"NextToken": str(first + size)} if len(found) > first + size else {}
    return ActionResult({"LaunchTemplateVersions": told} | more)


def _told(response: Any, template: Any, version: Any) -> dict[str, Any]:
    return {
        "CreateTime": version.create_time,
        "CreatedBy": f"arn:{response.partition}:iam::{response.current_account}:root",
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": version.data,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionDescription": version.description,
        "VersionNumber": version.number,
    }


def _asked(response: Any) -> Any:
    name, template_id = response._get_param("LaunchTemplateName"), response._get_param("LaunchTemplateId")
    return _template(response.ec2_backend, name, template_id)


def _template(backend: Any, name: str | None, template_id: str | None) -> Any:
    return backend.get_launch_template_by_name(name) if name else backend.get_launch_template(template_id)
