"""Deploys of the page: a real bucket and a real edge of a local cloud of our own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from opsctl.aws.errors import AccessDenied, AwsError, Throttled
from opsctl.builds.site import CONFIG, INDEX, publish_site, read_page, version_of
from opsctl.config import load_config
from opsctl.deploy import DeployReturned, HalfDone, resume
from opsctl.deploy.deploying import MovedMeanwhile
from opsctl.deploy.events import Decided, StepBegun, Watched
from opsctl.deploy.rolling_back import roll_back
from opsctl.deploy.site import UnknownVersion, deploy_site, earlier_versions
from opsctl.environments.bootstrap import bootstrap
from opsctl.environments.environment import load_environment
from opsctl.environments.events import Notice
from opsctl.environments.in_flight import InFlightStore
from opsctl.environments.ports import Ports, connect, journal_of
from opsctl.errors import Refused
from opsctl.smoke.edge import Edge

PROJECT = Path(__file__).parents[3]
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """A local environment without a stack: each test makes the part of one that a page needs."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "opsctl.toml", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPSCTL_LOCAL_PORT", "0")
        patch.setenv("OPSCTL_TERRAFORM", str(PROJECT / "terraform"))
        config = load_config(root)
        made = connect(config, load_environment(config, "local"), on_event=lambda _: None)
        bootstrap(made)
        yield made
        assert made.cloud
        made.cloud.stop()


class Hasty:
    """A clock on which waiting takes no time, and brings everything nearer."""

    def __init__(self, ports: Ports) -> None:
        self._clock, self.slept = ports.clock, 0.0

    def now(self) -> Any:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += 20 * seconds


class Shop:
    """An environment with a page before the edge, and what its deploys told."""

    def __init__(self, cloud: Ports, folder: Path) -> None:
        self.folder, self.events = folder, []  # type: ignore[var-annotated]
        self.faults: dict[str, Callable[[dict[str, Any]], None]] = {}
        name = f"s{uuid4().hex[:8]}"
        self.bucket, self.domain = f"site-{name}", f"{name}.opsctl.test"
        real = cloud.aws.call
        cloud.aws.call("s3", "create_bucket", Bucket=self.bucket,
                       CreateBucketConfiguration={"LocationConstraint": cloud.access.region})  # fmt: skip
        cloud.aws.call("s3", "put_bucket_versioning", Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        readers = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                   "Resource": f"arn:aws:s3:::{self.bucket}/*"}  # fmt: skip
        cloud.aws.call("s3", "put_bucket_policy", Bucket=self.bucket,
                       Policy=json.dumps({"Version": "2012-10-17", "Statement": [readers]}))  # fmt: skip
        distribution = cloud.aws.call("cloudfront", "create_distribution", DistributionConfig={
            "CallerReference": name, "Comment": "", "Enabled": True, "DefaultRootObject": INDEX,
            "Aliases": {"Quantity": 1, "Items": [self.domain]},
            "Origins": {"Quantity": 1, "Items": [{
                "Id": "site", "DomainName": f"{self.bucket}.s3.{cloud.access.region}.amazonaws.com",
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            }]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": CACHING_OPTIMIZED, "Compress": True,
            },
        })["Distribution"]  # fmt: skip

        class Faulty(type(cloud.aws)):  # type: ignore[misc]
            def call(other, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> Any:
                if operation in self.faults:
                    self.faults[operation](parameters)
                return real(service, operation, region=region, **parameters)

        environment = replace(cloud.environment, name=name)
        self.ports = replace(
            cloud, environment=environment, aws=Faulty(cloud.access), bucket=cloud.bucket_of(environment),
            journal=journal_of(environment, cloud.bucket_of(environment), cloud.cloud), on_event=self.events.append,
        )  # fmt: skip
        self.ports.clock = Hasty(cloud)
        self.outputs = {
            "site": {"bucket": self.bucket},
            "edge": {"domain_name": self.domain, "distribution_id": distribution["Id"]},
        }
        self.ports.bucket.write(environment.state_key, json.dumps({
            "version": 4, "serial": 1, "lineage": name, "terraform_version": "1.14.0",
            "outputs": {key: {"value": value} for key, value in self.outputs.items()},
            "resources": [{"mode": "managed", "type": "aws_s3_bucket", "instances": [{"attributes": {"id": "b"}}]}],
        }).encode())  # fmt: skip
        self.edge = Edge.to(self.domain, cloud.access)
        self.first = publish_site(self.ports.aws, self.bucket, folder, {"environment": name}).version
        self.edge.request("GET", "/")

    def change(self, text: str) -> str:
        """Write the page's next version; which it is."""
        (self.folder / "assets" / "style.css").write_text(f"body {{ color: {text} }}")
        return read_page(self.folder, {}).version

    def deploy(self) -> Any:
        return deploy_site(self.ports, folder=self.folder)

    def shown(self) -> str:
        """The version that a viewer gets."""
        return version_of(self.edge.request("GET", "/").body)

    def read(self, key: str) -> tuple[bytes, str, str]:
        """An object with its headers."""
        found = self.ports.aws.call("s3", "get_object", Bucket=self.bucket, Key=key)
        return found["Body"].read(), found["ContentType"], found["CacheControl"]

    def kept(self) -> set[str]:
        """Versions whose files lie in the bucket."""
        keys = self.ports.aws.pages("s3", "list_objects_v2", "Contents[].Key", Bucket=self.bucket, Prefix="assets/")
        return {key.split("/")[1] for key in keys}

    def invalidations(self) -> list[list[str]]:
        """Paths of each invalidation, the first first."""
        given = {"DistributionId": self.outputs["edge"]["distribution_id"]}
        found = self.ports.aws.call("cloudfront", "list_invalidations", **given)["InvalidationList"].get("Items", [])
        batches = [self.ports.aws.call("cloudfront", "get_invalidation", Id=item["Id"], **given) for item in found]
        return sorted(batch["Invalidation"]["InvalidationBatch"]["Paths"]["Items"] for batch in batches)

    def keep_the_page_at_the_edge(self) -> None:
        """As somebody's headers would have it: for a year, unless the edge is told to forget it."""
        body, content_type, _ = self.read(INDEX)
        self.ports.aws.call("s3", "put_object", Bucket=self.bucket, Key=INDEX, Body=body, ContentType=content_type,
                            CacheControl="max-age=31536000")  # fmt: skip
        for path in ("/", f"/{INDEX}"):
            self.ports.aws.call("cloudfront", "create_invalidation", InvalidationBatch={
                "CallerReference": uuid4().hex, "Paths": {"Quantity": 1, "Items": [path]},
            }, DistributionId=self.outputs["edge"]["distribution_id"])  # fmt: skip
            self.edge.request("GET", path)

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def shop(cloud: Ports, tmp_path: Path) -> Shop:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / INDEX).write_text('<link rel="stylesheet" href="assets/style.css"><script src="assets/app.js"></script>')
    (folder / "assets" / "app.js").write_text("export {};")
    (folder / "assets" / "style.css").write_text("body {}")
    return Shop(cloud, folder)


def failing(error: Exception, *, times: int = 10**6) -> Callable[[dict[str, Any]], None]:
    """A fault that holds for some calls."""
    left = iter(range(times))

    def fault(parameters: dict[str, Any]) -> None:
        if next(left, None) is not None:
            raise error

    return fault


def test_viewers_get_the_new_page_and_only_what_changed_is_invalidated(shop: Shop) -> None:
    second = shop.change("red")
    done = shop.deploy()
    assert (done.outcome, done.moves[0].before, done.moves[0].after) == ("done", shop.first, second)
    assert shop.shown() == second
    assert shop.invalidations() == [["/", "/index.html"]]
    assert [event.step for event in shop.told(StepBegun)] == [
        "assets", "index.html", "invalidation", "proof", "tidy",
    ]  # fmt: skip
    assert [event.decision.verdict for event in shop.told(Decided)] == ["advance", "promote"]
    assert InFlightStore(shop.ports.bucket, shop.ports.environment.name).read() is None


def test_a_page_that_is_shown_already_is_not_deployed_anew(shop: Shop) -> None:
    second = shop.change("red")
    shop.deploy()
    assert shop.deploy().outcome == "done"
    assert shop.invalidations() == [["/", "/index.html"]]
    assert shop.kept() == {shop.first, second}


def test_what_a_deploy_leaves_out_is_kept_until_the_next_one(shop: Shop) -> None:
    second = shop.change("red")
    shop.deploy()
    assert shop.kept() == {shop.first, second}
    third = shop.change("blue")
    shop.deploy()
    assert shop.kept() == {second, third}


def test_a_version_whose_files_were_removed_comes_back_whole(shop: Shop) -> None:
    (shop.folder / "assets" / "old.svg").write_text("<svg/>")
    old = shop.change("grey")
    shop.deploy()
    (shop.folder / "assets" / "old.svg").unlink()
    for colour in ("red", "blue"):
        last = shop.change(colour)
        shop.deploy()
    assert old not in shop.kept()
    found = {version.version: version.removed for version in earlier_versions(shop.ports, shop.outputs)}
    assert (found[old], found[last], next(iter(found))) == (True, False, last)
    roll_back(shop.ports, ["site"], to=old)
    assert shop.shown() == old
    assert shop.edge.request("GET", f"/assets/{old}/old.svg").body == b"<svg/>"


def test_rolling_back_shows_the_page_before_the_last_deploy(shop: Shop) -> None:
    shop.change("red")
    shop.deploy()
    assert roll_back(shop.ports, ["site"]).moves[0].after == shop.first
    assert shop.shown() == shop.first


def test_a_page_that_was_published_without_its_copy_can_be_gone_back_to(shop: Shop) -> None:
    shop.ports.aws.call("s3", "delete_object", Bucket=shop.bucket, Key=f"assets/{shop.first}/index.html")
    shop.change("red")
    shop.deploy()
    roll_back(shop.ports, ["site"])
    assert shop.shown() == shop.first


def test_a_version_that_never_was_is_refused_with_those_that_are(shop: Shop) -> None:
    with pytest.raises(UnknownVersion) as refused:
        roll_back(shop.ports, ["site"], to="0123456789ab")
    assert shop.first in refused.value.next


def test_a_deploy_that_nobody_agrees_to_changes_nothing(shop: Shop) -> None:
    shop.change("red")
    with pytest.raises(Refused, match="nothing was changed"):
        deploy_site(shop.ports, folder=shop.folder, approve=lambda moves: False)
    assert shop.kept() == {shop.first}


def test_a_file_that_does_not_come_through_the_edge_keeps_the_new_page_from_being_shown(shop: Shop) -> None:
    shop.change("red")

    def lose(parameters: dict[str, Any]) -> None:
        if parameters["Key"].endswith("style.css"):
            parameters["Key"] += ".lost"

    shop.faults["put_object"] = lose
    before = shop.read(INDEX)
    with pytest.raises(DeployReturned, match=r"not every file .* comes through the edge: /assets/\w+/style.css a"):
        shop.deploy()
    assert shop.read(INDEX) == before
    assert shop.shown() == shop.first


def test_an_edge_that_goes_on_serving_the_page_before_is_noticed_and_everything_goes_back(shop: Shop) -> None:
    shop.keep_the_page_at_the_edge()
    shop.change("red")
    shop.faults["create_invalidation"] = failing(Throttled("Too many requests."))
    before = [shop.read(key) for key in (INDEX, CONFIG)]
    with pytest.raises(DeployReturned, match="the edge does not serve the new page: / is another one"):
        shop.deploy()
    assert [shop.read(key) for key in (INDEX, CONFIG)] == before
    assert shop.shown() == shop.first
    assert any(watched.note == "Too many requests." for watched in shop.told(Watched))


def test_a_cache_that_must_be_told_is_told_before_the_deploy_is_done(shop: Shop) -> None:
    shop.keep_the_page_at_the_edge()
    second = shop.change("red")
    shop.deploy()
    assert shop.shown() == second


@pytest.mark.parametrize("operation", ["create_invalidation", "get_invalidation"])
@pytest.mark.parametrize("error", [Throttled("Rate exceeded."), AwsError("InternalFailure")])
def test_calls_about_the_invalidation_that_fail_for_a_while_change_nothing(
    shop: Shop, operation: str, error: AwsError
) -> None:
    second = shop.change("red")
    shop.faults[operation] = failing(error, times=5)
    assert shop.deploy().outcome == "done"
    assert shop.shown() == second
    assert [watched.note for watched in shop.told(Watched)] == [error.what] * 5
    assert shop.invalidations() == [["/", "/index.html"]]


def test_what_the_edge_serves_decides_when_nobody_tells_how_the_invalidation_goes(shop: Shop) -> None:
    second = shop.change("red")
    shop.faults["get_invalidation"] = failing(Throttled("Rate exceeded."))
    assert shop.deploy().outcome == "done"
    assert shop.shown() == second


def test_who_may_not_invalidate_gets_the_page_before_back(shop: Shop) -> None:
    shop.change("red")
    shop.faults["create_invalidation"] = failing(AccessDenied("You may not cloudfront:CreateInvalidation."))
    with pytest.raises(DeployReturned, match="may not cloudfront:CreateInvalidation"):
        shop.deploy()
    assert shop.shown() == shop.first


def test_old_files_that_can_not_be_removed_do_not_take_a_good_page_back(shop: Shop) -> None:
    shop.change("red")
    shop.deploy()
    third = shop.change("blue")
    shop.faults["delete_objects"] = failing(AccessDenied("You may not s3:DeleteObject."))
    assert shop.deploy().outcome == "done"
    assert shop.shown() == third
    assert [notice.text for notice in shop.told(Notice)][-1:] == [
        "Files of older pages are still there: You may not s3:DeleteObject."
    ]


def test_a_bucket_without_versions_is_refused_since_nothing_could_be_taken_back(shop: Shop) -> None:
    suspended = {"Status": "Suspended"}
    shop.ports.aws.call("s3", "put_bucket_versioning", Bucket=shop.bucket, VersioningConfiguration=suspended)
    publish_site(shop.ports.aws, shop.bucket, shop.folder, {"environment": "another"})
    before = [shop.read(key) for key in (INDEX, CONFIG)]
    shop.change("red")
    with pytest.raises(DeployReturned, match="keeps no versions of its objects"):
        shop.deploy()
    assert [shop.read(key) for key in (INDEX, CONFIG)] == before


STEPS = ["assets", "index.html", "invalidation", "proof", "tidy"]


class Killed(BaseException):
    """Stands for the end of the process: nobody handles it."""


def kill_at(shop: Shop, step: str, *, returning: bool = False) -> None:
    """End the next deploy when it has written down that it begins a step."""
    heard = shop.events.append

    def listen(event: object) -> None:
        heard(event)
        if isinstance(event, StepBegun) and event.step == step:
            shop.ports.on_event = heard
            raise Killed

    shop.ports.on_event = listen


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("back", [False, True])
def test_a_deploy_that_was_killed_at_any_step_goes_on_or_back(shop: Shop, step: str, back: bool) -> None:
    second = shop.change("red")
    before = [shop.read(key) for key in (INDEX, CONFIG)]
    kill_at(shop, step)
    with pytest.raises(Killed):
        shop.deploy()
    if back:
        with pytest.raises(DeployReturned):
            resume(shop.ports, back=True)
        assert [shop.read(key) for key in (INDEX, CONFIG)] == before
    else:
        assert resume(shop.ports).outcome == "done"
    assert shop.shown() == (shop.first if back else second)


@pytest.mark.parametrize("step", ["index.html back", "invalidation back", "proof back"])
def test_a_way_back_that_was_killed_is_gone_to_its_end(shop: Shop, step: str) -> None:
    shop.change("red")
    before = [shop.read(key) for key in (INDEX, CONFIG)]
    shop.faults["create_invalidation"] = failing(AccessDenied("No."), times=1)
    kill_at(shop, step)
    with pytest.raises(Killed):
        shop.deploy()
    with pytest.raises(DeployReturned):
        resume(shop.ports)
    assert [shop.read(key) for key in (INDEX, CONFIG)] == before
    assert shop.shown() == shop.first


def test_a_deploy_is_not_resumed_with_a_page_that_changed_meanwhile(shop: Shop) -> None:
    shop.change("red")
    kill_at(shop, "assets")
    with pytest.raises(Killed):
        shop.deploy()
    shop.change("blue")
    with pytest.raises(DeployReturned, match="is no longer the page that this deploy began with"):
        resume(shop.ports)
    assert shop.shown() == shop.first


def test_a_resumed_deploy_that_has_its_files_needs_the_folder_no_more(shop: Shop) -> None:
    """Another machine, or another branch: what was proved lies in the bucket."""
    second = shop.change("red")
    kill_at(shop, "index.html")
    with pytest.raises(Killed):
        shop.deploy()
    shutil.rmtree(shop.folder)
    assert resume(shop.ports).outcome == "done"
    assert shop.shown() == second


def test_two_people_deploy_one_after_the_other(shop: Shop) -> None:
    """The second one's page was read before the first one's was shown: nobody's work is lost unseen."""
    shop.change("red")
    meanwhile = shop.folder.with_name("theirs")
    shutil.copytree(shop.folder, meanwhile)
    (meanwhile / "assets" / "style.css").write_text("theirs")

    def first_they(moves: object) -> bool:
        deploy_site(shop.ports, folder=meanwhile)
        return True

    with pytest.raises(MovedMeanwhile):
        deploy_site(shop.ports, folder=shop.folder, approve=first_they)
    assert shop.shown() == read_page(meanwhile, {}).version


def test_a_way_back_that_viewers_do_not_see_leaves_the_deploy_half_done_and_says_so(shop: Shop) -> None:
    shop.change("red")
    shop.faults["copy_object"] = failing(AccessDenied("You may not s3:GetObjectVersion."))
    shop.faults["get_invalidation"] = failing(AccessDenied("No."), times=1)
    with pytest.raises(HalfDone, match="You may not s3:GetObjectVersion"):
        shop.deploy()
    shop.faults.clear()
    with pytest.raises(DeployReturned):
        resume(shop.ports)
    assert shop.shown() == shop.first
