"""Versions: what code an environment runs, moved step by step, watched and reversible. `opsctl.builds` makes it."""

from opsctl.deploy.deploying import Deployed, DeployReturned, HalfDone, NothingInFlight, NotUp, begin, resume

__all__ = ["DeployReturned", "Deployed", "HalfDone", "NotUp", "NothingInFlight", "begin", "resume"]
