"""The repository whose pushes are noted, as a smoke test sees it: a branch of its own, made and deleted again."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from opsctl.aws import NotFound
from opsctl.smoke.check import Trial, expect

TABLE = "repository.tables.pushes.name"


def push_path(trial: Trial) -> Mapping[str, Any]:
    """Make a branch, and delete it: both are pushes."""
    name, branch = trial.target.output("repository.repository.name"), f"smoke-{trial.id}"
    head = _head(trial, name)
    where = {"repositoryName": name, "branchName": branch}
    trial.afterwards(f"the notes of {branch}", partial(_forget, trial, branch))
    trial.afterwards(f"branch {branch}", partial(_delete, trial, where))
    trial.aws.call("codecommit", "create_branch", **where, commitId=head)
    begun = trial.seconds
    _expect_noted(trial, branch, "created", head)
    _delete(trial, where)
    _expect_noted(trial, branch, "deleted", head)
    return {"seconds_from_push_to_note": round(trial.seconds - begun, 3)}


def _head(trial: Trial, name: str) -> str:
    """A commit to branch from. A repository without any gets its first, which stays."""
    branches = list(trial.aws.pages("codecommit", "list_branches", "branches[]", repositoryName=name))
    ours = [branch for branch in branches if not branch.startswith("smoke-")]
    if ours:
        found = trial.aws.call("codecommit", "get_branch", repositoryName=name, branchName=ours[0])
        return str(found["branch"]["commitId"])
    trial.afterwards("the note of the first branch", partial(_forget, trial, "main"))
    made = trial.aws.call(
        "codecommit", "create_commit", repositoryName=name, branchName="main",
        putFiles=[{"filePath": "README.md", "fileContent": b"Configuration.\n"}],
    )  # fmt: skip
    return str(made["commitId"])


def _delete(trial: Trial, where: Mapping[str, str]) -> None:
    with contextlib.suppress(NotFound):
        trial.aws.call("codecommit", "delete_branch", **where)


def _notes(trial: Trial, branch: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = trial.aws.call(
        "dynamodb", "query", TableName=trial.target.output(TABLE), ConsistentRead=True,
        KeyConditionExpression="branch = :branch", ExpressionAttributeValues={":branch": {"S": branch}},
    )["Items"]  # fmt: skip
    return found


def _expect_noted(trial: Trial, branch: str, what: str, commit_id: str) -> None:
    def noted() -> dict[str, Any] | None:
        return next((row for row in _notes(trial, branch) if row["what"]["S"] == what), None)

    note = trial.until(f"the note that {branch} was {what}", noted)
    expect(note["commit_id"]["S"] == commit_id, f"{branch} was {what} at {note['commit_id']['S']}, not at {commit_id}")


def _forget(trial: Trial, branch: str) -> None:
    for row in _notes(trial, branch):
        key = {name: row[name] for name in ("branch", "push")}
        trial.aws.call("dynamodb", "delete_item", TableName=trial.target.output(TABLE), Key=key)
