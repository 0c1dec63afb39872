"""The service's first version: its Maven project built to one jar, the same sources to the same bytes.

pom.xml and src/main → inputs hash → cached jar, or: Maven in a copy of them → cache.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opsctl import processes
from opsctl.builds.build_cache import BuildCache, hash_files, place
from opsctl.errors import OpsctlError, UsageError
from opsctl.files import sha256_of

# Raise it when the same input is to give other bytes, so that the cache is not asked for the old ones.
FORMAT = 1
# A first build loads some 180 artifacts: a minute on a good line.
BUILD_TIMEOUT_SECONDS = 900
SHOWN_LINES = 6

DOCTOR = "Install a JDK 17 and Maven 3 (Debian: apt-get install openjdk-17-jdk-headless maven); opsctl doctor checks."
# What Maven 3 and javac say when they can't go on, by their stable words; the first that fits explains it.
EXPLANATIONS: tuple[tuple[str, str, str], ...] = (
    (r"JAVA_HOME", "Maven found no Java.", DOCTOR),
    (r"No compiler is provided|release version \d+ not supported|invalid (target|source) release|invalid flag",
     "This Java can't compile the service.", DOCTOR),
    (r"COMPILATION ERROR|Compilation failure", "The service's sources don't compile.", "Correct them."),
    (r"offline mode", "Maven is offline and lacks a dependency.", "Build once with a network."),
    (r"Could not find artifact|was not found in|Failure to find",
     "A dependency of the service is not to be had.", "Correct its version in pom.xml."),
    (r"Could not transfer|resolve dependencies|could not be resolved|Unknown host|Connect(ion)? (to|timed out|refused)",
     "The dependencies of the service could not be downloaded.",
     "Check the network, and the mirror or proxy in Maven's settings.xml; what Maven has already needs neither."),
    (r"Non-parseable POM|could not read \d+ project|is missing|Malformed POM", "pom.xml is not valid.", "Correct it."),
)  # fmt: skip


class ServiceBuildFailed(OpsctlError):
    """Maven could not build the service. `where` shows what it said, in a few lines."""


@dataclass(frozen=True)
class ServiceJar:
    """The jar, ready to deploy.

    Attributes:
        sha256: of its bytes, hex.
        cached: nothing had to be built.
    """

    path: Path
    sha256: str
    size_bytes: int
    cached: bool


@dataclass(frozen=True)
class ServiceJarStarted:
    """The build begins: the jar was not in the cache."""


@dataclass(frozen=True)
class ServiceJarReady:
    """The jar lies in its place."""

    jar: ServiceJar


Listener = Callable[[ServiceJarStarted | ServiceJarReady], None]


def build_service_jar(source: Path, *, into: Path, cache: Path, on_event: Listener = lambda _: None) -> ServiceJar:
    """Put the service's jar at `into/service.jar`; build it only if no build of the same sources is in `cache`.

    Args:
        source: the Maven project; its tests are not part of the jar, so changing them builds nothing.
        cache: folder that any project of this user may share; a damaged file in it is built anew.

    Raises:
        UsageError: there is no pom.xml in `source`.
        ServiceBuildFailed: Java or Maven is missing, the sources don't compile, a dependency can't be had.
        DiskFull: nothing was left half written.
    """
    if not (source / "pom.xml").is_file():
        raise UsageError("There is no Maven project to build the service of.", where=str(source / "pom.xml"))
    cached = built_service_jar(source, cache=cache)
    if not cached:
        on_event(ServiceJarStarted())
    stored = cached or _build(source, _builds(cache))
    file = into / "service.jar"
    place(stored, file)
    jar = ServiceJar(file, sha256_of(file), file.stat().st_size, cached=bool(cached))
    on_event(ServiceJarReady(jar))
    return jar


def built_service_jar(source: Path, *, cache: Path) -> Path | None:
    """The jar of these sources if `cache` has it: then neither a compiler nor Maven is needed."""
    return _builds(cache).take(_hash_inputs(source))


def _builds(cache: Path) -> BuildCache:
    return BuildCache(cache / "service", ".jar")


def _hash_inputs(source: Path) -> str:
    return hash_files(_inputs(source), begin=f"{FORMAT}\0")


def _inputs(source: Path) -> Iterator[tuple[str, Path]]:
    """What decides the jar's bytes, by names within the project."""
    files = [source / "pom.xml", *(file for file in (source / "src" / "main").rglob("*") if file.is_file())]
    yield from sorted((file.relative_to(source).as_posix(), file) for file in files)


def _build(source: Path, builds: BuildCache) -> Path:
    """Build in a copy: the project's own target folder stays a developer's, and two builds can't meet."""
    with builds.scratch("build") as scratch:
        for name, file in _inputs(source):
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, scratch / name)
        _maven("package", "-Dmaven.test.skip=true", project=scratch, shown_as=source)
        return builds.keep(_hash_inputs(scratch), scratch / "target" / "service.jar")


def _maven(*arguments: str, project: Path, shown_as: Path) -> None:
    """Run Maven in `project`, a copy of `shown_as`, which is what messages name."""
    # Half of a short build is the compiler of the JVM itself. A user's own options replace ours.
    quick = {"MAVEN_OPTS": os.environ.get("MAVEN_OPTS") or "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    try:
        done = processes.run(
            ["mvn", "-q", "-B", "-ntp", "-Dstyle.color=never", *arguments],
            env=dict(os.environ) | quick, cwd=project, timeout_seconds=BUILD_TIMEOUT_SECONDS,
        )  # fmt: skip
    except processes.CommandNotFound as error:
        raise ServiceBuildFailed(
            "The service can't be built: there is no Maven.", where=str(shown_as), next=DOCTOR
        ) from error
    if done.status:
        raise _explain((done.stdout + done.stderr).replace(str(project.resolve()), str(shown_as)), shown_as)


def _explain(output: str, source: Path) -> ServiceBuildFailed:
    """Our error for what Maven says."""
    what, advice = next(
        ((what, advice) for words, what, advice in EXPLANATIONS if re.search(words, output)),
        ("Maven could not build the service.", f"See all of it: mvn -f {source} package"),
    )
    return ServiceBuildFailed(what, where="\n".join(_telling_lines(output)) or str(source), next=advice)


def _telling_lines(output: str) -> list[str]:
    """The first lines that say what is wrong, each once, without Maven's advice about its own switches."""
    said = (line.removeprefix("[ERROR]").strip() for line in output.splitlines() if not line.startswith("[WARNING]"))
    noise = re.compile(
        r"^$|^-> \[Help|^\[Help|^COMPILATION ERROR|^To see the full|^Re-run Maven|^For more information|^-+$"
    )
    return [line.split(" -> [Help")[0] for line in dict.fromkeys(said) if not noise.search(line)][:SHOWN_LINES]
