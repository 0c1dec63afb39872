"""A process as opsctl is one: runs one Terraform command through the runner and prints each event.

`python driver.py STACK WORK init|plan|apply|destroy`; exits as opsctl would. Signals are sent to it by tests.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from opsctl.errors import OpsctlError
from opsctl.terraform import ProviderChoice, Terraform, find_terraform


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(stack: Path, work: Path, command: str) -> None:
    terraform = Terraform(
        binary=find_terraform(),
        provider=ProviderChoice("any", "a test", Path(os.environ.get("DRIVER_CLI_CONFIG", os.devnull))),
        stack=stack,
        work=work,
        environment=os.environ,
        on_event=lambda event: say(f"{type(event).__name__}: {event.message}"),
    )
    terraform.init()
    if command == "init":
        return
    given = work / "driver.tfvars"
    plan = terraform.plan(
        variables_file=given if given.is_file() else None,
        out=work / "plans" / "driver.tfplan",
        destroy=command == "destroy",
    )
    if command in ("apply", "destroy"):
        say("Applying")
        applied = terraform.apply(plan)
        say(f"Applied: {applied.added} added, {applied.destroyed} destroyed")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except OpsctlError as error:
        say(f"{type(error).__name__}: {error.what} | {error.where} | {error.next}")
        sys.exit(error.exit_code)
