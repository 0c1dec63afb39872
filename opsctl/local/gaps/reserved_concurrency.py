"""Lambda: a function's reserved concurrency holds for all its versions and aliases. MiniStack: for $LATEST only."""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class ReservedConcurrency(Gap):
    async def install(self) -> None:
        from ministack.services import lambda_svc

        reserved = lambda_svc._reserved_concurrency

        def reserved_for_all(function: dict[str, Any], config: dict[str, Any]) -> int | None:
            account, region = lambda_svc._account_region_from_function_config(config)
            whole = lambda_svc._functions.get_scoped(account, region, config.get("FunctionName"), None)
            found: int | None = reserved(whole or function, config)
            return found

        lambda_svc._reserved_concurrency = reserved_for_all
