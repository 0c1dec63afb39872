"""What the tests of the local cloud share."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from opsctl.local import Running

ACCOUNT = "111122223333"
REGION = "eu-central-1"

Client = Callable[..., Any]


def client_of(running: Running, service: str, *, region: str = REGION, account: str = ACCOUNT) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=running.endpoint_url,
        aws_access_key_id=account,
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def zipped(code: str) -> bytes:
    """A function's package: handler.py."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        package.writestr("handler.py", code)
    return data.getvalue()


def processes_of(work: Path) -> list[int]:
    """Living processes that carry the mark of the cloud in `work`."""
    mark = f"OPSCTL_LOCAL_CLOUD={work}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        except OSError:
            continue
    return found
