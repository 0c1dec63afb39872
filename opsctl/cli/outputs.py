"""opsctl outputs ENV"""

from __future__ import annotations

from dataclasses import asdict

from opsctl.cli.context import EnvironmentArgument, Json, config, console
from opsctl.cli.context import environment as named


def outputs(environment: EnvironmentArgument, json: Json = False) -> None:
    """Print an environment's addresses and names. Secret outputs are left out."""
    from opsctl.environments.events import ignore
    from opsctl.environments.outputs import reach, read_outputs
    from opsctl.environments.ports import connect
    from opsctl.ui.console import literal

    screen = console()
    ports = connect(config(), named(environment), on_event=ignore, start=False)
    found = read_outputs(ports)
    way = reach(ports.access, found)
    if json:
        screen.json(found | ({"local": asdict(way)} if way else {}))
        return
    for name, value in sorted(found.items()):
        screen.say(f"[bold]{literal(name)}[/]")
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for key, item in rows:
            screen.say(f"  [dim]{literal(key):<24}[/] {literal(item)}")
    if way:
        screen.say(f"[bold]try it[/]\n  {literal(way.curl)}", whole=True)
