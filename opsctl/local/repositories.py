"""Git repositories in memory, as far as CodeCommit's API writes them: files, commits, branches. Pure.

Ids are git's own (SHA-1 of the object), so `git` would give the same for the same content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


class Refused(Exception):
    """What CodeCommit answers; `code` is the name of its exception."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Author:
    name: str = "CodeCommit"
    email: str = "codecommit@localhost"


@dataclass(frozen=True)
class Commit:
    """`files`: path → blob id."""

    id: str
    tree_id: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """A branch that got another commit. None: it is new (before), or gone (after)."""

    branch: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Repository:
    """A repository's state; each change gives another one."""

    branches: Mapping[str, str] = field(default_factory=dict)
    commits: Mapping[str, Commit] = field(default_factory=dict)

    def commit(
        self, branch: str, *, parent: str | None, put: Mapping[str, bytes], delete: frozenset[str] = frozenset(),
        author: Author, message: str, now: datetime,
    ) -> tuple[Repository, Commit, Change]:  # fmt: skip
        """Add a commit to a branch, or the first one to an empty repository.

        Raises:
            Refused
        """
        head = self.branches.get(branch)
        if head is None and self.branches:
            raise Refused("BranchDoesNotExistException", f"{branch} does not exist.")
        if head is not None and parent is None:
            raise Refused("ParentCommitIdRequiredException", "A parent commit id is required.")
        if parent != head:
            raise Refused("ParentCommitIdOutdatedException", f"The tip of {branch} is another commit.")
        before = self.commits[head].files if head else {}
        if missing := delete - before.keys():
            raise Refused("FileDoesNotExistException", f"{min(missing)} does not exist.")
        files = {path: blob for path, blob in before.items() if path not in delete}
        files |= {path: object_id("blob", content) for path, content in put.items()}
        if files == dict(before):
            raise Refused("NoChangeException", "The commit changes nothing.")
        tree = tree_of(files)
        stamp = f"{author.name} <{author.email}> {int(now.timestamp())} +0000"
        lines = [f"tree {tree}", *([f"parent {head}"] if head else []), f"author {stamp}", f"committer {stamp}"]
        made = Commit(object_id("commit", "\n".join([*lines, "", message, ""]).encode()), tree, files)
        changed = replace(self, commits={**self.commits, made.id: made}, branches={**self.branches, branch: made.id})
        return changed, made, Change(branch, head, made.id)

    def create_branch(self, branch: str, commit_id: str) -> tuple[Repository, Change]:
        """Raises: Refused."""
        if branch in self.branches:
            raise Refused("BranchNameExistsException", f"{branch} exists.")
        if commit_id not in self.commits:
            raise Refused("CommitDoesNotExistException", f"{commit_id} does not exist.")
        return replace(self, branches={**self.branches, branch: commit_id}), Change(branch, None, commit_id)

    def delete_branch(self, branch: str) -> tuple[Repository, Change | None]:
        """One that isn't there is no error."""
        if branch not in self.branches:
            return self, None
        left = {name: head for name, head in self.branches.items() if name != branch}
        return replace(self, branches=left), Change(branch, self.branches[branch], None)


def object_id(kind: str, content: bytes) -> str:
    """Git's id of an object (gitformat-loose: "<kind> <size>\\0<content>")."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def tree_of(files: Mapping[str, str]) -> str:
    """The id of the tree that holds these files (path → blob id); git sorts folders as if they ended in a slash."""
    entries: dict[str, tuple[str, str]] = {}
    folders: dict[str, dict[str, str]] = {}
    for path, blob in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = blob
        else:
            entries[name] = "100644", blob
    entries |= {f"{name}/": ("40000", tree_of(inside)) for name, inside in folders.items()}
    content = b"".join(
        f"{mode} {name.rstrip('/')}\0".encode() + bytes.fromhex(found)
        for name, (mode, found) in sorted(entries.items())
    )
    return object_id("tree", content)
