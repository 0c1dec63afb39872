"""opsctl bootstrap ENV"""

from __future__ import annotations

from dataclasses import asdict

from opsctl.cli.context import EnvironmentArgument, Json, Yes, config, console
from opsctl.cli.context import environment as named


def bootstrap(environment: EnvironmentArgument, yes: Yes = False, json: Json = False) -> None:
    """Make what an AWS account needs once: the bucket of the Terraform states (versioned, encrypted, private)."""
    from opsctl.cli.progress import Progress
    from opsctl.environments.bootstrap import bootstrap as make
    from opsctl.environments.ports import connect
    from opsctl.environments.records import record_done
    from opsctl.errors import Refused
    from opsctl.ui.console import literal

    screen, target = console(), named(environment)
    with Progress(screen) as progress:
        ports = connect(config(), target, on_event=progress)
    question = f"Make or set right the bucket {target.state_bucket} in account {target.account_id}?"
    if not (yes or target.is_local or screen.confirm(question)):
        raise Refused("Nothing was made.")
    made = make(ports)
    record_done(ports, "bootstrap", {"bucket": made.bucket, "created": made.created})
    if json:
        screen.json(asdict(made))
        return
    screen.say(f"[green]✓[/] {literal(made.bucket)} {'was made' if made.created else 'is as it should be'}.")
    screen.say("What else the account needs once:")
    for item in made.also_needed:
        screen.say(f"  [dim]·[/] {literal(item)}")
