"""The launch template of the service: which artifact a version of it runs, and the next version.

terraform/modules/service/README.md says how Terraform and deploys share it: a deploy changes one line of the user data.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import NotFound
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws

LINE = re.compile(r"^ARTIFACT_SHA256='([^'\n]*)'$", re.MULTILINE)


class TemplateUnclear(OpsctlError):
    """The launch template's user data does not say once which artifact runs."""


@dataclass(frozen=True)
class TemplateVersion:
    """One version of a launch template.

    Attributes:
        user_data: as text.
    """

    template_id: str
    number: int
    description: str
    image_id: str
    user_data: str

    @property
    def artifact(self) -> str:
        """SHA-256 of what its instances run.

        Raises:
            TemplateUnclear
        """
        lines = LINE.findall(self.user_data)
        if len(lines) != 1:
            raise TemplateUnclear(
                f"The user data has {len(lines)} lines ARTIFACT_SHA256='…', not one.",
                where=f"{self.template_id} version {self.number}", next="Compare terraform/modules/service/README.md.",
            )  # fmt: skip
        return str(lines[0])

    def with_artifact(self, sha256: str) -> str:
        """Its user data with that line changed and nothing else."""
        assert self.artifact
        return LINE.sub(f"ARTIFACT_SHA256='{sha256}'", self.user_data)


class LaunchTemplate:
    """One launch template of one account and region (EC2 API Reference)."""

    def __init__(self, aws: Aws, template_id: str) -> None:
        self._aws, self.id = aws, template_id

    def default(self) -> TemplateVersion:
        """The version that the group runs and scale-outs take up."""
        return self._versions(Versions=["$Default"])[0]

    def version(self, number: int) -> TemplateVersion | None:
        """One version; None when it is not there."""
        try:
            return next(iter(self._versions(Versions=[str(number)])), None)
        except NotFound:
            return None

    def twin(self, source: TemplateVersion, sha256: str) -> TemplateVersion | None:
        """The newest version after `source` that runs `sha256` and is else like it: a process that died made it."""
        wanted = source.with_artifact(sha256)
        later = [one for one in self._versions() if one.number > source.number and one.user_data == wanted]
        return max(later, key=lambda one: one.number, default=None)

    def create(self, source: TemplateVersion, sha256: str, *, token: str) -> int:
        """Make a version like `source` that runs `sha256`; its number. The same token makes it once."""
        user_data = base64.b64encode(source.with_artifact(sha256).encode()).decode()
        made = self._aws.call(
            "ec2", "create_launch_template_version", LaunchTemplateId=self.id, SourceVersion=str(source.number),
            VersionDescription=source.description, LaunchTemplateData={"UserData": user_data}, ClientToken=token,
        )["LaunchTemplateVersion"]  # fmt: skip
        return int(made["VersionNumber"])

    def make_default(self, number: int) -> None:
        self._aws.call("ec2", "modify_launch_template", LaunchTemplateId=self.id, DefaultVersion=str(number))

    def delete(self, number: int) -> None:
        """Delete a version; fine if it is gone.

        Raises:
            OpsctlError: AWS keeps it (it is the default one).
        """
        if self.version(number) is None:
            return
        answer = self._aws.call(
            "ec2", "delete_launch_template_versions", LaunchTemplateId=self.id, Versions=[str(number)]
        )
        if kept := answer.get("UnsuccessfullyDeletedLaunchTemplateVersions"):
            raise OpsctlError(
                f"AWS keeps version {number} of the launch template: {kept[0]['ResponseError'].get('Message')}",
                where=self.id,
            )

    def _versions(self, **which: Any) -> list[TemplateVersion]:
        found = self._aws.pages(
            "ec2", "describe_launch_template_versions", "LaunchTemplateVersions[]", LaunchTemplateId=self.id, **which
        )
        return [_of_api(one) for one in found]


def _of_api(version: dict[str, Any]) -> TemplateVersion:
    data = version["LaunchTemplateData"]
    return TemplateVersion(
        version["LaunchTemplateId"], int(version["VersionNumber"]), version.get("VersionDescription", ""),
        data.get("ImageId", ""), base64.b64decode(data.get("UserData", "")).decode(),
    )  # fmt: skip
