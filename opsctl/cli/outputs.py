"""opsctl outputs ENV"""

from __future__ import annotations

from opsctl.cli.context import EnvironmentArgument, Json, config, console
from opsctl.cli.context import environment as named


def outputs(environment: EnvironmentArgument, json: Json = False) -> None:
    """Print an environment's addresses and names. Secret outputs are left out."""
    from opsctl.environments.events import ignore
    from opsctl.environments.outputs import read_outputs
    from opsctl.environments.ports import connect
    from opsctl.ui.console import literal

    screen = console()
    found = read_outputs(connect(config(), named(environment), on_event=ignore, start=False))
    if json:
        screen.json(found)
        return
    for name, value in sorted(found.items()):
        screen.say(f"[bold]{literal(name)}[/]")
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for key, item in rows:
            screen.say(f"  [dim]{literal(key):<24}[/] {literal(item)}")
