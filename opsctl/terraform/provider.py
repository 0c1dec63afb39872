"""Where Terraform's AWS provider comes from, in this order:

1. the user's own CLI configuration, if it names a mirror that holds the provider;
2. filesystem mirrors: OPSCTL_PROVIDER_MIRROR, the folders that Terraform implies, those in usual software folders;
3. our own cache (an earlier download or build);
4. the registry, if it answers soon;
5. a build from source, through the Go module proxy.

The first place with a version that fits wins, with its newest one; OPSCTL_PROVIDER_VERSION asks for one version.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl import processes
from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError
from opsctl.files import disk_errors
from opsctl.terraform import provider_build
from opsctl.terraform.binary import find_terraform
from opsctl.terraform.cli_configuration import CliConfiguration, configuration_file, read_configuration
from opsctl.terraform.events import Listener, Progress, ignore
from opsctl.terraform.mirrors import (
    SOFTWARE_FOLDERS,
    SOURCE,
    Package,
    executable_in,
    implied_mirrors,
    mirrors_below,
    packages_in,
    platform_name,
    satisfies,
    version_key,
    view_of,
)

CONSTRAINT = ">= 5.100, < 7.0"
"""What terraform/stack asks for too; both ends are tested."""

REGISTRY_SECONDS = 4.0
DOWNLOAD_SECONDS = 900.0


class ProviderNotFound(OpsctlError):
    """No AWS provider. `reasons` names each place that was looked at, and why it was no good."""

    def __init__(self, reasons: Iterable[str], constraint: str) -> None:
        self.reasons = tuple(reasons)
        super().__init__(
            f"No AWS provider {constraint} for Terraform was found.",
            where="; ".join(self.reasons),
            next="opsctl doctor --fix builds one; or name a mirror: OPSCTL_PROVIDER_MIRROR=/path/to/mirror",
        )


@dataclass(frozen=True)
class ProviderChoice:
    """The AWS provider to use.

    Attributes:
        version: such as "5.100.0".
        source: where it comes from, in people's words.
        cli_config: what TF_CLI_CONFIG_FILE must be; None leaves the user's own.
    """

    version: str
    source: str
    cli_config: Path | None


@dataclass(frozen=True)
class _Search:
    """What all places need to know."""

    cache: Path
    env: Mapping[str, str]
    constraint: str
    software_folders: tuple[str, ...]
    on_event: Listener
    clock: Clock
    reasons: list[str]

    def newest(self, mirror: Path, place: str) -> Package | None:
        """The package of `mirror` to take; None notes why there is none."""
        packages = packages_in(mirror)
        fitting = [package for package in packages if satisfies(package.version, self.constraint)]
        if not fitting:
            holds = ", ".join(package.version for package in packages)
            self.reasons.append(f"{place}: " + (f"has only {holds}" if holds else "does not hold it"))
        return fitting[0] if fitting else None

    def choose(self, package: Package, source: str) -> ProviderChoice:
        return ProviderChoice(package.version, source, view_of(package, self.cache))


def find_provider(
    *,
    cache: Path,
    on_event: Listener = ignore,
    constraint: str = CONSTRAINT,
    env: Mapping[str, str] | None = None,
    make: bool = True,
    software_folders: tuple[str, ...] = SOFTWARE_FOLDERS,
    clock: Clock | None = None,
) -> ProviderChoice:
    """The AWS provider to use (see the module's description). Milliseconds, unless one must be fetched or built.

    Args:
        cache: opsctl's cache folder; providers go to `providers/` in it.
        make: False only looks: what would have to be downloaded or built counts as not found.

    Raises:
        ProviderNotFound: with every place and its reason.
        Interrupted, BuildFailed, DiskFull: while one was fetched or built.
    """
    env = os.environ if env is None else env
    asked = env.get("OPSCTL_PROVIDER_VERSION")
    search = _Search(
        cache / "providers", env, f"= {asked}" if asked else constraint, software_folders, on_event,
        clock or SystemClock(), [],
    )  # fmt: skip
    places: list[Callable[[_Search], ProviderChoice | None]] = [_from_own_configuration, _from_mirrors, _from_cache]
    places += [_from_registry, _from_source] if make else [_could_be_made]
    for place in places:
        if choice := place(search):
            return choice
    raise ProviderNotFound(search.reasons, search.constraint)


def _from_own_configuration(search: _Search) -> ProviderChoice | None:
    file = configuration_file(search.env)
    own = read_configuration(file)
    if own is None:
        search.reasons.append(f"your CLI configuration {file}: there is no such file")
        return None
    if own.override and executable_in(own.override):
        return ProviderChoice("dev", f"the development build in {own.override} (dev_overrides in {file})", None)
    for mirror in own.filesystem_mirrors:
        package = search.newest(mirror, f"mirror {mirror} (named by {file})")
        if package:
            source = f"mirror {mirror} (named by {file})"
            # Terraform would take the newest; another version needs a view of ours.
            takes_it = package == next(p for p in packages_in(mirror) if satisfies(p.version, CONSTRAINT))
            return ProviderChoice(package.version, source, None) if takes_it else search.choose(package, source)
    for url in own.network_mirrors:
        if version := _on_network_mirror(search, url, own):
            return ProviderChoice(version, f"network mirror {url} (named by {file})", None)
    if not (own.filesystem_mirrors or own.network_mirrors):
        search.reasons.append(f"your CLI configuration {file}: names no mirror")
    return None


def _on_network_mirror(search: _Search, url: str, own: CliConfiguration) -> str | None:
    answer = _fetch_json(f"{url}{SOURCE}/index.json")
    if isinstance(answer, str):
        search.reasons.append(f"network mirror {url} (named by {own.file}): {answer}")
        return None
    fitting = [version for version in answer.get("versions", {}) if satisfies(version, search.constraint)]
    if not fitting:
        search.reasons.append(f"network mirror {url} (named by {own.file}): no version that fits")
    return max(fitting, key=version_key, default=None)


def _from_mirrors(search: _Search) -> ProviderChoice | None:
    named = search.env.get("OPSCTL_PROVIDER_MIRROR")
    if named:
        package = search.newest(Path(named), f"mirror {named} (OPSCTL_PROVIDER_MIRROR)")
        return search.choose(package, f"mirror {named} (OPSCTL_PROVIDER_MIRROR)") if package else None
    implied = [mirror for mirror in implied_mirrors(search.env) if (mirror / SOURCE).is_dir()]
    seen = 0
    # One after the other: the first that fits ends the search.
    for mirror in itertools.chain(implied, mirrors_below(search.software_folders)):
        seen += 1
        if package := search.newest(mirror, f"mirror {mirror}"):
            return search.choose(package, f"mirror {mirror}")
    if not seen:
        search.reasons.append(
            f"no plugin mirror in Terraform's own folders nor below {' '.join(search.software_folders)}"
        )
    return None


def _from_cache(search: _Search) -> ProviderChoice | None:
    mirror = search.cache / "mirror"
    package = search.newest(mirror, f"our cache {mirror}")
    return search.choose(package, f"our cache {mirror}") if package else None


def _from_registry(search: _Search) -> ProviderChoice | None:
    answer = _fetch_json(f"https://{SOURCE.replace('/', '/v1/providers/', 1)}/versions")
    if isinstance(answer, str):
        search.reasons.append(f"the Terraform registry: {answer}")
        return None
    here = platform_name()
    fitting = [
        entry["version"]
        for entry in answer.get("versions", ())
        if satisfies(entry["version"], search.constraint)
        and here in {f"{p['os']}_{p['arch']}" for p in entry.get("platforms", ())}
    ]
    if not fitting:
        search.reasons.append(f"the Terraform registry: no {search.constraint} for {here}")
        return None
    package = _download(max(fitting, key=version_key), search)
    return search.choose(package, "the Terraform registry") if package else None


def _download(version: str, search: _Search) -> Package | None:
    """Let Terraform fetch it (it checks the signature) into our cache, where the next run finds it."""
    search.on_event(Progress(f"Downloading the AWS provider {version} (about 150 MB, once)", 0))
    mirror = search.cache / "mirror"
    with disk_errors(mirror):
        mirror.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=search.cache, prefix="download-") as temporary:
            code = {"terraform": {"required_providers": {"aws": {"source": SOURCE, "version": f"= {version}"}}}}
            (Path(temporary) / "main.tf.json").write_text(json.dumps(code))
            done = processes.run(
                [*find_terraform(search.env).argv, "providers", "mirror", f"-platform={platform_name()}", "mirror"],
                env=dict(search.env), cwd=Path(temporary), timeout_seconds=DOWNLOAD_SECONDS,
            )  # fmt: skip
            packages = packages_in(Path(temporary) / "mirror")
            if done.status != 0 or not packages:
                search.reasons.append(f"the Terraform registry: {' '.join(done.stderr.split())[:300]}")
                return None
            target = mirror / packages[0].path.relative_to((Path(temporary) / "mirror").resolve())
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(packages[0].path, target)
            return Package(version, target)


def _from_source(search: _Search) -> ProviderChoice | None:
    version = _buildable(search)
    if version is None:
        return None
    package = provider_build.build(
        version, mirror=search.cache / "mirror", env=search.env, on_event=search.on_event, clock=search.clock
    )
    return search.choose(package, "built from source")


def _could_be_made(search: _Search) -> None:
    if version := _buildable(search):
        search.reasons.append(f"not built yet: {version} can be built here from source (about 15 min)")


def _buildable(search: _Search) -> str | None:
    fitting = [version for version in provider_build.BUILDABLE if satisfies(version, search.constraint)]
    if not fitting:
        search.reasons.append(f"a build from source: only {', '.join(provider_build.BUILDABLE)} can be built")
        return None
    if reason := provider_build.why_not(search.env, search.cache):
        search.reasons.append(f"a build from source: {reason}")
        return None
    return max(fitting, key=version_key)


def _fetch_json(url: str) -> dict[str, Any] | str:
    """The document at `url`, or why there is none. Gives up after REGISTRY_SECONDS in all, name look-up included."""
    import urllib.request

    answer: list[dict[str, Any] | str] = []

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=REGISTRY_SECONDS) as response:  # noqa: S310 - https, or named by the user
                answer.append(json.load(response))
        except (OSError, ValueError) as error:
            answer.append(f"does not answer ({getattr(error, 'reason', error)})")

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(REGISTRY_SECONDS)
    return answer[0] if answer else f"does not answer within {REGISTRY_SECONDS:g} s"
