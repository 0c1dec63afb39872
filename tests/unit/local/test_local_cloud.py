from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from opsctl.errors import UsageError
from opsctl.local import LocalCloud, NotInstalled, State


def test_without_the_extra_a_start_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == "moto" else ModuleSpec(name, None)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(NotInstalled) as caught:
        LocalCloud(tmp_path, "111122223333", "eu-central-1").start()
    assert caught.value.next == "pip install 'opsctl[local]'"


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_a_setting_that_is_no_port_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("OPSCTL_LOCAL_PORT", port)
    with pytest.raises(UsageError, match="OPSCTL_LOCAL_PORT"):
        LocalCloud(tmp_path, "111122223333", "eu-central-1").start()


def test_a_cloud_that_never_ran_is_stopped_and_can_be_stopped_and_reset(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path, "111122223333", "eu-central-1")
    assert cloud.status().state is State.STOPPED
    assert cloud.stop().processes == 0
    assert cloud.reset() is None
    assert cloud.logs() == ""


def test_half_a_record_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "cloud.json").write_text('{"pid": 1')
    assert LocalCloud(tmp_path, "111122223333", "eu-central-1").status().state is State.STOPPED


def test_reset_sets_states_and_databases_aside_with_a_time_in_the_name(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path, "111122223333", "eu-central-1")
    (cloud.state_folder / "111122223333").mkdir(parents=True)
    (cloud.databases_folder / "111122223333").mkdir(parents=True)
    first, second = cloud.reset(), None
    (cloud.state_folder / "111122223333").mkdir(parents=True)
    second = cloud.reset()
    assert first is not None
    assert second is not None
    assert first != second
    assert {first, second} == set(tmp_path.glob("before-2*Z"))
    assert sorted(folder.name for folder in first.iterdir()) == ["databases", "state"]
    assert [folder.name for folder in second.iterdir()] == ["state"]
