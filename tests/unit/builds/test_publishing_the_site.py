"""What a page's folder becomes in its bucket."""

import re
import shutil
from pathlib import Path

import pytest

from opsctl.builds.site import ASK_FIRST, FOREVER, BadPage, read_page, version_of

PAGE = Path(__file__).parents[3] / "terraform" / "modules" / "site" / "page"
CONFIG = {"api_key": "abc", "environment": "local"}


@pytest.fixture
def folder(tmp_path):
    """A page of two assets."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="assets/style.css"><script type="module" src="assets/app.js"></script>'
    )
    (tmp_path / "assets" / "app.js").write_text("import './api.js';")
    (tmp_path / "assets" / "api.js").write_text("export const a = 1;")
    (tmp_path / "assets" / "style.css").write_text("body {}")
    return tmp_path


def test_index_html_names_the_assets_of_its_own_version_and_comes_last(folder):
    page = read_page(folder, CONFIG)
    assert page.objects[-1].key == "index.html"
    named = re.findall(r'(?:src|href)="([^"]*)"', page.index.body.decode())
    assert set(named) == {f"assets/{page.version}/app.js", f"assets/{page.version}/style.css"}
    assert set(named) < {asset.key for asset in page.assets}


def test_assets_are_kept_for_ever_and_what_may_change_is_asked_for_first(folder):
    page = read_page(folder, CONFIG)
    assert {asset.cache_control for asset in page.assets} == {FOREVER}
    assert page.index.cache_control == page.config.cache_control == ASK_FIRST


@pytest.mark.parametrize("file", ["assets/api.js", "assets/style.css", "index.html"])
def test_any_change_moves_every_asset_to_a_new_version(folder, file):
    before = read_page(folder, CONFIG)
    (folder / file).write_text((folder / file).read_text() + "\n")
    after = read_page(folder, CONFIG)
    assert not {asset.key for asset in before.assets} & {asset.key for asset in after.assets}


def test_the_same_page_has_the_same_version_wherever_it_lies_and_whatever_its_key(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "page"
    shutil.copytree(folder, elsewhere)
    (elsewhere / ".DS_Store").write_text("left by a desktop")
    assert read_page(folder, CONFIG).assets == read_page(elsewhere, {"api_key": "another"}).assets


def test_browsers_are_told_what_a_file_is(folder):
    types = {asset.key.rpartition("/")[2]: asset.content_type for asset in read_page(folder, CONFIG).objects}
    assert types == {
        "app.js": "text/javascript; charset=utf-8", "api.js": "text/javascript; charset=utf-8",
        "style.css": "text/css; charset=utf-8", "site.json": "application/json",
        "index.html": "text/html; charset=utf-8",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("assets/font.ttf2", "No content type"),
        ("app.js", "outside of assets/"),
        ("site.json", "outside of assets/"),
    ],
)
def test_a_file_that_could_not_be_served_well_is_refused(folder, name, says):
    (folder / name).write_text("x")
    with pytest.raises(BadPage, match=says):
        read_page(folder, CONFIG)


def test_a_page_that_names_what_is_not_there_is_refused(folder):
    (folder / "assets" / "app.js").unlink()
    with pytest.raises(BadPage, match=r"assets/app\.js, which isn't there"):
        read_page(folder, CONFIG)


def test_a_version_keeps_its_own_index_html_which_tells_what_version_it_is(folder):
    page = read_page(folder, CONFIG)
    assert page.copy.key == f"assets/{page.version}/index.html"
    assert (page.copy.body, page.copy.cache_control) == (page.index.body, FOREVER)
    assert version_of(page.index.body) == page.version
    assert version_of(b"<p>somebody else's page") == ""


def test_a_page_whose_versions_nobody_could_tell_apart_is_refused(folder):
    (folder / "index.html").write_text("<p>hello")
    with pytest.raises(BadPage, match="names nothing below assets/"):
        read_page(folder, CONFIG)


def test_a_folder_without_a_page_is_refused(tmp_path):
    with pytest.raises(BadPage, match=r"no index\.html"):
        read_page(tmp_path, CONFIG)


def test_our_page_keeps_to_the_strict_content_security_policy():
    """`default-src 'self'` (terraform/modules/edge): no inline script or style, nothing from elsewhere."""
    text = (PAGE / "index.html").read_text()
    assert not re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", text)
    for file in [PAGE / "index.html", *(PAGE / "assets").iterdir()]:
        addresses = set(re.findall(r"https?://[^\s\"')]+", file.read_text()))
        assert addresses <= {"http://www.w3.org/2000/svg"}, file.name


def test_our_page_never_makes_markup_of_what_a_server_says():
    for file in (PAGE / "assets").glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", file.read_text()
        )


def test_our_modules_import_only_what_is_published():
    page = read_page(PAGE, CONFIG)
    names = {asset.key.rpartition("/")[2] for asset in page.assets}
    for file in (PAGE / "assets").glob("*.js"):
        assert set(re.findall(r"from '\./([^']+)'", file.read_text())) <= names, file.name
