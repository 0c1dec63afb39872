"""The local cloud's process: `python -m opsctl.local.daemon --port 4566 --account 111122223333 --work DIR`.

It stays in the foreground; `opsctl.local.cloud` starts it in the background and ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import resource
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from opsctl.local.emulators import emulator_environment
from opsctl.local.exchange import ASGIApp, Receive, Scope, Send

FOLDER_WATCH_SECONDS = 2.0


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="opsctl.local.daemon", description=__doc__)
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--account", required=True)
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args(argv)
    work = arguments.work.resolve()
    shutil.rmtree(work / "tmp", ignore_errors=True)  # what the functions of an earlier start left
    (work / "tmp").mkdir(parents=True)
    settings = emulator_environment(
        os.environ, port=arguments.port, account_id=arguments.account, region=arguments.region, work=work
    )
    os.environ.clear()
    os.environ.update(settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else soft, hard))
    asyncio.run(serve(arguments.port, arguments.account, arguments.region, work))


async def serve(port: int, account_id: str, region: str, work: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    from hypercorn.asyncio import serve as hypercorn_serve

    from opsctl.local.application import Application
    from opsctl.local.cloud import USUAL_PORT
    from opsctl.local.edge import listener

    edge = listener.bind(listener.USUAL_PORT if port == USUAL_PORT else 0)
    application = Application(
        account_id=account_id, region=region, port=port, work=work, edge_port=edge.getsockname()[1]
    )
    config = listener.EdgeConfig(port, edge, application.cloud.authority, application.serves)
    config.keep_alive_timeout = 75
    config.keep_alive_max_requests = 2**31  # closing a busy connection makes a client repeat what was done already
    config.graceful_timeout = 2
    config.include_server_header = False
    config.include_date_header = False  # MiniStack adds its own
    config.accesslog = None
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    watch = asyncio.create_task(_end_with_folder(work, ended))
    async with application.running():
        await hypercorn_serve(
            _without_lifespan(listener.listening(application, application.serves)),
            config,
            shutdown_trigger=ended.wait,
        )
    watch.cancel()
    # No `return`: asyncio would wait for worker threads, and a function may run for minutes. All that lasts is on disk.
    logging.shutdown()
    os._exit(0)


async def _end_with_folder(work: Path, ended: asyncio.Event) -> None:
    """End the cloud when its folder is removed: nobody is left who could stop it (a clone that was thrown away)."""
    while work.exists():
        await asyncio.sleep(FOLDER_WATCH_SECONDS)
    ended.set()


def _without_lifespan(application: ASGIApp) -> ASGIApp:
    """Ours is `Application.running`: hypercorn must not start the emulators a second time."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
                await receive()
                await send({"type": answer})
        else:
            await application(scope, receive, send)

    return app


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
