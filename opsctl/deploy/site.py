"""The static page: its files first, the HTML that names them last, and nothing at the edge that is older.

files → seen through the edge → index.html → invalidation → seen through the edge → files of long ago removed

A version is whole below `assets/<version>/`, its own index.html included (`opsctl.builds.site`), so going to any
version, new or old, is putting one small file. What is shown is read from the bucket, never remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from opsctl.aws.clients import Aws
from opsctl.aws.errors import AccessDenied, AwsError, CredentialsExpired, CredentialsMissing, NotFound
from opsctl.builds.site import (
    ASSETS,
    CONFIG,
    INDEX,
    Page,
    config_of,
    copy_key,
    copy_of,
    index_of,
    is_there,
    put,
    put_assets,
    read_page,
    version_of,
)
from opsctl.deploy.deploying import (
    ALL_AT_ONCE,
    Approver,
    AtWork,
    Deployed,
    ReturnNeeded,
    begin,
    outputs_of,
    require_agreed,
)
from opsctl.deploy.events import Watched
from opsctl.environments.events import Notice
from opsctl.environments.in_flight import Move
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.ports import Ports
from opsctl.errors import OpsctlError, UsageError, did_you_mean
from opsctl.smoke.edge import Edge

KIND = "site"
INVALIDATION_SECONDS = 15 * 60
"""How long we ask for an invalidation's end; what the edge then serves decides. Usually it takes seconds to minutes."""
SEEN_SECONDS = 60
"""How long what was put may take to be seen: CloudFront keeps a missing file's 403 for 10 s (error caching TTL)."""
LASTING = (AccessDenied, NotFound, CredentialsMissing, CredentialsExpired)
"""Errors that asking again does not mend."""
DELETED_AT_ONCE = 1000
"""S3 API reference, DeleteObjects."""


class NoSite(UsageError):
    """The environment has no page, or no edge before it."""


class UnknownVersion(UsageError):
    """The bucket has no page of that version."""


class StillServed(OpsctlError):
    """The edge goes on serving what was taken back."""


@dataclass(frozen=True)
class PageVersion:
    """A version of the page that can be shown again.

    Attributes:
        published_at: UTC, when its files were put.
        removed: its files were removed; they come back from the bucket's object versions.
    """

    version: str
    published_at: datetime
    removed: bool


@dataclass(frozen=True)
class Site:
    """Where an environment's page lies, and how viewers get it."""

    aws: Aws
    bucket: str
    distribution_id: str
    edge: Edge

    @classmethod
    def of(cls, ports: Ports, outputs: Mapping[str, Any]) -> Site:
        """Raises:
        NoSite: the stack has none.
        """
        site, edge = outputs.get("site") or {}, outputs.get("edge") or {}
        if not site.get("bucket") or not edge.get("distribution_id"):
            raise NoSite(f"{ports.environment.name} has no site.", where="outputs site.bucket, edge.distribution_id")
        return cls(ports.aws, site["bucket"], edge["distribution_id"], Edge.to(edge["domain_name"], ports.access))

    def read(self, key: str) -> bytes:
        """An object; nothing when it isn't there."""
        try:
            body: bytes = self.aws.call("s3", "get_object", Bucket=self.bucket, Key=key)["Body"].read()
        except NotFound:
            return b""
        return body

    def shown(self) -> str:
        """The version that index.html names; empty without one."""
        return version_of(self.read(INDEX))

    def restore(self, version: str) -> bool:
        """Have a version's removed files back: a deletion is a marker, and ends when that is deleted.

        Says whether the version is whole now. Source: S3 User Guide, "Removing delete markers".
        """
        markers = self.aws.pages(
            "s3", "list_object_versions", "DeleteMarkers[?IsLatest].[Key, VersionId]", Bucket=self.bucket,
            Prefix=f"{ASSETS}{version}/",
        )  # fmt: skip
        _delete(self.aws, self.bucket, [{"Key": key, "VersionId": marker} for key, marker in markers])
        return bool(self.read(copy_key(version)))

    def remove_all_but(self, versions: Iterable[str]) -> int:
        """Remove the files of other versions; how many files. What lies there without a version is left alone."""
        kept = {*versions, ""}
        old = [{"Key": key} for key, _ in self.files() if _version(key) not in kept]
        _delete(self.aws, self.bucket, old)
        return len(old)

    def files(self) -> Iterable[tuple[str, int]]:
        """Keys of all versions' files, with their sizes in bytes."""
        return self.aws.pages("s3", "list_objects_v2", "Contents[].[Key, Size]", Bucket=self.bucket, Prefix=ASSETS)


def deploy_site(
    ports: Ports, *, folder: Path | None = None, approve: Approver = lambda _: True,
    intent: Intent = UNSAID,
) -> Deployed:  # fmt: skip
    """Show another version of the page.

    Args:
        folder: index.html beside `assets/`; the stack's own page unless given.
        approve: asked with the move before anything is changed.

    Raises:
        BadPage, NoSite, NotUp, Refused: nothing was changed.
        Otherwise as `opsctl.deploy.begin`.
    """
    outputs = outputs_of(ports)
    folder = (folder or ports.environment.stack.parent / "modules" / "site" / "page").absolute()
    after = read_page(folder, {}).version
    moves = (Move(KIND, KIND, Site.of(ports, outputs).shown(), after),)
    require_agreed(approve, moves)
    return begin(ports, SiteMover(), moves, strategy=ALL_AT_ONCE, settings={"folder": str(folder)}, intent=intent)


def earlier_versions(ports: Ports, outputs: Mapping[str, Any]) -> tuple[PageVersion, ...]:
    """Every version that can be shown again, the latest first; the one that is shown is among them.

    Raises:
        NoSite
    """
    site = Site.of(ports, outputs)
    there = {_version(key) for key, _ in site.files()}
    found: dict[str, datetime] = {}
    for key, at in site.aws.pages(
        "s3", "list_object_versions", "Versions[].[Key, LastModified]", Bucket=site.bucket, Prefix=ASSETS
    ):
        version = _version(key)
        if version and key == copy_key(version):
            found[version] = max(at, found.get(version, at))
    latest_first = sorted(found.items(), key=lambda item: item[1], reverse=True)
    return tuple(PageVersion(version, at, version not in there) for version, at in latest_first)


class SiteMover:
    """Moves the page: forward by a folder's files, or to a version that the bucket still has."""

    def current(self, ports: Ports, outputs: Mapping[str, Any], name: str) -> str:
        """Raises:
        NoSite: there is none here, or it has another name.
        """
        if name != KIND:
            raise NoSite(f"There is no page {name!r}.", next=f"It is called {KIND}.")
        return Site.of(ports, outputs).shown()

    def require_version(
        self, ports: Ports, outputs: Mapping[str, Any], name: str, version: str, intent: Intent
    ) -> None:
        """Raises:
        UnknownVersion: the bucket has no such page, or no longer.
        """
        known = [found.version for found in earlier_versions(ports, outputs)]
        if version not in known:
            raise UnknownVersion(
                f"There is no page of version {version}.{did_you_mean(version, known)}",
                next=f"Known, the latest first: {', '.join(known) or 'none'}.",
            )

    def forward(self, at_work: AtWork) -> None:
        """Every step may be done twice, so a resumed deploy begins with the one that was written down."""
        site, names, begun = Site.of(at_work.ports, at_work.outputs), list(STEPS), at_work.deploy.step
        seen = {} if begun else _look(at_work, site)
        for name in names[names.index(begun or names[0]) :]:
            move = at_work.deploy.move
            now = move.before if name == names[0] else move.after
            at_work.step(name, weights={now: 100.0} if now else {}, **seen)
            STEPS[name](at_work, site)

    def back(self, at_work: AtWork) -> None:
        """Put index.html and site.json back as they were, byte by byte."""
        site, settings = Site.of(at_work.ports, at_work.outputs), at_work.deploy.settings
        if "was" not in settings:
            return
        before = at_work.deploy.move.before
        at_work.step("index.html back", weights={before: 100.0} if before else {})
        put_back = [_put_back(site, key, was) for key, was in settings["was"].items()]
        if not any(put_back):
            return  # viewers were never shown anything else
        at_work.step("invalidation back")
        try:
            _invalidate(at_work, site, settings["paths"], f"{at_work.deploy.id}-back")
        except AwsError as error:  # what the edge serves decides
            at_work.ports.on_event(Notice(f"The edge was not told to forget what it has: {error.what}"))
        at_work.step("proof back")
        if unseen := _wait_until_seen(at_work, site, _as_shown(site)):
            raise StillServed(f"The edge does not serve the page before again: {unseen}")


def _look(at_work: AtWork, site: Site) -> dict[str, Any]:
    """What is there now, and which paths will change, to be written down."""
    if before := at_work.deploy.move.before:  # whatever published it: from now on it can be gone back to
        put(site.aws, site.bucket, copy_of(before, site.read(INDEX)))
    page = _page(at_work)
    changes_index = not (page and is_there(site.aws, site.bucket, page.index))
    changes_config = page is not None and not is_there(site.aws, site.bucket, page.config)
    return {
        "was": {key: _object_version(site, key) for key in (INDEX, CONFIG)},
        "paths": ["/", f"/{INDEX}"] * changes_index + [f"/{CONFIG}"] * changes_config,
    }


def _put_files(at_work: AtWork, site: Site) -> None:
    """Have all of the version lie there, and come through the edge, before anything names it."""
    version, page, put_keys = at_work.deploy.move.after, _page(at_work), []
    wanted: dict[str, bytes | int]
    if page:
        put_keys = put_assets(site.aws, site.bucket, page)
        wanted = {f"/{file.key}": file.body for file in (*page.assets, page.copy)}
    elif site.restore(version):
        wanted = {f"/{key}": size for key, size in site.files() if _version(key) == version}
    else:
        raise ReturnNeeded(f"the bucket has no page of version {version}")
    if unseen := _wait_until_seen(at_work, site, wanted):
        raise ReturnNeeded(f"not every file of the new page comes through the edge: {unseen}")
    why = f"all {len(wanted)} files of {version} come through the edge"
    at_work.decide("advance", why, {"files": len(wanted), "put": len(put_keys)})


def _put_index(at_work: AtWork, site: Site) -> None:
    """What lies in the bucket was proved; the folder isn't needed any longer."""
    if "folder" in at_work.deploy.settings:
        put(site.aws, site.bucket, config_of(_config(at_work)))
    put(site.aws, site.bucket, index_of(site.read(copy_key(at_work.deploy.move.after))))


def _forget_old(at_work: AtWork, site: Site) -> None:
    _invalidate(at_work, site, at_work.deploy.settings["paths"], at_work.deploy.id)


def _prove(at_work: AtWork, site: Site) -> None:
    version = at_work.deploy.move.after
    if unseen := _wait_until_seen(at_work, site, _as_shown(site)):
        raise ReturnNeeded(f"the edge does not serve the new page: {unseen}")
    at_work.decide("promote", f"the edge serves {version}", {"invalidated": at_work.deploy.settings["paths"]})


def _tidy(at_work: AtWork, site: Site) -> None:
    """Files of the version before stay until the next deploy: a page that is open somewhere asks for them."""
    move = at_work.deploy.move
    if move.before == move.after:
        return
    try:
        site.remove_all_but((move.before, move.after))
    except AwsError as error:  # the next deploy removes them
        at_work.ports.on_event(Notice(f"Files of older pages are still there: {error.what}"))


STEPS: Mapping[str, Callable[[AtWork, Site], None]] = {
    "assets": _put_files, "index.html": _put_index, "invalidation": _forget_old, "proof": _prove, "tidy": _tidy,
}  # fmt: skip


def _page(at_work: AtWork) -> Page | None:
    """The page that is deployed, as its folder has it now; None for a rollback, which has no folder.

    Raises:
        ReturnNeeded: it is no longer what the deploy began with.
    """
    folder, after = at_work.deploy.settings.get("folder"), at_work.deploy.move.after
    if folder is None:
        return None
    page = read_page(Path(folder), _config(at_work))
    if page.version != after:
        raise ReturnNeeded(f"{folder} is no longer the page that this deploy began with")
    return page


def _config(at_work: AtWork) -> dict[str, str]:
    """What the page is told of its environment; nothing in it is a secret."""
    key = at_work.outputs.get("api", {}).get("site_api_key_id")
    config = {"environment": at_work.ports.environment.name}
    if key:
        config["api_key"] = at_work.ports.aws.call("apigateway", "get_api_key", apiKey=key, includeValue=True)["value"]
    return config


def _invalidate(at_work: AtWork, site: Site, paths: Sequence[str], reference: str) -> None:
    """Have the edge forget some paths, and wait until it says that it did, or until nobody can be asked any longer.

    The same reference names the same invalidation, so it may be asked for again (CloudFront API reference,
    CreateInvalidation). Throttled or failed calls are noted and tried again.

    Raises:
        AwsError: one that asking again does not mend.
        ReturnNeeded: somebody asked for the way back.
    """
    if not paths:
        return
    clock = at_work.ports.clock
    asked, deadline = "", clock.monotonic() + INVALIDATION_SECONDS
    while clock.monotonic() < deadline:
        note = ""
        try:
            if not asked:
                asked = site.aws.call("cloudfront", "create_invalidation", DistributionId=site.distribution_id,
                    InvalidationBatch={"CallerReference": reference,
                                       "Paths": {"Quantity": len(paths), "Items": list(paths)}},
                )["Invalidation"]["Id"]  # fmt: skip
            answer = site.aws.call("cloudfront", "get_invalidation", DistributionId=site.distribution_id, Id=asked)
            if answer["Invalidation"]["Status"] == "Completed":
                return
        except LASTING:
            raise
        except AwsError as error:
            note = error.what
        _watched(at_work, deadline, f"the edge to forget {', '.join(paths)}", note)
        at_work.pause()


def _wait_until_seen(at_work: AtWork, site: Site, wanted: Mapping[str, bytes | int]) -> str:
    """Until each path comes through the edge with its bytes (or its size); what doesn't, in words."""
    clock = at_work.ports.clock
    deadline = clock.monotonic() + SEEN_SECONDS
    while True:
        unseen = [
            problem for problem in site.aws.map(lambda item: _unseen(site.edge, *item), wanted.items()) if problem
        ]
        if not unseen or clock.monotonic() >= deadline:
            return "; ".join(unseen[:3])
        _watched(at_work, deadline, "the edge to serve it", unseen[0])
        at_work.pause()


def _unseen(edge: Edge, path: str, wanted: bytes | int) -> str:
    try:
        answer = edge.request("GET", path)
    except OpsctlError as error:
        return error.what
    if answer.status != 200:
        return f"{path} answers {answer.status}"
    if (len(answer.body) if isinstance(wanted, int) else answer.body) != wanted:
        return f"{path} is another one ({len(answer.body)} bytes)"
    return ""


def _as_shown(site: Site) -> dict[str, bytes | int]:
    """What viewers are to get: the bucket's own."""
    index, config = site.read(INDEX), site.read(CONFIG)
    wanted = {"/": index, f"/{INDEX}": index, f"/{CONFIG}": config}
    return {path: body for path, body in wanted.items() if body}


def _watched(at_work: AtWork, deadline: float, waits_for: str, note: str) -> None:
    move, left = at_work.deploy.move, deadline - at_work.ports.clock.monotonic()
    at_work.tell(Watched(move, at_work.deploy.step, {}, (), {}, max(0.0, left), waits_for, note))


def _object_version(site: Site, key: str) -> str:
    """Which object version is there now; empty when none is.

    Raises:
        NoSite: the bucket keeps no versions, so that there would be no way back.
    """
    try:
        found = site.aws.call("s3", "head_object", Bucket=site.bucket, Key=key).get("VersionId", "null")
    except NotFound:
        return ""
    if found == "null":
        raise NoSite(
            "The site's bucket keeps no versions of its objects, so there would be no way back.",
            where=f"s3://{site.bucket}", next="Turn its versioning on: opsctl up does.",
        )  # fmt: skip
    return str(found)


def _put_back(site: Site, key: str, was: str) -> bool:
    """Have an object version be the latest again, with its headers; without one the object goes. False: it is."""
    if _object_version(site, key) == was:
        return False
    if was:
        source = {"Bucket": site.bucket, "Key": key, "VersionId": was}
        site.aws.call(
            "s3", "copy_object", Bucket=site.bucket, Key=key, CopySource=source, MetadataDirective="COPY"
        )  # fmt: skip
    else:
        site.aws.call("s3", "delete_object", Bucket=site.bucket, Key=key)
    return True


def _version(key: str) -> str:
    """Of which version's files a key is; empty for others."""
    version = key.removeprefix(ASSETS).partition("/")[0]
    return version if version_of(f'src="{ASSETS}{version}/"'.encode()) else ""


def _delete(aws: Aws, bucket: str, objects: Sequence[Mapping[str, str]]) -> None:
    for begin_at in range(0, len(objects), DELETED_AT_ONCE):
        batch = list(objects[begin_at : begin_at + DELETED_AT_ONCE])
        aws.call("s3", "delete_objects", Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
