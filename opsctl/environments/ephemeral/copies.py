"""Environments that live for hours: made from one of opsctl.toml, registered in its state bucket, found by name.

A name is looked for in opsctl.toml, then among the registrations that this machine has seen (`.opsctl/ephemeral`), then
in the state bucket of every environment of opsctl.toml (one identity call and one read each, side by side).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

from opsctl.config import Config, ConfigError
from opsctl.environments.environment import Environment, UnknownEnvironment, load_environment
from opsctl.environments.ephemeral.registration import (
    FOLDER,
    NAME,
    BadRegistration,
    Registration,
    key_of,
    overrides_for,
    own_account,
    site_domain_in,
    variables_in,
)
from opsctl.environments.events import ignore
from opsctl.environments.planning import check_files, require_bucket
from opsctl.environments.ports import Ports, connect
from opsctl.environments.state_bucket import StateBucket
from opsctl.errors import OpsctlError, Refused, UsageError
from opsctl.files import write_atomically
from opsctl.terraform.masking import sensitive_variables

RESERVED = frozenset({"approvals", "archive", "begun", "ephemeral", "heads", "locks", "packages", "plans"})
"""Folders of the state bucket that belong to no environment."""

Connect = Callable[[Environment], Ports]


class Expired(Refused):
    """The time of an ephemeral environment is over."""

    def __init__(self, registration: Registration) -> None:
        super().__init__(
            f"{registration.name} expired at {registration.expires:%Y-%m-%d %H:%M} UTC.",
            next=f"opsctl env extend {registration.name} --ttl 4h, or opsctl env reap {registration.name}",
        )


class NotRegistered(Refused):
    """An ephemeral environment that this machine remembers was reaped elsewhere."""

    def __init__(self, environment: Environment) -> None:
        parent = environment.registration.parent if environment.registration else ""
        super().__init__(
            f"{environment.name} is registered no more: it was reaped.",
            next=f"opsctl env new {environment.name} --from {parent} makes it anew.",
        )


class Registry:
    """The ephemeral environments that were made from one of opsctl.toml."""

    def __init__(self, parent: Environment, bucket: StateBucket) -> None:
        self._parent, self._bucket = parent, bucket

    def all(self) -> Iterator[Registration]:
        """Every one, by name.

        Raises:
            BadRegistration: an object is none.
        """
        if self._bucket.exists():
            for key in sorted(self._bucket.keys(FOLDER)):
                # Two environments of one account share a bucket.
                if (found := self._parsed(key)) and found.parent == self._parent.name:
                    yield found

    def read(self, name: str) -> Registration | None:
        """The one called `name`; None when there is none."""
        found = self._parsed(key_of(name))
        return found if found and found.parent == self._parent.name else None

    def add(self, registration: Registration) -> bool:
        """Register it; False when the name is taken."""
        return self._bucket.create(key_of(registration.name), registration.to_json().encode())

    def extend(self, name: str, ttl: timedelta, ports: Ports) -> Registration | None:
        """Have it expire `ttl` from now. None when it is not there, or was changed at the same moment."""
        tagged = self._bucket.read_tagged(key_of(name))
        if tagged is None:
            return None
        body, etag = tagged
        found = Registration.from_json(body, where=self._where(key_of(name)))
        longer = replace(found, expires=ports.clock.now().replace(microsecond=0) + ttl)
        written = self._bucket.replace(key_of(name), longer.to_json().encode(), etag)
        return longer if written else None

    def remove(self, name: str) -> None:
        self._bucket.remove(key_of(name))

    def _parsed(self, key: str) -> Registration | None:
        body = self._bucket.read(key)
        if body is None:
            return None
        found = Registration.from_json(body, where=self._where(key))
        if key_of(found.name) != key:
            raise BadRegistration(f"The registration says that it is {found.name!r}.", where=self._where(key))
        return found

    def _where(self, key: str) -> str:
        return f"s3://{self._bucket.name}/{key}"


def registry_of(environment: Environment, ports: Ports) -> Registry:
    """The registry that speaks of `environment` (its parent's, or its own), reached with the credentials of `ports`."""
    parent = environment.parent or environment
    return Registry(parent, ports.bucket if parent is ports.environment else ports.bucket_of(parent))


def find_environment(config: Config, name: str, *, ask: bool = True) -> Environment:
    """The environment called `name`, of opsctl.toml or ephemeral.

    Args:
        ask: whether to ask the parents' clouds for a name that nobody here has heard of.

    Raises:
        UnknownEnvironment: nobody knows it; `where` names the parents that could not be asked.
        ConfigError, BadRegistration: it is there and can't be used.
    """
    if name in config.environments:
        return load_environment(config, name)
    known = remembered(config)
    if name in known:
        return copy_of(config, known[name])
    found, unasked = _search(config, name) if ask and NAME.fullmatch(name) else ([], {})
    if len(found) > 1:
        parents = " and of ".join(registration.parent for registration in found)
        raise BadRegistration(
            f"There are two ephemeral environments {name!r}: of {parents}.",
            next="Reap one of them from where it was made.",
        )
    if found:
        remember(config, found[0])
        return copy_of(config, found[0])
    raise UnknownEnvironment(name, [*sorted(config.environments), *sorted(known)], unasked=unasked)


def copy_of(config: Config, registration: Registration) -> Environment:
    """The environment that a registration describes.

    Raises:
        BadRegistration: its parent is gone from opsctl.toml, or is in another account or region by now.
    """
    if registration.parent not in config.environments:
        raise BadRegistration(
            f"{registration.name} was made from {registration.parent!r}, which opsctl.toml has no more.",
            where=f"{config.root / 'opsctl.toml'}: environments",
            next="Put it back into opsctl.toml until its copies are reaped.",
        )
    parent = load_environment(config, registration.parent)
    own = registration.account_id != parent.account_id
    if own != parent.is_local or registration.region != parent.region:
        raise BadRegistration(
            f"{registration.name} is registered for account {registration.account_id} in {registration.region}; "
            f"{parent.name} is in {parent.account_id}, {parent.region}.",
            where=f"s3://{parent.state_bucket}/{key_of(registration.name)}",
            next="opsctl touches no account but those of opsctl.toml; local copies have one of their own.",
        )
    guards = parent.guards.for_ephemeral()
    return replace(
        parent,
        name=registration.name,
        account_id=registration.account_id,
        work=config.work / "environments" / registration.name,
        registration=registration,
        parent=parent,
        # Locally its account is its own, which was checked above.
        guards=replace(guards, accounts=()) if parent.is_local else guards,
    )


def new_environment(
    config: Config, name: str, parent: Environment, ttl: timedelta, ports: Ports, *,
    owner: str = "", chosen: Mapping[str, Any] | None = None,
) -> Environment:  # fmt: skip
    """Register `name` as a copy of `parent` for `ttl`. Nothing is built: `up` does that.

    Args:
        ports: the parent's.
        owner: whose it is; "" for the caller.
        chosen: Terraform variables that it is to have.

    Raises:
        UsageError: the name can't be one, is taken, or a variable can't be set.
        Refused: the parent's guards allow no copy.
        NotBootstrapped: the parent's account has no state bucket.
    """
    _check_name(config, name, parent)
    if parent.registration:
        raise UsageError(f"{parent.name} is ephemeral itself.", next=f"--from {parent.registration.parent}")
    if not parent.guards.ephemeral:
        raise Refused(
            f"No ephemeral environment may be made from {parent.name}.",
            where=f"{config.root / 'opsctl.toml'}: environments -> {parent.name} -> guards -> ephemeral",
            next="Make it from another one.",
        )
    check_files(parent)
    sources = [file.read_text(encoding="utf-8") for file in sorted(parent.stack.glob("*.tf"))]
    if secret := sorted(set(chosen or {}) & sensitive_variables(parent.stack)):
        raise UsageError(f"{secret[0]} is secret, and a registration can be read.", where="--set")
    require_bucket(ports)
    registry = registry_of(parent, ports)
    now = ports.clock.now().replace(microsecond=0)
    owner = owner or ports.identity.arn
    registration = Registration(
        name=name,
        parent=parent.name,
        created=now,
        expires=now + ttl,
        owner=owner,
        account_id=own_account(name, _accounts(config, registry.all())) if parent.is_local else parent.account_id,
        region=parent.region,
        overrides=overrides_for(
            name, local=parent.is_local, owner=owner, chosen=chosen or {}, declared=variables_in(sources),
            parent_domain=site_domain_in(parent.variables_file.read_text(encoding="utf-8")),
        ),
    )  # fmt: skip
    if not registry.add(registration):
        raise UsageError(
            f"There is an ephemeral environment {name!r} already.", where=f"s3://{parent.state_bucket}/{key_of(name)}",
            next=f"Look at it: opsctl env show {name}",
        )  # fmt: skip
    remember(config, registration)
    return copy_of(config, registration)


def extend(config: Config, environment: Environment, ttl: timedelta, ports: Ports) -> Registration:
    """Have an ephemeral environment expire `ttl` from now.

    Raises:
        UsageError: it is one of opsctl.toml.
        NotRegistered: it was reaped meanwhile.
    """
    longer = registry_of(_ephemeral(environment), ports).extend(environment.name, ttl, ports)
    if longer is None:
        raise NotRegistered(environment)
    remember(config, longer)
    return longer


def current(config: Config, ports: Ports) -> Environment:
    """The environment of `ports`, by what is registered now rather than by what this machine remembers.

    Raises:
        NotRegistered: it was reaped elsewhere.
    """
    environment = ports.environment
    if environment.registration is None:
        return environment
    found = registry_of(environment, ports).read(environment.name)
    if found is None:
        forget(config, environment.name)
        raise NotRegistered(environment)
    remember(config, found)
    return copy_of(config, found)


def require_time_left(ports: Ports) -> None:
    """Whether an ephemeral environment may still be taken up. One read; none for one of opsctl.toml.

    Raises:
        Expired, NotRegistered: nothing was changed.
    """
    environment = ports.environment
    if environment.registration is None:
        return
    found = registry_of(environment, ports).read(environment.name)
    if found is None:
        raise NotRegistered(environment)
    if found.left(ports.clock.now()) <= timedelta():
        raise Expired(found)


# What this machine remembers


def remembered(config: Config) -> dict[str, Registration]:
    """Registrations that were made or found here, by name. One that can't be read any more is forgotten."""
    found = {}
    for file in sorted((config.work / FOLDER).glob("*.json")):
        with contextlib.suppress(BadRegistration, OSError):
            registration = Registration.from_json(file.read_bytes(), where=str(file))
            found[registration.name] = registration
    return found


def remember(config: Config, registration: Registration) -> None:
    write_atomically(config.work / key_of(registration.name), registration.to_json())


def forget(config: Config, name: str) -> None:
    (config.work / key_of(name)).unlink(missing_ok=True)


def forget_local(config: Config) -> None:
    """Forget all that were in the local cloud, whose registrations were set aside."""
    local = {parent.name for parent in parents(config) if parent.is_local}
    for name, registration in remembered(config).items():
        if registration.parent in local:
            forget(config, name)


def parents(config: Config) -> list[Environment]:
    """The environments of opsctl.toml that can be read."""
    found = []
    for name in config.environments:
        with contextlib.suppress(ConfigError):
            found.append(load_environment(config, name))
    return found


def _search(config: Config, name: str) -> tuple[list[Registration], dict[str, OpsctlError]]:
    """What the parents' state buckets have under a name, and the parents that could not be asked, with why."""

    def ask(parent: Environment) -> Registration | OpsctlError | None:
        try:
            ports = connect(config, parent, on_event=ignore, start=False)
            return registry_of(parent, ports).read(name) if ports.bucket.exists() else None
        except OpsctlError as error:
            return error

    asked = parents(config)
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="parents") as pool:
        answers = list(pool.map(ask, asked))
    found = [answer for answer in answers if isinstance(answer, Registration)]
    if bad := next((answer for answer in answers if isinstance(answer, BadRegistration)), None):
        raise bad
    return found, {
        parent.name: answer for parent, answer in zip(asked, answers, strict=True) if isinstance(answer, OpsctlError)
    }


def _ephemeral(environment: Environment) -> Environment:
    if environment.registration is None:
        raise UsageError(f"{environment.name} is no ephemeral environment: it is in opsctl.toml.")
    return environment


def _check_name(config: Config, name: str, parent: Environment) -> None:
    if not NAME.fullmatch(name) or name in RESERVED:
        raise UsageError(
            f"{name!r} can't be an environment's name.",
            next="Use 1 to 16 lower-case letters, digits and hyphens, beginning with a letter"
            + (f"; not {', '.join(sorted(RESERVED))}." if name in RESERVED else "."),
        )
    if name in config.environments:
        raise UsageError(f"opsctl.toml has an environment {name!r} already.", next="Take another name.")
    # Whether the parent has one of this name, its registry says.
    if (known := remembered(config).get(name)) and known.parent != parent.name:
        raise UsageError(
            f"There is an ephemeral environment {name!r} already, of {known.parent}.",
            next=f"Look at it: opsctl env show {name}",
        )


def _accounts(config: Config, registered: Iterable[Registration]) -> set[str]:
    """Accounts that a new local environment can't have."""
    configured = {str(table.get("account_id")) for table in config.environments.values()}
    return configured | {found.account_id for found in (*registered, *remembered(config).values())}
