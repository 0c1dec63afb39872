"""opsctl rollback ENV"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, LockWait, Override, Why, Yes, intent
from opsctl.cli.deploy import Approve, Record, carry_out

if TYPE_CHECKING:
    from opsctl.deploy import Deployed
    from opsctl.environments.ports import Ports


def rollback(
    environment: EnvironmentArgument,
    things: Annotated[
        list[str] | None,
        typer.Argument(metavar="[THING]…", help="service, site, or functions by their short names; none: the last."),
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="This version instead of the one before.")] = "",
    yes: Yes = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Have what ran before run again: of a deploy at work, of one that was killed, or of the last one.

    Without a name the last deploy is taken back. No freeze and no dirty branch keeps anybody from it.
    """

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from opsctl.deploy.rolling_back import roll_back

        return roll_back(ports, things or (), to=to, approve=approve, intent=intent(why, lock_wait, override))

    carry_out(environment, begin, yes=yes, json=json, record=record)
