"""The two emulators, in this process: MiniStack answers everything except what moto does better.

Which is which was measured (shared facts, local-cloud): MiniStack has no VPC data model that Terraform's provider can
destroy again, gives Network Load Balancers the ARN of an application one, and lacks CodeCommit and half of Batch.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

from opsctl.local.exchange import ASGIApp, Request, Response

MOTO_SERVICES = frozenset({"ec2", "elasticloadbalancing", "autoscaling", "rds", "codecommit", "batch"})
"""SigV4 service names that moto answers."""


def emulator_environment(
    base: Mapping[str, str], *, port: int, account_id: str, region: str, work: Path
) -> dict[str, str]:
    """The daemon's environment: nothing of the caller's AWS settings, no Docker, one account, loopback only."""
    kept = {name: value for name, value in base.items() if not name.startswith(("AWS_", "MINISTACK_", "MOTO_"))}
    return kept | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": account_id,
        "MINISTACK_REGION": region,
        "DOCKER_HOST": f"unix://{work}/no-docker.sock",
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "60",
        # Each execution at a time is a process of about 30 MB and more; beyond this AWS's own throttling answers.
        "LAMBDA_ACCOUNT_CONCURRENCY": "32",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "CLOUDTRAIL_RECORDING": "0",
        "MOTO_ACM_VALIDATION_WAIT": "0",
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "true",
        # What the functions run with: the account's own key, and this endpoint for every service.
        "AWS_ACCESS_KEY_ID": account_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TMPDIR": str(work / "tmp"),
        "PYTHONUNBUFFERED": "1",
    }


class Moto:
    """moto's server application, called in worker threads. The account comes from the request."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        def create(service: Any) -> Any:
            app = create_backend_app(service)
            # Its bugs come to us as exceptions, not as a page that says 500.
            app.config["PROPAGATE_EXCEPTIONS"] = True
            return app

        self._app = DomainDispatcherApplication(create)
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="moto")

    async def __call__(self, request: Request, account_id: str) -> Response:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call, request, account_id)

    def _call(self, request: Request, account_id: str) -> Response:
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            answer.update(status=int(status.split()[0]), headers=tuple(headers))

        chunks = self._app(self._environ(request, account_id), start_response)
        try:
            body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return Response(answer["status"], answer["headers"]).with_body(body)

    def _environ(self, request: Request, account_id: str) -> dict[str, Any]:
        host, _, port = request.headers.get("host", "127.0.0.1:80").partition(":")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": request.path.encode().decode("latin-1"),
            "RAW_URI": request.raw_path,
            "QUERY_STRING": request.query_string,
            "SERVER_NAME": host,
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": request.client,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(request.body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            if name not in ("content-type", "content-length"):
                environ["HTTP_" + name.upper().replace("-", "_")] = value
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account_id
        return environ


def load_ministack() -> ASGIApp:
    """MiniStack's application. Its settings are read when it is imported: the environment must be set before."""
    import ministack.app

    app: ASGIApp = ministack.app.app
    return app


def in_moto(service: str, account_id: str, region: str) -> Any:
    """moto's own backend of a service, for what its API does not tell."""
    from moto.backends import get_backend

    return get_backend(service)[account_id][region]
