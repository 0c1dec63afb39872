"""What a request to stop means for each command: said before it is carried out, and when it has been."""

from __future__ import annotations

from pathlib import Path

from opsctl.errors import Interrupted
from opsctl.terraform.events import Interrupting

LOCK_STAYS = "the state's lock stays behind until the next opsctl on this machine"

FIRST = {
    "init": "Terraform stops fetching",
    "plan": "Terraform stops; nothing is changed",
    "apply": "Terraform finishes the resources it is working on",
    "destroy": "Terraform finishes the resources it is working on",
}
AGAIN = {
    "init": "what is half fetched is fetched anew by the next init",
    "plan": LOCK_STAYS,
    "apply": f"what is half made is then missing from the state, and {LOCK_STAYS}",
    "destroy": f"what is half destroyed is then still in the state, and {LOCK_STAYS}",
}
"""What is lost when a command is ended at once."""


def interrupting(command: str, count: int) -> Interrupting:
    """What the first request to stop does and what one more would; what the second does."""
    loss = AGAIN[command]
    if count == 1:
        return Interrupting(f"Stopping: {FIRST[command]}. Once more ends it at once: {loss}.", count=1)
    return Interrupting(f"Ending Terraform at once: {loss}.", count=count)


def interrupted(command: str, log: Path, *, done: bool, in_order: bool) -> Interrupted:
    """The error of a command that was asked to stop, once it has.

    Args:
        done: it came to its end before it could stop.
        in_order: it stopped by itself.
    """
    if done:
        what = f"Interrupted: terraform {command} was done before it could stop."
    elif in_order:
        kept = "" if command == "init" else "; the state is kept"
        what = f"Interrupted: terraform {command} stopped in order{kept}."
    else:
        what = f"Interrupted: terraform {command} was ended at once; {AGAIN[command]}."
    return Interrupted(what, where=str(log), next="Run the same command again: it goes on from there.")
