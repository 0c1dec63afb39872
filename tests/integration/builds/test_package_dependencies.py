"""Dependencies of function packages, installed by the real uv from wheels that the test makes. No network."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from opsctl.builds import BadFunction, DependenciesFailed, FunctionSource, build_package, find_functions


def write_wheel(folder, name="tiny", tag="py3-none-any"):
    """A wheel with a module and a console script. Returns its hash in the form of requirements.txt."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": "def main(): ...\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    lines = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return "sha256:" + hashlib.sha256(wheel.read_bytes()).hexdigest()


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that uv installs from, and nothing else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    settings = tmp_path / "uv.toml"
    settings.write_text(f'no-index = true\nfind-links = ["{folder}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return folder


def write_function(tmp_path, requirements, name="thumbnail"):
    folder = tmp_path / "modules" / "photos" / "functions" / name
    folder.mkdir(parents=True)
    (folder / "handler.py").write_text("import tiny\n")
    (folder / "requirements.txt").write_text(requirements)
    return FunctionSource(name, "photos", folder)


def build(source, place):
    return build_package(source, into=place / "into", cache=place / "cache")


def test_dependencies_go_into_the_package_without_what_is_of_this_machine(tmp_path, wheels):
    source = write_function(tmp_path, f"tiny==1.0 --hash={write_wheel(wheels)}\n")
    with zipfile.ZipFile(build(source, tmp_path).file) as archive:
        assert archive.namelist() == [
            "handler.py",
            "tiny-1.0.dist-info/METADATA",
            "tiny-1.0.dist-info/WHEEL",
            "tiny-1.0.dist-info/entry_points.txt",
            "tiny/__init__.py",
        ]
        assert not any(str(tmp_path).encode() in archive.read(name) for name in archive.namelist())


def test_two_builds_with_dependencies_are_the_same_bytes(tmp_path, wheels):
    requirements = f"tiny==1.0 --hash={write_wheel(wheels)}\n"
    first = build(write_function(tmp_path / "a", requirements), tmp_path / "a")
    before = os.umask(0o077)
    try:
        second = build(write_function(tmp_path / "b" / "deeper", requirements), tmp_path / "b")
    finally:
        os.umask(before)
    assert not second.cached
    assert first.file.read_bytes() == second.file.read_bytes()


def test_folders_may_be_named_from_where_we_are(tmp_path, wheels, monkeypatch):
    write_function(tmp_path, f"tiny==1.0 --hash={write_wheel(wheels)}\n")
    monkeypatch.chdir(tmp_path)
    [source] = find_functions(Path("modules"))
    assert build(source, Path()).file.is_file()


def test_several_functions_are_built_at_once_by_a_process_that_has_just_begun(tmp_path, wheels):
    """In a fresh interpreter: finding uv asks sysconfig, whose first answer to two threads at once may be None."""
    requirements = f"tiny==1.0 --hash={write_wheel(wheels)}\n"
    for number in range(6):
        write_function(tmp_path, requirements, name=f"function-{number}")
    program = (
        "import pathlib, sys; from opsctl.builds import build_packages, find_functions;"
        "here = pathlib.Path(sys.argv[1]);"
        "sys.setswitchinterval(1e-6);"
        "print(len(build_packages(find_functions(here / 'modules'), into=here / 'into', cache=here / 'cache')))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "6", done.stderr


def test_a_wheel_for_lambdas_platform_is_taken_and_one_for_another_is_not(tmp_path, wheels):
    theirs = write_wheel(wheels, "tiny", "cp311-cp311-manylinux2014_x86_64")
    build(write_function(tmp_path / "a", f"tiny==1.0 --hash={theirs}\n"), tmp_path / "a")

    ours = write_wheel(wheels, "other", "cp311-cp311-manylinux_2_34_x86_64")
    with pytest.raises(DependenciesFailed) as caught:
        build(write_function(tmp_path / "b", f"other==1.0 --hash={ours}\n"), tmp_path / "b")
    assert caught.value.what == "A dependency of thumbnail has no wheel for x86_64-manylinux2014."


def test_a_wheel_that_is_not_the_pinned_one_is_refused(tmp_path, wheels):
    write_wheel(wheels)
    with pytest.raises(DependenciesFailed) as caught:
        build(write_function(tmp_path, f"tiny==1.0 --hash=sha256:{'0' * 64}\n"), tmp_path)
    assert "its hash differs" in caught.value.what
    assert not (tmp_path / "into").exists()
    assert list((tmp_path / "cache" / "packages").iterdir()) == []


@pytest.mark.parametrize("line", ["tiny==1.0", "tiny"])
def test_a_dependency_without_a_hash_is_refused(tmp_path, wheels, line):
    write_wheel(wheels)
    source = write_function(tmp_path, f"{line}\n")
    with pytest.raises(BadFunction) as caught:
        build(source, tmp_path)
    assert caught.value.what == "The dependencies of thumbnail are not all pinned with a hash."
    assert str(source.requirements) in caught.value.where


def test_no_network_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    with pytest.raises(DependenciesFailed) as caught:
        build(write_function(tmp_path, f"tiny==1.0 --hash=sha256:{'0' * 64}\n"), tmp_path)
    assert caught.value.what == "The dependencies of thumbnail could not be downloaded."
