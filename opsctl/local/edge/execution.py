"""One request to a REST API's stage, as the layers around the emulator's data plane know it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Execution:
    """What is known so far of a request to a stage.

    Attributes:
        request_id: `$context.requestId`: in the log, the answer's x-amzn-requestid, gateway responses, integrations.
        extended_id: x-amz-apigw-id.
        client: who connected; trace_id: X-Ray's, of this request.
        request: MiniStack's own record: resource_path, path_params.
        started, integration_seconds: monotonic seconds; the latter None when no integration was asked.
        cache: "hit" or "miss" where the method is cached.
    """

    request_id: str
    extended_id: str
    account_id: str
    region: str
    api_id: str
    stage_name: str
    method: str
    path: str
    headers: Mapping[str, Any]
    query: Mapping[str, Any]
    client: str
    trace_id: str
    request: dict[str, Any] = field(default_factory=dict)
    stage: dict[str, Any] | None = None
    api_key_id: str = ""
    authorizer: dict[str, Any] | None = None
    authorizer_seconds: float | None = None
    integration_seconds: float | None = None
    integration_status: int | None = None
    integration_error: str = ""
    error: Any = None
    waf: str = ""
    cache: str = ""
    warning: str = ""

    def header(self, name: str) -> str:
        value = next((value for key, value in self.headers.items() if key.lower() == name), "")
        return str(value[-1] if isinstance(value, list) else value)


EXECUTION: ContextVar[Execution | None] = ContextVar("execution", default=None)


def current_request_id() -> str | None:
    """`$context.requestId` of the request that is being answered; None outside one."""
    execution = EXECUTION.get()
    return execution.request_id if execution else None
