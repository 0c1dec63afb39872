"""S3: the state bucket outlives the process.

MiniStack keeps objects in memory (its own S3_PERSIST does not fsync, and only logs a write that failed). Terraform's
states and locks must survive a crash: each change to a bucket called `…-state-ACCOUNT-REGION` is on disk, fsynced,
before its answer leaves, and is replayed to the emulator at the next start. A change that can't be written (disk full)
is answered with 503 and taken back. The functions' packages in it are uploaded whenever functions are made, and are
kept in memory only.

`opsctl.local.kept` says what lies where on disk. `KEEP` versions of an object are kept.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from opsctl.errors import OpsctlError
from opsctl.files import fsync_folder, write_atomically
from opsctl.local.exchange import Handler, Request, Response, call_asgi, signed_request
from opsctl.local.gaps.gap import Gap
from opsctl.local.kept import Version

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]*-state-(\d{12})-[a-z0-9-]+")
KEEP = 10
PACKAGES = "packages/"  # Environment.package_prefix
SETTINGS = frozenset({
    "versioning", "encryption", "publicAccessBlock", "policy", "tagging", "lifecycle", "ownershipControls", "acl",
    "object-lock", "logging", "cors",
})  # fmt: skip
"""Sub-resources of a bucket that are set by PUT and removed by DELETE."""
KEPT_HEADERS = ("content-type", "content-encoding", "cache-control", "content-disposition")


class StateBucket(Gap):
    async def install(self) -> None:
        self._root = self.cloud.work / "state"
        self._lock = asyncio.Lock()
        for bucket in sorted(self._root.glob("*/*/*")):
            await self._restore(bucket)

    def wants(self, request: Request) -> bool:
        if request.service != "s3" or request.method not in ("PUT", "POST", "DELETE"):
            return False
        bucket, key = bucket_and_key(request)
        return BUCKET.fullmatch(bucket) is not None and not key.startswith(PACKAGES)

    async def answer(self, request: Request, forward: Handler) -> Response:
        async with self._lock:
            response = await forward(request)
            if response.status < 300:
                try:
                    await self._write_through(request, forward)
                except (OSError, OpsctlError) as error:
                    return await self._take_back(request, forward, error)
            return response

    async def _write_through(self, request: Request, forward: Handler) -> None:
        bucket, key = bucket_and_key(request)
        folder = self._root / self.cloud.account_of(request) / request.region / bucket
        if key:
            if "versionId" in request.query:
                await self._forget(folder, key)
            await self._keep_object(folder, request, key, forward)
        elif request.method == "POST" and "delete" in request.query:
            for deleted in ElementTree.fromstring(request.body).iterfind(".//{*}Object"):  # noqa: S314 - a client of ours
                key = deleted.findtext("{*}Key") or ""
                if deleted.findtext("{*}VersionId"):
                    await self._forget(folder, key)
                await self._keep_object(folder, request, key, forward)
        elif request.method != "POST":
            await self._keep_setting(folder, request)

    async def _keep_object(self, folder: Path, request: Request, key: str, forward: Handler) -> None:
        """Keep what the emulator now has under `key`: this covers copies and uploads in parts, too."""
        asked = signed_request("s3", self.cloud.account_of(request), request.region, "GET", f"/{folder.name}/{key}")
        found = await forward(asked)
        place = folder / "objects" / quote(key, safe="")
        versions = sorted(place.glob("[0-9]*"))
        if found.status == 404 and not versions:
            return
        headers = {
            name.lower(): value
            for name, value in found.headers
            if name.lower() in KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
        }
        deleted = found.status != 200
        version = Version(headers if not deleted else {}, deleted, b"" if deleted else found.body)
        number = int(versions[-1].name) + 1 if versions else 1
        await asyncio.to_thread(_write, self._root, place / f"{number:08}", version.encode())
        for old in versions[: max(0, len(versions) + 1 - KEEP)]:
            old.unlink()

    async def _forget(self, folder: Path, key: str) -> None:
        """A version was removed by its id, which only the emulator knows: keep none but the current one."""
        for old in sorted((folder / "objects" / quote(key, safe="")).glob("[0-9]*"))[:-1]:
            old.unlink()

    async def _keep_setting(self, folder: Path, request: Request) -> None:
        names = set(request.query) & SETTINGS
        if request.method == "DELETE" and not names:
            await asyncio.to_thread(shutil.rmtree, folder, True)
            await asyncio.to_thread(fsync_folder, folder.parent)
            return
        path = folder / "settings" / (names.pop() if names else "create")
        if request.method == "DELETE":
            path.unlink(missing_ok=True)
        else:
            await asyncio.to_thread(_write, self._root, path, request.body)

    async def _take_back(self, request: Request, forward: Handler, error: Exception) -> Response:
        """Undo a lock that is not on disk: the client must not find itself locked out by its own attempt."""
        if request.method == "PUT" and "if-none-match" in request.headers:
            kept = {name: value for name, value in request.headers.items() if name != "if-none-match"}
            await forward(replace(request, method="DELETE", headers=kept).with_body(b""))
        body = (
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>ServiceUnavailable</Code>"
            f"<Message>The local cloud could not write the state to disk: {error}</Message></Error>"
        )
        return Response(503, (("content-type", "application/xml"),)).with_body(body.encode())

    async def _restore(self, folder: Path) -> None:
        account_id, region, _ = folder.relative_to(self._root).parts
        for request in _replay(folder, account_id, region):
            await call_asgi(self.cloud.ministack, request)


def bucket_and_key(request: Request) -> tuple[str, str]:
    """Bucket and key of an S3 request, by its path or by its Host."""
    label = request.host.partition(".")[0]
    path = request.path.lstrip("/")
    if BUCKET.fullmatch(label):
        return label, path
    bucket, _, key = path.partition("/")
    return bucket, key


def _replay(folder: Path, account_id: str, region: str) -> Iterator[Request]:
    """The requests that make the bucket again: itself, its settings, each version of each object."""

    def request(method: str, path: str, **more: Any) -> Request:
        return signed_request("s3", account_id, region, method, path, **more)

    settings = {path.name: path.read_bytes() for path in (folder / "settings").glob("[a-zA-Z]*")}
    yield request("PUT", f"/{folder.name}", body=settings.pop("create", b""))
    for name, body in settings.items():
        yield request("PUT", f"/{folder.name}", query_string=f"{name}=", body=body)
    for place in sorted((folder / "objects").glob("*")):
        path = f"/{folder.name}/{unquote(place.name)}"
        for file in sorted(place.glob("[0-9]*")):
            version = Version.decode(file.read_bytes())
            if version.deleted:
                yield request("DELETE", path)
            else:
                yield request("PUT", path, body=version.body, headers=version.headers)


def _write(root: Path, path: Path, data: bytes) -> None:
    """Write durably, with the folders above it."""
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    write_atomically(path, data, mode=0o600)
    for folder in missing:
        fsync_folder(folder.parent)
