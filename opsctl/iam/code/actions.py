"""Which actions, on what, a call of an operation needs."""
from __future__ import annotations


def actions_of(service: str, operation: str) -> tuple[str, ...]:
    from opsctl.iam.code import sdk

    known = sdk.service(service)
    return (f"{known.prefix}:{operation}",) if known else ()
