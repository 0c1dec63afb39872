"""CloudWatch log lines that AWS services write by themselves: access logs, firewall logs, instance logs.

A line goes where its group exists and is dropped where it doesn't, as on AWS. Lines are kept for a moment and written
together.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

FLUSH_SECONDS = 1.0


class Logs:
    """Lines since the last flush, by (account, region, group, stream)."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}

    def write(self, account_id: str, region: str, group: str, stream: str, line: str | Mapping[str, Any]) -> None:
        """One line, now. A mapping is written as JSON."""
        message = line if isinstance(line, str) else json.dumps(line, separators=(",", ":"), default=str)
        event = {"timestamp": int(time.time() * 1000), "message": message}
        self._lines.setdefault((account_id, region, group, stream), []).append(event)

    def flush(self) -> int:
        """Write everything; gives the number of lines. Streams are made, groups are not."""
        from ministack.core.responses import request_scope
        from ministack.services import cloudwatch_logs

        taken, self._lines = self._lines, {}
        for (account_id, region, group, stream), events in taken.items():
            with request_scope(account_id, region):
                known = cloudwatch_logs._log_groups.get(group)
                if known is None:
                    continue
                name = {"logGroupName": group, "logStreamName": stream}
                if stream not in known["streams"]:
                    cloudwatch_logs._create_log_stream(name)
                cloudwatch_logs._put_log_events({**name, "logEvents": events})
        return sum(map(len, taken.values()))
