"""The service's jar: when it is built, when it isn't, and what a person reads when it can't be.

Maven is a stand-in here, a script on the PATH; tests/integration/builds/test_service_build.py has the real one.
"""

import os
import shutil

import pytest

from opsctl.builds.service_jar import (
    ServiceBuildFailed,
    ServiceJarReady,
    ServiceJarStarted,
    build_service_jar,
    built_service_jar,
)
from opsctl.errors import UsageError

BUILDS = 'mkdir target && cat pom.xml src/main/java/Main.java > target/service.jar && echo built >> "$0.log"'


@pytest.fixture
def project(tmp_path):
    app = tmp_path / "app"
    for name, text in {
        "pom.xml": "<project/>",
        "src/main/java/Main.java": "class Main {}",
        "src/test/java/MainTest.java": "class MainTest {}",
        "target/service.jar": "an old one",
    }.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text)
    return app


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """Put a script in Maven's place. Returns how to write it; it starts as one that builds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(script):
        (folder / "mvn").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "mvn").chmod(0o755)
        return folder / "mvn.log"

    write(BUILDS)
    return write


def build(project, tmp_path, **more):
    return build_service_jar(project, into=tmp_path / "into", cache=tmp_path / "cache", **more)


def failure(project, tmp_path):
    with pytest.raises(ServiceBuildFailed) as caught:
        build(project, tmp_path)
    return caught.value


def test_the_jar_lies_in_its_place_with_its_digest(project, tmp_path, maven):
    events = []
    jar = build(project, tmp_path, on_event=events.append)
    assert jar.path == tmp_path / "into" / "service.jar"
    assert jar.path.read_text() == "<project/>class Main {}"
    assert jar.size_bytes == len("<project/>class Main {}")
    assert (jar.cached, events) == (False, [ServiceJarStarted(), ServiceJarReady(jar)])


def test_the_same_sources_are_built_once_even_without_maven(project, tmp_path, maven):
    first = build(project, tmp_path)
    maven("exit 1")
    events = []
    second = build(project, tmp_path, on_event=events.append)
    assert (second.cached, second.sha256, events) == (True, first.sha256, [ServiceJarReady(second)])


@pytest.mark.parametrize("file", ["pom.xml", "src/main/java/Main.java"])
def test_a_changed_source_is_built_anew(project, tmp_path, maven, file):
    before = build(project, tmp_path)
    (project / file).write_text("<!-- changed -->")
    after = build(project, tmp_path)
    assert not after.cached
    assert after.path.read_text() != "<project/>class Main {}"
    assert after.sha256 != before.sha256


@pytest.mark.parametrize("file", ["src/test/java/MainTest.java", "target/service.jar", "README.md"])
def test_what_is_not_in_the_jar_builds_nothing(project, tmp_path, maven, file):
    build(project, tmp_path)
    (project / file).write_text("changed")
    assert build(project, tmp_path).cached


def test_a_new_jar_leaves_the_old_one_in_the_cache_as_it_was(project, tmp_path, maven):
    build(project, tmp_path)
    (project / "pom.xml").write_text("<project>2</project>")
    build(project, tmp_path)
    (project / "pom.xml").write_text("<project/>")
    again = build(project, tmp_path)
    assert (again.cached, again.path.read_text()) == (True, "<project/>class Main {}")


def test_a_damaged_cache_is_built_anew(project, tmp_path, maven):
    log = maven(BUILDS)
    build(project, tmp_path)
    stored = built_service_jar(project, cache=tmp_path / "cache")
    stored.unlink()
    stored.write_text("half")
    assert build(project, tmp_path).path.read_text() == "<project/>class Main {}"
    assert log.read_text() == "built\nbuilt\n"


def test_a_failed_build_leaves_nothing_behind(project, tmp_path, maven):
    maven("exit 1")
    failure(project, tmp_path)
    assert list((tmp_path / "cache" / "service").iterdir()) == []
    assert not (tmp_path / "into").exists()


def test_without_maven_the_error_says_how_to_get_it(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    error = failure(project, tmp_path)
    assert "no Maven" in error.what
    assert "opsctl doctor" in error.next


@pytest.mark.parametrize(
    ("says", "what", "next"),
    [
        ("The JAVA_HOME environment variable is not defined correctly", "no Java", "JDK 17"),
        ("[ERROR] No compiler is provided in this environment. Perhaps you are running on a JRE rather than a JDK?",
         "can't compile", "JDK 17"),
        ("[ERROR] Fatal error compiling: error: release version 17 not supported", "can't compile", "JDK 17"),
        ("[ERROR] Cannot access central in offline mode and the artifact a:b:jar:1 has not been downloaded",
         "offline", "network"),
        ("[ERROR] Could not resolve dependencies for project: Could not find artifact a:b:jar:1 in central",
         "not to be had", "pom.xml"),
        ("[ERROR] Non-resolvable import POM: Could not transfer artifact a:b:pom:1 from/to central: Unknown host",
         "could not be downloaded", "settings.xml"),
        ("[FATAL] Non-parseable POM /x/pom.xml: end tag name </a> must match", "pom.xml is not valid", "Correct"),
        ("[ERROR] Something never seen", "could not build", "mvn -f"),
    ],
)  # fmt: skip
def test_what_maven_says_is_explained(project, tmp_path, maven, says, what, next):
    maven(f"echo '{says}'; exit 1")
    error = failure(project, tmp_path)
    assert what in error.what
    assert next in error.next
    assert says.removeprefix("[ERROR] ") in error.where


def test_the_explanation_fits_a_screen_and_names_the_real_folder(project, tmp_path, maven):
    maven(
        'for i in 1 2 3 4 5 6 7 8 9; do echo "[ERROR] $PWD/src/main/java/Main.java:[$i,1] cannot find symbol"; done\n'
        'echo "[ERROR] COMPILATION ERROR : "; echo "[ERROR] Re-run Maven using the -X switch"; exit 1'
    )
    error = failure(project, tmp_path)
    assert "don't compile" in error.what
    lines = error.where.splitlines()
    assert lines[0] == f"{project}/src/main/java/Main.java:[1,1] cannot find symbol"
    assert len(lines) == 6


def test_a_folder_without_a_project_is_refused(project, tmp_path):
    shutil.rmtree(project)
    with pytest.raises(UsageError, match="no Maven project"):
        build(project, tmp_path)
