"""Which packages a mirror holds, and the view of just one."""

import re
import zipfile
from pathlib import Path

import pytest

from opsctl.terraform.mirrors import (
    SOURCE,
    implied_mirrors,
    mirrors_below,
    packages_in,
    platform_name,
    satisfies,
    version_key,
    view_of,
)


def unpacked(mirror: Path, version: str, *, executable: bool = True, platform: str = "") -> Path:
    folder = mirror / SOURCE / version / (platform or platform_name())
    folder.mkdir(parents=True)
    program = folder / f"terraform-provider-aws_v{version}_x5"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755 if executable else 0o644)
    return folder


def packed(mirror: Path, version: str) -> Path:
    file = mirror / SOURCE / f"terraform-provider-aws_{version}_{platform_name()}.zip"
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"terraform-provider-aws_v{version}_x5", "#!/bin/sh\n")
    return file


@pytest.mark.parametrize(
    ("version", "constraint", "verdict"),
    [
        ("5.100.0", ">= 5.100, < 7.0", True), ("5.99.0", ">= 5.100, < 7.0", False),
        ("6.47.1", ">= 5.100, < 7.0", True), ("7.0.0", ">= 5.100, < 7.0", False),
        ("5.100.0", "= 5.100.0", True), ("5.100.1", "= 5.100.0", False), ("5.100.0", "5.100.0", True),
        ("6.0.0", "!= 6.0.0", False), ("6.0.0-beta1", ">= 5.100, < 7.0", False), ("6.0.0-beta1", "= 6.0.0-beta1", True),
    ],
)  # fmt: skip
def test_constraints_mean_what_they_mean_to_terraform(version, constraint, verdict):
    assert satisfies(version, constraint) is verdict


def test_a_constraint_of_another_form_is_refused_rather_than_guessed():
    with pytest.raises(ValueError, match="~> 5"):
        satisfies("5.100.0", "~> 5")


def test_versions_are_sorted_by_number():
    assert sorted(["5.100.0", "5.9.0", "6.0.0", "6.0.0-beta1"], key=version_key) == [
        "5.9.0", "5.100.0", "6.0.0-beta1", "6.0.0",
    ]  # fmt: skip


def test_both_layouts_are_found_newest_first(tmp_path):
    unpacked(tmp_path, "5.100.0")
    packed(tmp_path, "6.1.0")
    assert [package.version for package in packages_in(tmp_path)] == ["6.1.0", "5.100.0"]


def test_packages_that_can_not_run_here_are_left_out(tmp_path):
    unpacked(tmp_path, "5.100.0", executable=False)
    unpacked(tmp_path, "5.101.0", platform="plan9_mips")
    (tmp_path / SOURCE / "5.102.0").mkdir()
    (tmp_path / SOURCE / f"terraform-provider-aws_5.103.0_{platform_name()}.zip").write_text("not a zip")
    assert packages_in(tmp_path) == []
    assert packages_in(tmp_path / "none") == []


def test_mirrors_are_found_two_levels_down_and_no_further(tmp_path):
    for path in ("a", "b/c", "d/e/f"):
        unpacked(tmp_path / path, "5.100.0")
    assert list(mirrors_below([tmp_path])) == [tmp_path / "a", tmp_path / "b" / "c"]
    assert list(mirrors_below([tmp_path / "none"])) == []


def test_terraforms_own_folders_follow_home_and_xdg(tmp_path):
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    assert implied_mirrors(env)[:2] == [tmp_path / ".terraform.d/plugins", tmp_path / "data/terraform/plugins"]


def test_a_view_holds_one_version_of_a_mirror_that_holds_two(tmp_path):
    unpacked(tmp_path / "mirror", "6.0.0")
    unpacked(tmp_path / "mirror", "5.100.0")
    package = packages_in(tmp_path / "mirror")[1]
    text = view_of(package, tmp_path / "cache").read_text()
    view = Path(re.search(r'path\s+= "(.*)"', text).group(1))
    assert [p.version for p in packages_in(view)] == ["5.100.0"]
    assert f'exclude = ["{SOURCE}"]' in text


def test_a_packed_package_is_unpacked_once(tmp_path):
    file = packed(tmp_path / "mirror", "6.1.0")
    [package] = packages_in(tmp_path / "mirror")
    view = view_of(package, tmp_path / "cache")
    [made] = (tmp_path / "cache" / "unpacked").iterdir()
    stamp = made.stat().st_mtime_ns
    assert view_of(package, tmp_path / "cache") == view
    assert made.stat().st_mtime_ns == stamp
    assert file.is_file()
    [unpacked_package] = packages_in(view.parent)
    assert unpacked_package.path == made
