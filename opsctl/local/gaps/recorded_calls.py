"""Every call that programs of operators make, with what it names: what least-privilege roles are proved by.

Only where OPSCTL_LOCAL_RECORD_CALLS named a file when the daemon was started: it then reads each request whole, and
adds a line of JSON for each call of opsctl and of Terraform (their user agents say so), not for those of functions and
of AWS's own services. AWS's CloudTrail has management events alone, without reads of objects and items.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.event_history import names_of, operation_of, rest_operation
from opsctl.local.gaps.gap import Cloud, Gap

SWITCH = "OPSCTL_LOCAL_RECORD_CALLS"


class RecordedCalls(Gap):
    """A line: {"by": "opsctl" or "terraform", "service": its signing name, "operation": as botocore names it, "names":
    names, ids, ARNs and parts of the path that the request has, "status": of the answer}.
    """

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._file = os.environ.get(SWITCH, "")

    def wants(self, request: Request) -> bool:
        return bool(self._file and request.service and caller(request))

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        operation = operation_of(request) or named_operation(
            request.service, request.method, request.path, request.query_string
        )
        call = {
            "by": caller(request), "service": request.service, "operation": operation,
            "names": list(dict.fromkeys(names_of(request))), "status": response.status,
        }  # fmt: skip
        with open(self._file, "a", encoding="utf-8") as file:
            file.write(json.dumps(call) + "\n")
        return response


def caller(request: Request) -> str:
    """Who of those that roles are for makes a call; "" for anybody else."""
    agent = request.headers.get("user-agent", "")
    return "opsctl" if "opsctl/" in agent else "terraform" if "terraform" in agent.lower() else ""


@lru_cache(maxsize=4096)
def named_operation(service: str, method: str, path: str, query: str) -> str:
    return rest_operation(service, method, f"{path}?{query}" if query else path)
