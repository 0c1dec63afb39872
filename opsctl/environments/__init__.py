"""Environments: what one is, and taking it up and down.

config = load_config()
environment = load_environment(config, "local")
ports = connect(config, environment, on_event=print)
deployment = up(ports, approve=lambda plan: True, afresh=lambda lost: True)
"""

from opsctl.environments.environment import Environment, Target, UnknownEnvironment, load_environment

__all__ = ["Environment", "Target", "UnknownEnvironment", "load_environment"]
