"""Function packages: the same input gives the same bytes, wherever and whenever they are built."""

import os
import shutil
import zipfile

import pytest

from opsctl.builds import BadFunction, FunctionSource, PackageReady, PackageStarted, PackageTooLarge, packages
from opsctl.builds.packages import LayerSource, build_package, build_packages, find_functions, find_layers


@pytest.fixture
def modules(tmp_path):
    return tmp_path / "modules"


def write_function(modules, name="thumbnail", module="photos", files=None):
    folder = modules / module / "functions" / name
    folder.mkdir(parents=True)
    for path, text in (
        {"handler.py": "def handler(event, context): ...\n", "requirements.txt": ""} | (files or {})
    ).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return FunctionSource(name, module, folder)


def write_layer(modules, name="shared", module="function_layer", files=None):
    folder = modules / module / "layers" / name
    for path, text in ({"requirements.txt": ""} | (files or {})).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return LayerSource(name, module, folder)


def build(source, place, **more):
    return build_package(source, into=place / "into", cache=place / "cache", **more)


def names_in(package):
    with zipfile.ZipFile(package.file) as archive:
        return archive.namelist()


FILES = {"thumbnail.py": "LIMIT = 256\n", "store/__init__.py": "", "store/photos.py": "# s3\n"}


def test_two_builds_of_one_input_are_the_same_bytes_whatever_folder_time_and_umask(tmp_path):
    first = build(write_function(tmp_path / "a" / "modules", files=FILES), tmp_path / "a")
    before = os.umask(0o077)
    try:
        source = write_function(tmp_path / "b" / "elsewhere", files=dict(reversed(FILES.items())))
        for number, file in enumerate(sorted(source.folder.rglob("*"))):
            os.utime(file, (1_000_000_000 + number, 1_000_000_000 + number))
        second = build(source, tmp_path / "b")
    finally:
        os.umask(before)
    assert first.file.read_bytes() == second.file.read_bytes()
    assert first.sha256 == second.sha256
    assert first.inputs_hash == second.inputs_hash


@pytest.mark.parametrize("file", ["handler.py", "thumbnail.py", "store/photos.py"])
def test_a_changed_byte_changes_the_package(tmp_path, modules, file):
    source = write_function(modules, files=FILES)
    before = build(source, tmp_path)
    with open(source.folder / file, "a") as content:
        content.write("#")
    after = build(source, tmp_path)
    assert after.sha256 != before.sha256
    assert not after.cached


def test_a_renamed_file_changes_the_package(tmp_path, modules):
    source = write_function(modules, files=FILES)
    before = build(source, tmp_path)
    (source.folder / "thumbnail.py").rename(source.folder / "thumbnails.py")
    assert build(source, tmp_path).sha256 != before.sha256


@pytest.mark.parametrize("platform", [{"runtime": "python3.12"}, {"architecture": "arm64"}])
def test_another_platform_is_another_input(tmp_path, modules, platform):
    source = write_function(modules)
    assert build(source, tmp_path, **platform).inputs_hash != build(source, tmp_path).inputs_hash


def test_only_what_changed_is_built_again(tmp_path, modules):
    sources = [write_function(modules, "one"), write_function(modules, "two")]
    build_packages(sources, into=tmp_path / "into", cache=tmp_path / "cache")
    (sources[1].folder / "handler.py").write_text("def handler(event, context): return 2\n")
    events = []
    built = build_packages(sources, into=tmp_path / "into", cache=tmp_path / "cache", on_event=events.append)
    assert [(package.name, package.cached) for package in built] == [("one", True), ("two", False)]
    assert [event.name for event in events if isinstance(event, PackageStarted)] == ["two"]
    assert {event.package.name for event in events if isinstance(event, PackageReady)} == {"one", "two"}


def test_a_damaged_package_in_the_cache_is_built_again(tmp_path, modules):
    source = write_function(modules, files=FILES)
    good = build(source, tmp_path)
    for cached in (tmp_path / "cache").rglob("*.zip"):
        cached.unlink()
        shutil.copyfile(good.file, cached)
        with open(cached, "ab") as content:
            content.write(b"damage")
    again = build(source, tmp_path)
    assert not again.cached
    assert again.sha256 == good.sha256


def test_the_package_holds_the_function_and_nothing_that_tools_left(tmp_path, modules):
    source = write_function(
        modules,
        files=FILES
        | {
            "tests/test_thumbnail.py": "",
            "README.md": "",
            "requirements.in": "",
            ".env": "SECRET=1",
            "store/.secret": "",
            "__pycache__/handler.cpython-311.pyc": "",
            "store/__pycache__/photos.cpython-311.pyc": "",
        },
    )
    assert names_in(build(source, tmp_path)) == ["handler.py", "store/__init__.py", "store/photos.py", "thumbnail.py"]


def test_every_file_of_the_package_can_be_read_by_the_account_that_lambda_uses(tmp_path, modules):
    source = write_function(modules, files=FILES)
    (source.folder / "handler.py").chmod(0o600)
    (source.folder / "thumbnail.py").chmod(0o700)
    with zipfile.ZipFile(build(source, tmp_path).file) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes["handler.py"] == 0o644
    assert modes["thumbnail.py"] == 0o755


def test_sizes_are_those_of_the_zip_and_of_its_content(tmp_path, modules):
    source = write_function(modules, files={"data.txt": "a" * 100_000})
    package = build(source, tmp_path)
    assert package.unzipped_bytes == 100_000 + (source.folder / "handler.py").stat().st_size
    assert package.size_bytes == package.file.stat().st_size < 2_000


def test_a_package_above_lambdas_quota_is_refused_and_its_largest_part_is_named(tmp_path, modules, monkeypatch):
    assert packages.LARGEST_UNZIPPED_BYTES == 262_144_000  # the figure in the service's own error message
    monkeypatch.setattr(packages, "LARGEST_UNZIPPED_BYTES", 3 * 1024**2)
    source = write_function(modules, files={"model/weights.bin": "w" * 4 * 1024**2})
    with pytest.raises(PackageTooLarge) as caught:
        build(source, tmp_path)
    assert caught.value.what == "The package of thumbnail has 4 MB unzipped; AWS Lambda takes 3 MB."
    assert caught.value.where.startswith("largest: model 4 MB")
    assert not (tmp_path / "into" / "thumbnail.zip").exists()


def test_functions_are_found_in_every_module(modules):
    write_function(modules, "thumbnail", "photos")
    write_function(modules, "authorize", "api")
    (modules / "network").mkdir()
    assert [(source.name, source.module) for source in find_functions(modules)] == [
        ("authorize", "api"),
        ("thumbnail", "photos"),
    ]


@pytest.mark.parametrize("missing", ["handler.py", "requirements.txt"])
def test_a_function_that_lacks_a_file_is_named_with_the_file(modules, missing):
    source = write_function(modules)
    (source.folder / missing).unlink()
    with pytest.raises(BadFunction) as caught:
        find_functions(modules)
    assert caught.value.what == f"The function thumbnail has no {missing}."
    assert caught.value.where == str(source.folder / missing)


def test_two_functions_of_one_name_are_refused(modules):
    write_function(modules, "thumbnail", "photos")
    write_function(modules, "thumbnail", "videos")
    with pytest.raises(BadFunction, match="Two functions are called thumbnail"):
        find_functions(modules)


@pytest.mark.parametrize("platform", [{"runtime": "nodejs22.x"}, {"architecture": "sparc"}])
def test_a_platform_that_we_cannot_build_for_is_refused(tmp_path, modules, platform):
    with pytest.raises(BadFunction):
        build(write_function(modules), tmp_path, **platform)


LAYER = {"correlation/__init__.py": "", "events/schemas/order.placed.json": "{}"}


def test_a_layer_lies_where_lambda_puts_it_on_the_path(tmp_path, modules):
    package = build(write_layer(modules, files=LAYER), tmp_path)
    assert package.name == "shared-layer"
    assert package.file.name == "shared-layer.zip"
    assert names_in(package) == ["python/correlation/__init__.py", "python/events/schemas/order.placed.json"]


def test_a_layer_is_built_once_and_always_the_same(tmp_path, modules):
    first = build(write_layer(modules, files=LAYER), tmp_path)
    assert build(write_layer(modules, files=LAYER), tmp_path).cached
    assert build(write_layer(tmp_path / "elsewhere", files=LAYER), tmp_path / "b").sha256 == first.sha256
    assert not build(write_layer(modules, files=LAYER | {"correlation/__init__.py": "#"}), tmp_path).cached


def test_a_function_and_a_layer_of_the_same_files_are_two_packages(tmp_path, modules):
    files = {"handler.py": ""}
    function, layer = write_function(modules, "shared", files=files), write_layer(modules, files=files)
    assert names_in(build(function, tmp_path)) == ["handler.py"]
    assert names_in(build(layer, tmp_path)) == ["python/handler.py"]


def test_layers_and_functions_are_found_in_nested_modules_and_not_in_hidden_folders(modules):
    write_function(modules, "order-stock", "triggers/sns")
    write_layer(modules, "shared")
    write_layer(modules, "imaging", "triggers/s3")
    write_function(modules, "downloaded", "photos/.terraform/modules/other")
    write_layer(modules, "downloaded", "photos/.terraform/modules/other")
    assert [(found.name, found.module) for found in find_functions(modules)] == [("order-stock", "triggers/sns")]
    assert [(found.name, found.module) for found in find_layers(modules)] == [
        ("imaging", "triggers/s3"),
        ("shared", "function_layer"),
    ]


def test_a_layer_that_lacks_its_requirements_and_a_second_one_of_a_name_are_refused(modules):
    write_layer(modules, "shared", "one")
    other = write_layer(modules, "shared", "two")
    with pytest.raises(BadFunction, match=r"Two layers are called shared\."):
        find_layers(modules)
    other.requirements.unlink()
    with pytest.raises(BadFunction, match=r"The layer shared has no requirements\.txt\."):
        find_layers(modules)
