"""Where the real parts are put together: one environment's cloud, state bucket, journal and Terraform.

Tests put fakes into `Ports`; nothing else makes these parts (the idea is cosmicpython's bootstrap.py).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.aws import Access
from opsctl.clock import Clock, SystemClock
from opsctl.config import Config, cache_folder
from opsctl.environments.environment import Environment, load_environment
from opsctl.environments.events import Listener, StageFinished, StageStarted
from opsctl.environments.state_bucket import StateBucket
from opsctl.errors import OpsctlError, UsageError
from opsctl.journal import Journal, ObjectStore, Outbox, Parallel, Witness, state_folder

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws, Identity
    from opsctl.local import LocalCloud
    from opsctl.terraform import Terraform


class CloudNotRunning(OpsctlError):
    """A command that only reads met a stopped local cloud."""

    def __init__(self) -> None:
        super().__init__("The local cloud is not running, so there is nothing to look at.", next="opsctl up local")


@dataclass
class Ports:
    """Everything outside that an environment's commands work with.

    Attributes:
        cloud: the embedded local cloud of a local environment, else None.
        incarnation: which life of the local cloud answers; None on AWS, where nothing forgets.
        terraform: makes the runner when first asked, since not every command needs one; `work=` for another folder
            than the environment's own.
    """

    environment: Environment
    access: Access
    aws: Aws
    identity: Identity
    bucket: StateBucket
    journal: Journal
    terraform: Callable[..., Terraform]
    on_event: Listener
    cloud: LocalCloud | None = None
    incarnation: str | None = None
    clock: Clock = field(default_factory=SystemClock)

    @property
    def packages(self) -> Path:
        """Where the function packages of this environment lie."""
        return self.environment.work / "packages"

    def bucket_of(self, environment: Environment) -> StateBucket:
        """The state bucket of another environment of the same cloud: this one's parent, or a neighbour here."""
        return StateBucket(environment, self.aws.of_account(environment.account_id))

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Callable[[str], None]]:
        """Tell the listener that a stage begins and how long it took; call the value with what came out."""
        result: list[str] = []
        begin = self.clock.monotonic()
        self.on_event(StageStarted(title))
        yield result.append
        self.on_event(StageFinished(title, self.clock.monotonic() - begin, ", ".join(result)))


def local_cloud(config: Config) -> LocalCloud:
    """The embedded cloud of all local environments. Requests without an account are the first one's, whoever starts it.

    Raises:
        UsageError: opsctl.toml has no local environment.
    """
    from opsctl.local import LocalCloud

    name = next((name for name, table in config.environments.items() if table.get("target") == "local"), None)
    if name is None:
        raise UsageError(
            'No environment of opsctl.toml has target = "local".', where="opsctl.toml: environments",
            next="Add one, as the README shows.",
        )  # fmt: skip
    first = load_environment(config, name)
    return LocalCloud(config.work / "local", first.account_id, first.region)


def connect(config: Config, environment: Environment, *, on_event: Listener, start: bool = True) -> Ports:
    """Reach an environment's cloud: start the local one if need be, or check that AWS knows us as the right account.

    Raises:
        CredentialsMissing, CredentialsExpired, WrongAccount: on AWS.
        CloudNotRunning: a local environment with `start=False` whose cloud is stopped.
    """
    from opsctl.aws.clients import Aws, check_account

    cloud, incarnation = None, None
    access = Access(environment.region, environment.account_id, profile=environment.profile)
    if environment.is_local:
        cloud = local_cloud(config)
        begin = time.monotonic()
        if start:
            on_event(StageStarted("local cloud"))
            running = cloud.start(on_event=on_event)
            on_event(StageFinished("local cloud", time.monotonic() - begin, running.endpoint_url))
        else:
            found = cloud.status().running
            if found is None:
                raise CloudNotRunning
            running = found
        incarnation = running.incarnation
        access = replace(
            access, endpoint_url=running.endpoint_url, edge_port=running.edge_port,
            authority_file=running.authority_file,
        )  # fmt: skip
    aws = Aws(access)
    identity = aws.caller_identity()
    check_account(identity, environment.account_id)
    bucket = StateBucket(environment, aws)
    return Ports(
        environment=environment, access=access, aws=aws, identity=identity, bucket=bucket,
        journal=journal_of(environment, bucket, cloud, aws.map), cloud=cloud, incarnation=incarnation,
        on_event=on_event,
        terraform=lambda **settings: _terraform(environment, access, aws, on_event, **settings),
    )  # fmt: skip


def journal_of(
    environment: Environment, store: ObjectStore, cloud: LocalCloud | None, parallel: Parallel = map
) -> Journal:
    """An environment's journal in `store`, with what this machine has for it.

    What is remembered of a local journal lies with the local cloud's state, and `opsctl local reset` sets both aside.
    """
    remembered = (cloud.state_folder if cloud else state_folder()) / "seen"
    return Journal(
        store, environment.name,
        witness=Witness(remembered / f"{environment.state_bucket}.{environment.name}.json"),
        outbox=Outbox(environment.work / "unrecorded"), mask=_mask(environment.stack), parallel=parallel,
    )  # fmt: skip


def _terraform(
    environment: Environment, access: Access, aws: Aws, on_event: Listener, work: Path | None = None
) -> Terraform:
    from opsctl.environments.secrets import meaning_key, origin_secret, secrets_in_the_state
    from opsctl.terraform import Terraform, find_provider, find_terraform

    return Terraform(
        binary=find_terraform(),
        provider=find_provider(cache=cache_folder(), on_event=on_event),
        stack=environment.stack,
        work=work or environment.work,
        environment=access.process_environment()
        | {
            "TF_VAR_origin_secret": origin_secret(environment, aws),
            "TF_VAR_package_store": f"s3://{environment.state_bucket}/{environment.package_prefix}",
        },
        meaning_key=meaning_key(environment, aws),
        secrets=secrets_in_the_state(environment, aws),
        on_event=on_event,
    )


def _mask(stack: Path) -> Callable[[str], str]:
    """Takes out of a text what this process and the stack call secret; both are read when it is first used."""

    @cache
    def masker() -> Callable[[str], str]:
        from opsctl.terraform.masking import Masker, secrets_in

        return Masker(secrets_in(os.environ, stack))

    return lambda text: masker()(text)
