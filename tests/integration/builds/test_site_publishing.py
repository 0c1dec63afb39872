"""Publishing the page to a bucket of a local cloud of our own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from opsctl.aws import Access, Aws, NotFound
from opsctl.builds.site import ObjectPut, is_published, publish_site
from opsctl.local import LocalCloud

PAGE = Path(__file__).parents[3] / "terraform" / "modules" / "site" / "page"
CONFIG = {"api_key": "abc", "environment": "local"}


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"), "111122223333", "eu-central-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPSCTL_LOCAL_PORT", "0")
        running = cloud.start()
    try:
        yield Access("eu-central-1", "111122223333", running.endpoint_url)
    finally:
        cloud.stop()


@pytest.fixture
def bucket(access: Access) -> str:
    name = f"site-{uuid4().hex[:8]}"
    constraint = {"LocationConstraint": "eu-central-1"}
    Aws(access).call("s3", "create_bucket", Bucket=name, CreateBucketConfiguration=constraint)
    return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Our page, to be changed at will."""
    return Path(shutil.copytree(PAGE, tmp_path / "page"))


class AwsThatLoses(Aws):
    """A connection that breaks when a certain object is put."""

    def __init__(self, access: Access, key: str) -> None:
        super().__init__(access)
        self.key = key

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        key = parameters.get("Key", "")
        if operation == "put_object" and self.key in (key, "/" + key.rpartition("/")[2]):
            raise ConnectionResetError
        return super().call(service, operation, region=region, **parameters)


def read(aws: Aws, bucket: str, key: str) -> bytes:
    body: bytes = aws.call("s3", "get_object", Bucket=bucket, Key=key)["Body"].read()
    return body


def test_a_page_is_published_once_and_a_second_time_nothing_is_put(access: Access, bucket: str) -> None:
    aws = Aws(access)
    assert not is_published(aws, bucket)
    seen: list[ObjectPut] = []
    first = publish_site(aws, bucket, PAGE, CONFIG, on_event=seen.append)
    assert is_published(aws, bucket)
    assert {put.key for put in seen} == set(first.files) == set(first.changed)
    assert seen[-1].key == "index.html"
    assert publish_site(aws, bucket, PAGE, CONFIG).changed == ()


def test_headers_that_somebody_changed_by_hand_are_put_right(access: Access, bucket: str) -> None:
    aws = Aws(access)
    publish_site(aws, bucket, PAGE, CONFIG)
    body = read(aws, bucket, "index.html")
    aws.call("s3", "put_object", Bucket=bucket, Key="index.html", Body=body, ContentType="text/plain")
    assert publish_site(aws, bucket, PAGE, CONFIG).changed == ("index.html",)
    assert aws.call("s3", "head_object", Bucket=bucket, Key="index.html")["ContentType"] == "text/html; charset=utf-8"


def test_a_new_key_changes_the_configuration_alone(access: Access, bucket: str) -> None:
    aws = Aws(access)
    publish_site(aws, bucket, PAGE, CONFIG)
    assert publish_site(aws, bucket, PAGE, CONFIG | {"api_key": "new"}).changed == ("site.json",)


def test_a_page_that_is_open_still_finds_its_own_version(access: Access, bucket: str, folder: Path) -> None:
    aws = Aws(access)
    before = publish_site(aws, bucket, folder, CONFIG)
    (folder / "assets" / "style.css").write_text("body {}")
    after = publish_site(aws, bucket, folder, CONFIG)
    assert before.version != after.version
    assert read(aws, bucket, f"assets/{before.version}/style.css") != read(
        aws, bucket, f"assets/{after.version}/style.css"
    )


@pytest.mark.parametrize("lost", ["/api.js", "/index.html", "site.json", "index.html"])
def test_what_breaks_on_the_way_leaves_the_page_before_whole(
    access: Access, bucket: str, folder: Path, lost: str
) -> None:
    aws = Aws(access)
    before = publish_site(aws, bucket, folder, CONFIG)
    (folder / "assets" / "api.js").write_text("export {};")
    with pytest.raises(ConnectionResetError):
        publish_site(AwsThatLoses(access, lost), bucket, folder, CONFIG | {"environment": "changed"})
    assert before.version in read(aws, bucket, "index.html").decode()
    for key in before.files:
        read(aws, bucket, key)
    assert publish_site(aws, bucket, folder, CONFIG).version in read(aws, bucket, "index.html").decode()


def test_a_bucket_that_is_not_there_is_named(access: Access) -> None:
    with pytest.raises(NotFound):
        publish_site(Aws(access), "not-there", PAGE, CONFIG)
