"""CodeCommit: commits and branches by its API, and triggers that call functions and topics for them.

moto keeps the names of repositories, with dates that SDKs can't read. Here are their content
(`opsctl.local.repositories`), their tags and their triggers. Nobody can push by git: there is no git server behind
cloneUrlHttp.

Source of the event: Lambda developer guide, "Using Lambda with AWS CodeCommit"; CodeCommit user guide, "Manage triggers
for a repository".
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from opsctl.clock import Clock, SystemClock
from opsctl.local.destinations import to_function, to_topic
from opsctl.local.emulators import in_moto
from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Cloud, Gap
from opsctl.local.repositories import Author, Change, Commit, Refused, Repository

TARGET = "CodeCommit_20150413."
FORWARDED = ("CreateRepository", "GetRepository", "DeleteRepository")


@dataclass
class Kept:
    """What there is of one repository beside moto's record."""

    content: Repository = field(default_factory=Repository)
    triggers: list[dict[str, Any]] = field(default_factory=list)
    configuration_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One call: what was asked, of which repository, by whom."""

    asked: Mapping[str, Any]
    kept: Kept
    arn: str
    account: str
    region: str


class CodecommitTriggers(Gap):
    def __init__(self, cloud: Cloud, clock: Clock | None = None) -> None:
        super().__init__(cloud)
        self._clock = clock or SystemClock()
        self._kept: dict[str, Kept] = {}
        self._actions: dict[str, Callable[[Call], tuple[dict[str, Any], list[Change]]]] = {
            "CreateCommit": self._create_commit,
            "PutFile": self._put_file,
            "CreateBranch": self._create_branch,
            "DeleteBranch": self._delete_branch,
            "GetBranch": self._get_branch,
            "ListBranches": lambda call: ({"branches": sorted(call.kept.content.branches)}, []),
            "GetRepositoryTriggers": self._triggers,
            "PutRepositoryTriggers": self._put_triggers,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": lambda call: ({"tags": call.kept.tags}, []),
        }

    def wants(self, request: Request) -> bool:
        action = request.headers.get("x-amz-target", "").removeprefix(TARGET)
        return request.service == "codecommit" and action in {
            *self._actions, "TestRepositoryTriggers", *FORWARDED
        }  # fmt: skip

    async def answer(self, request: Request, forward: Handler) -> Response:
        action, asked = request.headers["x-amz-target"].removeprefix(TARGET), request.json()
        account, region = self.cloud.account_of(request), request.region
        arn = asked.get("resourceArn") or f"arn:aws:codecommit:{region}:{account}:{asked.get('repositoryName')}"
        if action in FORWARDED:
            return self._forwarded(action, asked, arn, await forward(request))
        if arn not in self._kept:
            return _refused("RepositoryDoesNotExistException", f"{arn.rpartition(':')[2]} does not exist")
        call = Call(asked, self._kept[arn], arn, account, region)
        if action == "TestRepositoryTriggers":
            return await self._test(call)
        try:
            answer, changes = self._actions[action](call)
        except Refused as refusal:
            return _refused(refusal.code, str(refusal))
        for change in changes:
            for trigger in call.kept.triggers:
                if _concerns(trigger, change):
                    await self._fire(call, trigger, "ReferenceChanges", [_reference(change)])
        return json_response(200, answer)

    def _forwarded(self, action: str, asked: Mapping[str, Any], arn: str, response: Response) -> Response:
        if response.status != 200:
            return response
        if action == "DeleteRepository":
            self._kept.pop(arn, None)
            return response
        if action == "CreateRepository":
            self._kept[arn] = Kept(tags=dict(asked.get("tags") or {}))
        answer = response.json()
        described = answer["repositoryMetadata"]
        for moment in ("creationDate", "lastModifiedDate"):
            described[moment] = datetime.fromisoformat(described[moment]).timestamp()
        return response.with_json(answer)

    def _create_commit(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        asked = call.asked
        put = {file["filePath"]: base64.b64decode(file.get("fileContent", "")) for file in asked.get("putFiles") or ()}
        delete = frozenset(file["filePath"] for file in asked.get("deleteFiles") or ())
        made, change = self._commit(call, put, delete, asked.get("parentCommitId"), asked.get("authorName"))
        answer = {"commitId": made.id, "treeId": made.tree_id, "filesAdded": [], "filesUpdated": [], "filesDeleted": []}
        return answer, [change]

    def _put_file(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        content = base64.b64decode(call.asked["fileContent"])
        path = call.asked["filePath"]
        made, change = self._commit(
            call, {path: content}, frozenset(), call.asked.get("parentCommitId"), call.asked.get("name")
        )
        return {"commitId": made.id, "blobId": made.files[path], "treeId": made.tree_id}, [change]

    def _commit(
        self, call: Call, put: Mapping[str, bytes], delete: frozenset[str], parent: str | None, name: str | None
    ) -> tuple[Commit, Change]:
        call.kept.content, made, change = call.kept.content.commit(
            call.asked["branchName"], parent=parent, put=put, delete=delete, now=self._clock.now(),
            author=Author(name or Author.name, call.asked.get("email") or Author.email),
            message=call.asked.get("commitMessage") or "",
        )  # fmt: skip
        self._note_default_branch(call)
        return made, change

    def _note_default_branch(self, call: Call) -> None:
        record = in_moto("codecommit", call.account, call.region).repositories[call.arn.rpartition(":")[2]]
        record.repository_metadata.setdefault("defaultBranch", call.asked["branchName"])

    def _create_branch(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        call.kept.content, change = call.kept.content.create_branch(call.asked["branchName"], call.asked["commitId"])
        return {}, [change]

    def _delete_branch(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        call.kept.content, change = call.kept.content.delete_branch(call.asked["branchName"])
        if change is None:
            return {}, []
        return {"deletedBranch": {"branchName": change.branch, "commitId": change.before}}, [change]

    def _get_branch(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        name = call.asked["branchName"]
        head = call.kept.content.branches.get(name)
        if head is None:
            raise Refused("BranchDoesNotExistException", f"{name} does not exist.")
        return {"branch": {"branchName": name, "commitId": head}}, []

    def _triggers(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        return {"configurationId": call.kept.configuration_id, "triggers": call.kept.triggers}, []

    def _put_triggers(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        call.kept.triggers = [{"branches": [], **trigger} for trigger in call.asked["triggers"]]
        call.kept.configuration_id = str(uuid.uuid4())
        return {"configurationId": call.kept.configuration_id}, []

    def _tag(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        call.kept.tags |= call.asked["tags"]
        return {}, []

    def _untag(self, call: Call) -> tuple[dict[str, Any], list[Change]]:
        for key in call.asked["tagKeys"]:
            call.kept.tags.pop(key, None)
        return {}, []

    async def _test(self, call: Call) -> Response:
        """TestRepositoryTriggers: calls each trigger with a made-up event, and says which took it."""
        done, failed = [], []
        for trigger in call.asked["triggers"]:
            head = next(iter(call.kept.content.branches.items()), ("main", "0" * 40))
            answer = await self._fire(
                call, trigger, "TriggerEventTest", [{"commit": head[1], "ref": f"refs/heads/{head[0]}"}]
            )
            if answer.status < 300:
                done.append(trigger["name"])
            else:
                failed.append(
                    {"trigger": trigger["name"], "failureMessage": answer.body[:300].decode("utf-8", "replace")}
                )
        return json_response(200, {"successfulExecutions": done, "failedExecutions": failed})

    async def _fire(
        self, call: Call, trigger: Mapping[str, Any], event_name: str, references: list[dict[str, Any]]
    ) -> Response:
        event = event_of(
            call.arn, trigger, references, event_name=event_name, now=self._clock.now(),
            configuration_id=call.kept.configuration_id, account=call.account, region=call.region,
        )  # fmt: skip
        destination = trigger["destinationArn"]
        if destination.split(":")[2] == "sns":
            return await self.cloud.handle(to_topic(destination, event, call.account, call.region, ""))
        return await self.cloud.handle(to_function(destination, event, call.account, call.region, ""))


def event_of(
    arn: str, trigger: Mapping[str, Any], references: list[dict[str, Any]], *, event_name: str, now: datetime,
    configuration_id: str, account: str, region: str,
) -> dict[str, Any]:  # fmt: skip
    """What a trigger's destination gets."""
    record: dict[str, Any] = {
        "awsRegion": region,
        "codecommit": {"references": references},
        "eventId": str(uuid.uuid4()),
        "eventName": event_name,
        "eventPartNumber": 1,
        "eventSource": "aws:codecommit",
        "eventSourceARN": arn,
        "eventTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}+0000",
        "eventTotalParts": 1,
        "eventTriggerConfigId": configuration_id,
        "eventTriggerName": trigger["name"],
        "eventVersion": "1.0",
        "userIdentityARN": f"arn:aws:iam::{account}:root",
    }
    if trigger.get("customData"):
        record["customData"] = trigger["customData"]
    return {"Records": [record]}


def _concerns(trigger: Mapping[str, Any], change: Change) -> bool:
    kind = (
        "createReference" if change.before is None else "deleteReference" if change.after is None else "updateReference"
    )
    branches = trigger.get("branches") or [change.branch]
    return change.branch in branches and not {"all", kind}.isdisjoint(trigger["events"])


def _reference(change: Change) -> dict[str, Any]:
    mark = {"created": True} if change.before is None else {"deleted": True} if change.after is None else {}
    return {"commit": change.after or change.before, "ref": f"refs/heads/{change.branch}", **mark}


def _refused(code: str, message: str) -> Response:
    return json_response(400, {"__type": code, "message": message})
