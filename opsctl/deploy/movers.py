"""Which mover moves which kind of thing. Each has a module of its own, imported when it is needed."""

from __future__ import annotations

from importlib import import_module

from opsctl.deploy.deploying import Mover

MOVERS = {
    "function": ("opsctl.deploy.functions", "FunctionMover"),
    "service": ("opsctl.deploy.service", "ServiceMover"),
    "site": ("opsctl.deploy.site", "SiteMover"),
}


def mover_of(kind: str) -> Mover:
    module, name = MOVERS[kind]
    mover: Mover = getattr(import_module(module), name)()
    return mover
