"""What git says of the sources that are about to be applied: branch, commit, and whether anything differs from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl.processes import CommandNotFound, run

ASIDE = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"})
"""A git hook sets them, and git would look at the hook's repository instead of the folder that it is asked about."""

PULL_REQUEST = "pull-request/"


@dataclass(frozen=True)
class Repository:
    """The repository that a folder lies in.

    Attributes:
        branch: "" where no branch is checked out and none is known.
        commit: 40 hexadecimal digits; "" before the first commit.
        changes: paths that differ from the commit, also new ones; those that git ignores don't count.
        problem: why nothing is known: no repository, no git, or git's own words; "" when all is well.
    """

    branch: str = ""
    commit: str = ""
    changes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def revision(self) -> str:
        """The commit in short, with "+changes" where something differs from it; "" without one."""
        return f"{self.commit[:12]}{'+changes' if self.changes else ''}" if self.commit else ""


def read_repository(folder: Path, variables: Mapping[str, str] = os.environ) -> Repository:
    """Ask git about the working tree around `folder`. One process, and no lock is taken.

    Args:
        variables: of this process; in GitHub Actions they say what git can't: see `branch_name`.
    """
    ask: list[str | Path] = ["git", "--no-optional-locks", "-C", folder, "status", "--porcelain=v2", "--branch", "-z",
                             "--untracked-files=normal", "--ignore-submodules=none"]  # fmt: skip
    try:
        answer = run(ask, env={name: value for name, value in variables.items() if name not in ASIDE})
    except CommandNotFound:
        return Repository(problem="git is not installed")
    if answer.status:
        said = answer.stderr.strip().splitlines() or [f"git status ended with {answer.status}"]
        return Repository(problem=said[0].removeprefix("fatal: "))
    headers, changes = parse_status(answer.stdout)
    commit = headers["branch.oid"].replace("(initial)", "")
    return Repository(branch_name(headers["branch.head"], commit, variables), commit, changes)


def parse_status(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Headers and changed paths of `git status --porcelain=v2 --branch -z`.

    Source: git-status(1), "Porcelain Format Version 2": the path is the last field of a line, and a renamed file's
    earlier path is an entry of its own behind it.
    """
    headers: dict[str, str] = {}
    changes: list[str] = []
    entries = iter(text.split("\0"))
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if kind == "#":
            name, _, headers[name] = rest.partition(" ")
        elif kind in FIELDS_BEFORE_PATH:
            changes.append(rest.split(" ", FIELDS_BEFORE_PATH[kind])[-1])
            if kind == "2":
                next(entries, None)
    return headers, tuple(changes)


FIELDS_BEFORE_PATH = {"1": 7, "2": 8, "u": 9, "?": 0}
"""Kind of entry (changed, renamed, unmerged, untracked) → fields between it and the path."""


def branch_name(head: str, commit: str, variables: Mapping[str, str]) -> str:
    """The branch that a working tree stands for.

    A pull request is none of the repository's branches, whatever is checked out: its head may be called "main" in a
    fork, and under pull_request_target GITHUB_REF_NAME is the branch that it would go into. It is called
    pull-request/HEAD, which a guard may name. Else what git has checked out wins. Only where that is no branch (Actions
    checked out a commit) does GITHUB_REF_NAME count, and only for a branch (a tag may be called "main", too) and for
    the commit that the workflow was started for.
    Source: GitHub Docs, "Variables reference" (GITHUB_HEAD_REF, GITHUB_REF_NAME, GITHUB_REF_TYPE, GITHUB_SHA).

    Args:
        head: as git has it, "(detached)" for none.
    """
    in_actions = variables.get("GITHUB_ACTIONS") == "true"
    if in_actions and (source := variables.get("GITHUB_HEAD_REF")):
        return PULL_REQUEST + source
    if head != "(detached)":
        return head
    if in_actions and variables.get("GITHUB_REF_TYPE") == "branch" and variables.get("GITHUB_SHA") == commit:
        return variables.get("GITHUB_REF_NAME", "")
    return ""
