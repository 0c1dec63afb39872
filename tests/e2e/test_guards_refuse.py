"""Guards of a real environment, by the command line: what they refuse, and what an override leaves in the journal."""

from __future__ import annotations

import subprocess

from tests.e2e.project import Project

GUARDS = """
[environments.local.guards]
protect_stateful = true
max_destroys = 1
"""


def without(text: str, *blocks: str) -> str:
    """The configuration without these top-level blocks."""
    for block in blocks:
        begin = text.index(block)
        text = text[:begin] + text[text.index("\n}\n", begin) + 3 :]
    return text


def guard(project: Project, text: str) -> None:
    """Give the local environment these guards instead of those before."""
    file = project.root / "opsctl.toml"
    file.write_text(file.read_text().partition("\n[environments.local.guards]")[0] + text)


def test_guards_refuse_by_name_and_an_override_is_in_the_journal(small: Project) -> None:
    guard(small, '\n[environments.local.guards]\ngates = ["smoke"]\n')
    # The small stack has nothing to be proved through; that it is missed shows that --no-smoke did not help.
    assert "no output edge.domain_name" in small.opsctl("up", "local", "--yes", "--no-smoke", status=1).stderr
    stack = small.root / "terraform/stack/main.tf"
    stack.write_text(without(stack.read_text(), 'resource "aws_s3_bucket" "notes"', 'resource "aws_sns_topic" "after"'))

    guard(small, GUARDS)
    refused = small.opsctl("up", "local", "--yes", status=5).stderr
    assert "aws_s3_bucket.notes (delete; it holds objects)" in refused
    assert "2 resources would be destroyed or replaced, 1 are allowed" in refused
    assert '--override protected="…" --override max_destroys="…"' in refused

    guard(small, GUARDS + 'freeze = [{ from = 2026-01-01, until = 2999-12-30, why = "for good" }]\n')
    frozen = small.opsctl("down", "local", "--yes", status=5).stderr
    assert "frozen until 2999-12-31 00:00 UTC" in frozen
    assert "for good" in frozen
    assert "Did you mean freeze?" in small.opsctl("up", "local", "--override", "freze=now", status=2).stderr

    reasons = {"freeze": "INC-42", "protected": "notes moved", "max_destroys": "notes moved"}
    words = [word for guard, reason in reasons.items() for word in ("--override", f"{guard}={reason}")]
    small.opsctl("up", "local", "--yes", "--no-smoke", *words)
    assert small.json("status", "local")["last"]["details"]["overrides"] == reasons


def test_a_branch_is_required_in_words_outside_of_git_and_by_name_inside(small: Project) -> None:
    guard(small, '\n[environments.local.guards]\nbranches = ["main"]\nclean_tree = true\n')
    outside = small.opsctl("up", "local", "--yes", status=5).stderr
    assert "the branch is not known: not a git repository" in outside
    assert [found["guard"] for found in small.json("plan", "local")["guards"]] == ["branches", "clean_tree"]
    (small.root / ".gitignore").write_text(".opsctl/\n")
    for words in (["init", "-q", "-b", "feature"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words], cwd=small.root, check=True
        )
    (small.root / "terraform/stack/more.tf").write_text("")
    inside = small.opsctl("up", "local", "--yes", status=5).stderr
    assert "the sources are of branch feature" in inside
    assert "the sources differ from the commit in terraform/stack/more.tf" in inside
    assert "no changes" not in inside
