"""Every command, where its code is, and its one-line summary; a command's module is imported when it is used.

`opsctl --help` and completion read only this table, so they never import boto3 or a feature
(the idea is pip's: src/pip/_internal/commands/__init__.py).
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """`module:attribute` holds a function (a command) or a Typer app (a group of commands)."""

    module: str
    attribute: str
    summary: str
    panel: str


ENVIRONMENTS, EVIDENCE, MACHINE = "Environments", "Evidence", "This machine"

COMMANDS: dict[str, Entry] = {
    "up": Entry("opsctl.cli.up", "up", "Take an environment up: plan, ask, apply, record, prove.", ENVIRONMENTS),
    "down": Entry("opsctl.cli.down", "down", "Destroy an environment and prove that nothing is left.", ENVIRONMENTS),
    "plan": Entry("opsctl.cli.plan", "plan", "Show what `up` would change, in people's words.", ENVIRONMENTS),
    "approve": Entry(
        "opsctl.cli.approve", "approve", "Agree to a plan, so that somebody else may apply it.", ENVIRONMENTS
    ),
    "status": Entry("opsctl.cli.status", "status", "Say what an environment is and how it does.", ENVIRONMENTS),
    "deploy": Entry(
        "opsctl.cli.deploy", "app", "Move code step by step, watched; take it back when it is bad.", ENVIRONMENTS
    ),
    "rollback": Entry("opsctl.cli.rollback", "rollback", "Have what ran before a deploy run again.", ENVIRONMENTS),
    "drift": Entry(
        "opsctl.cli.drift", "drift", "Say what was changed outside of Terraform, and by whom.", ENVIRONMENTS
    ),
    "unlock": Entry("opsctl.cli.unlock", "unlock", "Release the lock that a dead command left.", ENVIRONMENTS),
    "history": Entry(
        "opsctl.cli.history", "history", "Say what was done to an environment, and prove it is all told.", ENVIRONMENTS
    ),
    "outputs": Entry("opsctl.cli.outputs", "outputs", "Print an environment's addresses and names.", ENVIRONMENTS),
    "env": Entry(
        "opsctl.cli.env", "app", "List environments; have some that live for hours, and reap them.", ENVIRONMENTS
    ),
    "user": Entry("opsctl.cli.user", "app", "Say who may sign in to an environment, and what for.", ENVIRONMENTS),
    "bootstrap": Entry("opsctl.cli.bootstrap", "bootstrap", "Make what an AWS account needs once.", ENVIRONMENTS),
    "smoke": Entry("opsctl.cli.smoke", "smoke", "Prove an environment through its edge.", EVIDENCE),
    "demo": Entry(
        "opsctl.cli.demo", "demo", "Send a photo and an order through the edge and show what became of them.", EVIDENCE
    ),
    "queues": Entry(
        "opsctl.cli.queues", "app", "Look at work queues and put back what could not be worked off.", EVIDENCE
    ),
    "policy": Entry("opsctl.cli.policy", "app", "Lint Terraform, made for pull requests.", EVIDENCE),
    "waf": Entry("opsctl.cli.waf", "app", "Ask the firewall what it would do with a request.", EVIDENCE),
    "iam": Entry("opsctl.cli.iam", "app", "Say who may do what, who could get more, and what is too much.", EVIDENCE),
    "local": Entry("opsctl.cli.local", "app", "Start, stop and look into the embedded local cloud.", MACHINE),
    "doctor": Entry("opsctl.cli.doctor", "doctor", "Check this machine for all that opsctl needs.", MACHINE),
}
