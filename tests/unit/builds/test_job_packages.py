"""Packages of Batch jobs: found beside functions and layers, built like them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from opsctl.builds import BadFunction, build_package, find_functions, find_jobs


def write_job(modules: Path, *files: str) -> None:
    folder = modules / "bulk" / "jobs" / "bulk-job"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("")


def test_a_job_is_found_and_its_package_holds_main_at_its_root(tmp_path: Path) -> None:
    write_job(tmp_path / "modules", "main.py", "requirements.txt", "Dockerfile")
    [job] = find_jobs(tmp_path / "modules")
    assert (job.name, job.module, find_functions(tmp_path / "modules")) == ("bulk-job", "bulk", [])
    package = build_package(job, into=tmp_path / "packages", cache=tmp_path / "cache")
    assert package.file.name == "bulk-job.zip"
    with zipfile.ZipFile(package.file) as archive:
        assert {"main.py", "Dockerfile"} == set(archive.namelist())


def test_a_job_without_an_entry_point_is_refused(tmp_path: Path) -> None:
    write_job(tmp_path / "modules", "requirements.txt")
    with pytest.raises(BadFunction, match=r"main\.py"):
        find_jobs(tmp_path / "modules")


def test_the_products_own_job_is_found() -> None:
    modules = Path(__file__).parents[3] / "terraform/modules"
    assert [job.name for job in find_jobs(modules)] == ["bulk-job"]
