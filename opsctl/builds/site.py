"""Publish the static page so that no browser ever sees half of one version and half of another.

Everything that index.html names lies below `assets/<version>/`, where the version is a digest of all of it: such
objects never change and may be cached for a year. index.html, the one name that changes its meaning, is written last;
a copy of it lies with its assets, so that a version is whole there and can be shown again. Versions before stay: a page
that is open somewhere still asks for them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from opsctl.aws.clients import Aws
from opsctl.aws.errors import NotFound
from opsctl.errors import UsageError

INDEX = "index.html"
CONFIG = "site.json"
"""Not config.json: rules against scanners, such as OWASP's core rule set 930130, block that name."""
ASSETS = "assets/"
FOREVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"
"""May be kept, and not used without asking. CloudFront keeps it for the policy's minimum of 1 s (developer guide,
"Managing how long content stays in the cache"), so a new version needs no invalidation."""
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""Ours rather than `mimetypes`, which reads a file of the machine."""


class BadPage(UsageError):
    """The page's folder can't be published."""


@dataclass(frozen=True)
class SiteObject:
    """One object as it shall be in the bucket."""

    key: str
    body: bytes
    content_type: str
    cache_control: str

    @property
    def etag(self) -> str:
        """As S3 makes it: the MD5 of what was put at once and is encrypted by S3's own keys (API reference, Object)."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass(frozen=True)
class Page:
    """What a folder becomes: everything that may lie there beforehand, the configuration, and index.html.

    Attributes:
        version: digest of assets and index.html, 12 hex digits.
        copy: index.html among the assets; where it is, all of them are.
    """

    version: str
    assets: tuple[SiteObject, ...]
    copy: SiteObject
    config: SiteObject
    index: SiteObject

    @property
    def objects(self) -> tuple[SiteObject, ...]:
        """In the order in which they must arrive."""
        return (*self.assets, self.copy, self.config, self.index)


@dataclass(frozen=True)
class ObjectPut:
    """An object was new or had changed, and is in the bucket now."""

    key: str
    size_bytes: int


@dataclass(frozen=True)
class Published:
    """What the bucket shows now.

    Attributes:
        files: keys of the page, in the order of their arrival.
        changed: those of them that were put; nothing when the page was there already.
    """

    bucket: str
    version: str
    files: tuple[str, ...]
    changed: tuple[str, ...]


Listener = Callable[[ObjectPut], None]


def publish_site(
    aws: Aws, bucket: str, folder: Path, config: Mapping[str, str], *, on_event: Listener = lambda _: None
) -> Published:
    """Put a page into its bucket, unless it is there. Until index.html arrives, the page before is whole.

    Args:
        folder: index.html beside `assets/` (see `read_page`).
        config: becomes site.json, which anybody can read: nothing in it is a secret.
        on_event: called from several threads.

    Raises:
        BadPage: nothing was put.
        AwsError: some objects may have been put.
    """
    page = read_page(folder, config)
    changed = put_assets(aws, bucket, page, on_event=on_event)
    changed += [wanted.key for wanted in (page.config, page.index) if put(aws, bucket, wanted, on_event=on_event)]
    return Published(bucket, page.version, tuple(wanted.key for wanted in page.objects), tuple(changed))


def put_assets(aws: Aws, bucket: str, page: Page, *, on_event: Listener = lambda _: None) -> list[str]:
    """Put all of a version that may lie there beforehand; the keys that were not there yet.

    Args:
        on_event: called from several threads.
    """
    new = aws.map(lambda wanted: put(aws, bucket, wanted, on_event=on_event), page.assets)
    put_keys = [wanted.key for wanted, is_new in zip(page.assets, new, strict=True) if is_new]
    return put_keys + ([page.copy.key] if put(aws, bucket, page.copy, on_event=on_event) else [])


def put(aws: Aws, bucket: str, wanted: SiteObject, *, on_event: Listener = lambda _: None) -> bool:
    """Put one object, unless it is there just so. Says whether it was put."""
    if is_there(aws, bucket, wanted):
        return False
    aws.call(
        "s3", "put_object", Bucket=bucket, Key=wanted.key, Body=wanted.body,
        ContentType=wanted.content_type, CacheControl=wanted.cache_control,
    )  # fmt: skip
    on_event(ObjectPut(wanted.key, len(wanted.body)))
    return True


def is_published(aws: Aws, bucket: str) -> bool:
    """Whether the bucket has a page at all. Source: S3 API reference, HeadObject (404 needs s3:ListBucket)."""
    return _head(aws, bucket, INDEX) is not None


def read_page(folder: Path, config: Mapping[str, str]) -> Page:
    """A folder as the objects that it becomes; the same folder gives the same version on any machine.

    Raises:
        BadPage: no index.html, a file outside of assets/, a type that we don't know, a name that leads nowhere.
    """
    if not (folder / INDEX).is_file():
        raise BadPage(f"There is no {INDEX} to publish.", where=str(folder))
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    files = {name: found[name].read_bytes() for name in sorted(found) if not _is_hidden(name)}
    index = files.pop(INDEX)
    for name in files:
        if not name.startswith(ASSETS):
            raise BadPage(
                f"{name} lies outside of {ASSETS}, so browsers would keep an old one.", where=str(folder / name),
                next=f"Move it into {ASSETS}.",
            )  # fmt: skip
    _check_references(index.decode(), files, folder)
    digest = hashlib.sha256()
    for name, body in [(INDEX, index), *files.items()]:
        digest.update(f"{name}\0{_content_type(name)}\0{len(body)}\0".encode() + body)
    version = digest.hexdigest()[:12]
    shown = REFERENCE.sub(rf"\g<1>{ASSETS}{version}/", index.decode()).encode()
    if version_of(shown) != version:
        raise BadPage(
            f"{INDEX} names nothing below {ASSETS}, so nobody could tell its versions apart.",
            where=str(folder / INDEX),
        )  # fmt: skip

    def place(name: str, body: bytes, cache_control: str) -> SiteObject:
        return SiteObject(name, body, _content_type(name), cache_control)

    return Page(
        version=version,
        assets=tuple(place(_versioned(name, version), body, FOREVER) for name, body in files.items()),
        copy=copy_of(version, shown),
        config=config_of(config),
        index=index_of(shown),
    )


REFERENCE = re.compile(rf"""((?:src|href)=["']/?){ASSETS}""")
VERSIONED = re.compile(rf"""{REFERENCE.pattern}([0-9a-f]{{12}})/""")


def config_of(config: Mapping[str, str]) -> SiteObject:
    """site.json."""
    return SiteObject(CONFIG, json.dumps(dict(config), sort_keys=True).encode(), _content_type(CONFIG), ASK_FIRST)


def index_of(body: bytes) -> SiteObject:
    """index.html as it is shown; `body` is a version's own copy of it."""
    return SiteObject(INDEX, body, _content_type(INDEX), ASK_FIRST)


def copy_of(version: str, body: bytes) -> SiteObject:
    """A version's own index.html, which never changes."""
    return SiteObject(copy_key(version), body, _content_type(INDEX), FOREVER)


def copy_key(version: str) -> str:
    """Where a version keeps its own index.html."""
    return f"{ASSETS}{version}/{INDEX}"


def version_of(index: bytes) -> str:
    """The version whose assets a published index.html names; empty when it names none."""
    found = VERSIONED.search(index.decode("utf-8", "replace"))
    return found[2] if found else ""


def _versioned(name: str, version: str) -> str:
    return f"{ASSETS}{version}/{name.removeprefix(ASSETS)}"


def _check_references(index: str, files: Iterable[str], folder: Path) -> None:
    named = set(re.findall(rf"""(?:src|href)=["']/?({ASSETS}[^"'?#]*)""", index))
    if missing := sorted(named - set(files)):
        raise BadPage(f"{INDEX} names {', '.join(missing)}, which isn't there.", where=str(folder / INDEX))


def _content_type(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    if suffix not in CONTENT_TYPES:
        raise BadPage(
            f"No content type is known for {name}.", where=name,
            next=f"Rename it, or add {suffix or 'its suffix'} to CONTENT_TYPES in opsctl/builds/site.py.",
        )  # fmt: skip
    return CONTENT_TYPES[suffix]


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def is_there(aws: Aws, bucket: str, wanted: SiteObject) -> bool:
    """Whether an object has these bytes and these headers. Source: S3 API reference, HeadObject."""
    there = _head(aws, bucket, wanted.key)
    return there == (wanted.etag, wanted.content_type, wanted.cache_control)


def _head(aws: Aws, bucket: str, key: str) -> tuple[str, str, str] | None:
    try:
        head = aws.call("s3", "head_object", Bucket=bucket, Key=key)
    except NotFound:
        return None
    return head["ETag"], head.get("ContentType", ""), head.get("CacheControl", "")
