"""opsctl demo ENV"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, config, console
from opsctl.cli.context import environment as named
from opsctl.errors import UsageError


def demo(
    environment: EnvironmentArgument,
    photo: Annotated[Path | None, typer.Option("--photo", help="A JPEG of your own, at most 10 MB.")] = None,
    json: Json = False,
) -> None:
    """Send a real photo and an order through the edge, and show what became of them."""
    from opsctl.environments.events import ignore
    from opsctl.environments.outputs import read_outputs
    from opsctl.environments.ports import connect
    from opsctl.files import write_atomically
    from opsctl.smoke import SmokeTarget
    from opsctl.smoke.demo import demonstrate, sample_photo
    from opsctl.ui.board import Board
    from opsctl.ui.console import duration, literal, size
    from opsctl.ui.picture import draw

    screen = console()
    body = sample_photo() if photo is None else _read(photo)
    ports = connect(config(), named(environment), on_event=ignore, start=False)
    target = SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)
    with Board(screen) as board:
        board.begin("demo", "a photo and an order on their way: edge, firewall, API, and what lies behind")
        shown = demonstrate(target, body)
    seen, order = shown.photo, shown.order
    file = ports.environment.work / "demo" / f"{seen.photo_id}.jpg"
    write_atomically(file, seen.thumbnail)
    if json:
        screen.json(
            {
                "photo_id": seen.photo_id,
                "thumbnail": {"file": str(file), "width": seen.thumbnail_size[0], "height": seen.thumbnail_size[1]},
                "record": seen.record,
                "announcement": seen.announcement,
                "seconds": round(seen.seconds, 2),
                "order": order.order,
            }
        )
        return
    screen.say(f"\n[green]✓[/] a photo of {size(len(body))} went through the edge in {duration(seen.seconds)}")
    if screen.out.color_system == "truecolor" and (picture := draw(seen.thumbnail)):
        screen.out.print(picture)
    width, height = seen.thumbnail_size
    screen.say(f"[bold]thumbnail[/]     {width} x {height} pixels, {size(len(seen.thumbnail))}: {literal(file)}")
    for title, document in (("record", seen.record), ("announcement", seen.announcement)):
        screen.say(f"[bold]{title}[/]")
        for key, value in sorted(document.items()):
            screen.say(f"  [dim]{literal(key):<16}[/] {literal(value)}")
    screen.say(
        f"\n[green]✓[/] an order went to MySQL in {order.place_seconds * 1000:.0f} ms and was read back in"
        f" {(order.seconds - order.place_seconds) * 1000:.0f} ms: edge, WAF, authorizer, VPC link, NLB, Java service"
    )
    screen.say("[bold]order[/]")
    for key, value in sorted(order.order.items()):
        screen.say(f"  [dim]{literal(key):<16}[/] {literal(value)}")
    screen.say("\n[bold]What next[/]")
    for command, meaning in (
        (f"opsctl smoke {environment}", "prove it again, also with a corrupt photo"),
        (f"opsctl outputs {environment}", "its addresses and names"),
        (f"opsctl plan {environment}", "no changes: the environment is as its Terraform says"),
        (f"opsctl status {environment}", "what it is, and what was done last"),
        (f"opsctl down {environment} --yes", "destroy it, and prove that nothing is left"),
    ):
        screen.say(f"  [cyan]{literal(command):<28}[/] [dim]{literal(meaning)}[/]")
    screen.say("[dim]The commands are in .venv/bin; `source .venv/bin/activate` puts them on your PATH.[/]")


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise UsageError(f"{photo} can't be read: {error.strerror}.", where=str(photo)) from error
