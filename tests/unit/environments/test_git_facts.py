"""What opsctl knows of the sources' repository, asked of real ones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from opsctl.environments.git import branch_name, parse_status, read_repository

IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
VARIABLES = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *words], cwd=folder, env=VARIABLES, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A repository on branch main with one commit."""
    folder = tmp_path / "sources"
    (folder / "stack").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "stack" / "main.tf").write_text("")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


def test_a_clean_tree_has_a_branch_and_a_commit(sources: Path) -> None:
    found = read_repository(sources / "stack", VARIABLES)
    assert (found.branch, found.changes, found.problem) == ("main", (), "")
    assert found.commit == git(sources, "rev-parse", "HEAD")
    assert found.revision == found.commit[:12]


def test_a_changed_file_is_named_wherever_in_the_repository_it_is(sources: Path) -> None:
    (sources / ".gitignore").write_text("")
    found = read_repository(sources / "stack", VARIABLES)
    assert found.changes == (".gitignore",)
    assert found.revision.endswith("+changes")


def test_a_file_that_git_does_not_know_counts_since_terraform_would_read_it(sources: Path) -> None:
    (sources / "stack" / "more words.tf").write_text("")
    assert read_repository(sources, VARIABLES).changes == ("stack/more words.tf",)


def test_a_file_that_git_ignores_does_not_count(sources: Path) -> None:
    (sources / "stack" / "terraform.log").write_text("")
    assert read_repository(sources, VARIABLES).changes == ()


def test_a_renamed_file_is_one_change(sources: Path) -> None:
    git(sources, "mv", "stack/main.tf", "stack/other.tf")
    (sources / "z").write_text("")
    assert read_repository(sources, VARIABLES).changes == ("stack/other.tf", "z")


def test_a_checked_out_commit_is_no_branch(sources: Path) -> None:
    git(sources, "checkout", "-q", "--detach")
    found = read_repository(sources, VARIABLES)
    assert (found.branch, found.problem) == ("", "")
    assert found.commit


def test_before_the_first_commit_there_is_a_branch_and_no_revision(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    found = read_repository(tmp_path, VARIABLES)
    assert (found.branch, found.commit, found.revision) == ("main", "", "")


def test_outside_of_git_it_says_so(tmp_path: Path) -> None:
    found = read_repository(tmp_path, VARIABLES)
    assert "not a git repository" in found.problem
    assert found.revision == ""


def test_without_git_on_the_machine_it_says_so(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert read_repository(sources).problem == "git is not installed"


def test_in_a_git_hook_it_looks_at_the_folder_and_not_at_the_hooks_repository(sources: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "elsewhere")
    hook = VARIABLES | {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)}
    assert read_repository(sources, hook).branch == "main"


def test_asking_writes_nothing_into_the_repository_where_another_git_may_be_at_work(sources: Path) -> None:
    os.utime(sources / "stack" / "main.tf", (1, 1))
    index = sources / ".git" / "index"
    before = index.stat()
    assert read_repository(sources, VARIABLES).changes == ()
    assert (index.stat().st_mtime_ns, index.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "branch", "GITHUB_SHA": "c1"}


@pytest.mark.parametrize(
    ("head", "variables", "branch"),
    [
        ("main", {}, "main"),
        ("(detached)", {}, ""),
        ("feature", ACTIONS | {"GITHUB_REF_NAME": "main"}, "feature"),
        ("(detached)", ACTIONS | {"GITHUB_REF_NAME": "main"}, "main"),
        ("(detached)", ACTIONS | {"GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "tag"}, ""),
        ("(detached)", ACTIONS | {"GITHUB_REF_NAME": "main", "GITHUB_SHA": "c2"}, ""),
        ("(detached)", ACTIONS | {"GITHUB_REF_NAME": "42/merge", "GITHUB_HEAD_REF": "fix"}, "pull-request/fix"),
        ("(detached)", ACTIONS | {"GITHUB_REF_NAME": "main", "GITHUB_HEAD_REF": "main"}, "pull-request/main"),
        ("main", ACTIONS | {"GITHUB_REF_NAME": "main", "GITHUB_HEAD_REF": "fix"}, "pull-request/fix"),
        ("(detached)", {"GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch", "GITHUB_SHA": "c1"}, ""),
    ],
    ids=[
        "at a desk", "at a desk, detached", "actions, another branch", "actions, push", "actions, a tag called main",
        "actions, another commit", "pull request", "a fork's main", "pull_request_target", "variables left behind",
    ],
)  # fmt: skip
def test_the_branch_is_that_of_what_is_checked_out(head: str, variables: dict[str, str], branch: str) -> None:
    assert branch_name(head, "c1", variables) == branch


def test_an_unmerged_file_is_a_change() -> None:
    line = "u UU N... 100644 100644 100644 100644 h1 h2 h3 a b.tf"
    assert parse_status(f"# branch.oid c1\0# branch.head main\0{line}\0") == (
        {"branch.oid": "c1", "branch.head": "main"}, ("a b.tf",),
    )  # fmt: skip


def test_where_a_renamed_file_was_before_is_no_entry_of_its_own() -> None:
    line = "2 R. N... 100644 100644 100644 h1 h2 R100 new.tf"
    assert parse_status(f"{line}\0? old.tf\0? added.tf\0")[1] == ("new.tf", "added.tf")
