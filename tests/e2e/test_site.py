"""The page in a real Chromium, over TLS through the edge, as a person meets it."""

from __future__ import annotations

import base64
import json
import re
import secrets
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from opsctl.auth import add_user
from opsctl.aws import Aws
from opsctl.smoke import photos
from tests.e2e.browser import Browser, open_browser, programs
from tests.e2e.project import Project

READY = ".photo[data-photo-id]:not(.pending):not(.failed) img"
GALLERY = f"{READY}, #gallery-empty"
"""What is there once the photos were asked for."""


@dataclass(frozen=True)
class Person:
    name: str
    password: str


@pytest.fixture(scope="module")
def mara(aws: Aws, outputs: dict[str, Any]) -> Person:
    """A user who may do everything."""
    return add_person(aws, outputs, "mara", {"orders:read", "orders:write", "photos:write"})


@pytest.fixture(scope="module")
def browser(stack: Project, outputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One window for this file: a Chromium takes about as long to start as all that a test does in it."""
    try:
        programs()
    except FileNotFoundError as error:
        pytest.fail(str(error))
    running = stack.json("local", "status")
    hosts = {outputs["edge"]["domain_name"]: running["edge_port"]}
    folder = tmp_path_factory.mktemp("browser")
    with open_browser(folder, authority=Path(running["authority_file"]), hosts=hosts) as opened:
        yield opened


@pytest.fixture
def page(
    browser: Browser, outputs: dict[str, Any], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Browser]:
    """The page, newly opened by nobody in particular. What a failed test saw is kept in its folder."""
    failed_before = request.session.testsfailed
    browser.open(outputs["edge"]["url"])
    yield browser
    if request.session.testsfailed > failed_before:
        browser.keep_evidence(tmp_path)
        warnings.warn(f"what the page showed: {tmp_path}/page.png, page.html, console.log", stacklevel=1)


def add_person(aws: Aws, outputs: dict[str, Any], name: str, scopes: set[str]) -> Person:
    person = Person(name, secrets.token_urlsafe(18))
    add_user(aws, outputs["auth"]["users_table"], person.name, person.password, scopes)
    return person


def sign_in(page: Browser, person: Person) -> None:
    page.type("#username", person.name)
    page.type("#password", person.password)
    page.click("#sign-in-form [type=submit]")
    page.see(person.name, "#account")


def add_photo(page: Browser, file: Path) -> None:
    """Choose a file as a person does in the file dialog."""
    page.driver.find_element(By.ID, "files").send_keys(str(file))


def count(page: Browser, selector: str) -> int:
    return len(page.driver.find_elements(By.CSS_SELECTOR, selector))


def test_the_page_comes_over_tls_and_the_console_stays_empty(page: Browser, outputs: dict[str, Any]) -> None:
    page.see("Photos", "h1")
    page.see("local", "#environment")
    page.find(GALLERY)
    origin, secure = page.driver.execute_script("return [location.origin, isSecureContext]")
    assert origin == outputs["edge"]["url"]
    assert secure
    asked = page.driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked
    assert all(address.startswith(f"{origin}/") for address in asked), asked
    assert page.console() == []


def test_the_policy_lets_no_script_in_that_the_page_did_not_bring(page: Browser) -> None:
    page.driver.execute_script(
        "const added = document.createElement('script'); added.textContent = 'window.got_in = true';"
        "document.body.append(added)"
    )
    assert not page.driver.execute_script("return window.got_in")
    assert any("Content Security Policy" in message for message in page.console())


def test_a_wrong_password_is_said_in_plain_words_with_the_request_to_ask_for(page: Browser, mara: Person) -> None:
    page.type("#username", mara.name)
    page.type("#password", "not " + mara.password)
    page.click("#sign-in-form [type=submit]")
    page.see("This name and password don’t belong together.", "#sign-in-notice [role=alert]")
    assert re.fullmatch(r"[\w=-]{16,}", page.find("#sign-in-notice code").text)
    assert count(page, ".order") == 0


def test_a_photo_is_added_and_its_thumbnail_appears_and_stays(page: Browser, mara: Person, tmp_path: Path) -> None:
    sign_in(page, mara)
    (tmp_path / "cat.jpg").write_bytes(photos.photo())
    page.find(GALLERY)
    before = count(page, READY)
    add_photo(page, tmp_path / "cat.jpg")
    page.see("cat.jpg", ".photo.pending")
    page.until(lambda: count(page, READY) == before + 1, "the thumbnail of cat.jpg", seconds=90)

    newest = page.find(READY)
    address = newest.get_dom_attribute("src")
    assert address
    assert re.fullmatch(r"/thumbnails/[\w-]+\.jpg", address)
    shown = page.until(lambda: page.driver.execute_script(
        "const [img] = arguments; return img.complete && img.naturalWidth && [img.naturalWidth, img.naturalHeight]",
        newest,
    ), "the picture itself")  # fmt: skip
    assert photos.has_thumbnail_size(tuple(shown))

    def listed() -> bool:
        page.driver.refresh()
        page.find(GALLERY)
        return count(page, f'.photo img[src="{address}"]') == 1

    page.until(listed, "the photo in the list, which the API may cache for some seconds")
    assert page.find(f'.photo img[src="{address}"]').accessible_name.startswith("Photo of")
    page.see(mara.name, "#account")


def test_a_file_that_is_no_picture_is_refused_before_it_is_sent(page: Browser, mara: Person, tmp_path: Path) -> None:
    sign_in(page, mara)
    (tmp_path / "notes.txt").write_text("not a picture")
    add_photo(page, tmp_path / "notes.txt")
    page.see("Only JPEG, PNG and WebP pictures are taken.", ".photo.failed")
    page.click(".photo.failed .remove")
    page.until(lambda: count(page, ".photo.failed") == 0, "the tile to go")


def test_a_photo_that_is_too_large_is_refused_before_it_is_sent(page: Browser, mara: Person, tmp_path: Path) -> None:
    sign_in(page, mara)
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(10 * 1024**2 + 1)
    add_photo(page, tmp_path / "large.png")
    page.see("10 MB at most", ".photo.failed")


def test_an_order_is_placed_once_and_shows(page: Browser, mara: Person) -> None:
    sign_in(page, mara)
    page.find("#orders")
    customer = f"Mara <b>{secrets.token_hex(4)}</b> & Söhne"  # shown as it was typed, never as markup
    page.type("#customer", customer)
    for _ in range(3):
        page.click("#catalogue li:nth-child(1) .add")
    page.type("#canvas-40x60", "1")
    page.see("30.47", "#total")
    page.click("#order-form [type=submit]")
    page.see("30.47", "#order-notice [role=status]")
    order = page.see(customer, ".order")
    assert "30.47" in order.text
    assert "placed" in order.text
    page.driver.refresh()
    page.see(customer, ".order")
    shown = [each.text for each in page.driver.find_elements(By.CSS_SELECTOR, ".order .customer")]
    assert shown.count(customer) == 1


def test_an_empty_order_says_what_is_missing(page: Browser, mara: Person) -> None:
    sign_in(page, mara)
    page.click("#order-form [type=submit]")
    page.see("Please choose at least one print.", "#order-notice [role=alert]")
    assert page.driver.switch_to.active_element.get_attribute("type") == "number"


def test_orders_come_back_by_themselves_after_the_service_was_away(page: Browser, mara: Person) -> None:
    """The network is cut for this address only: what the page sees when nobody answers."""
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/v1/orders*"]})
    try:
        sign_in(page, mara)
        page.see("The next try is in", "#orders-notice")
    finally:
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.find(".order, #orders-empty")
    assert count(page, "#orders-notice .notice") == 0


def test_a_token_that_is_not_ours_leads_back_to_signing_in(page: Browser) -> None:
    forged = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none"}, {"sub": "mara", "scope": "orders:read"})
    )
    page.driver.execute_script(
        "const session = { username: 'm', scopes: ['orders:read'], token: arguments[0], expiresAt: Date.now() + 1e6 };"
        "sessionStorage.setItem('session', JSON.stringify(session))",
        f"{forged}.",
    )
    page.driver.refresh()
    page.see("Your session has ended. Please sign in again.", "#sign-in")
    assert page.driver.execute_script("return sessionStorage.length") == 0


def test_a_session_ends_when_its_token_does_and_what_was_begun_stays(page: Browser, mara: Person) -> None:
    sign_in(page, mara)
    page.type("#customer", "Mara at home")
    page.driver.execute_script(  # as after a machine's sleep: the token's time has passed unnoticed
        "const session = JSON.parse(sessionStorage.getItem('session')); session.expiresAt = Date.now() - 1;"
        "sessionStorage.setItem('session', JSON.stringify(session));"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.see("Your session has ended. Please sign in again.", "#sign-in")
    assert page.driver.execute_script("return sessionStorage.length") == 0
    sign_in(page, mara)
    assert page.find("#customer").get_property("value") == "Mara at home"


def test_who_may_only_look_is_not_offered_to_change_anything(page: Browser, aws: Aws, outputs: dict[str, Any]) -> None:
    sign_in(page, add_person(aws, outputs, "rita", {"orders:read"}))
    page.find("#orders")
    assert not page.driver.find_element(By.ID, "order").is_displayed()
    assert not page.driver.find_element(By.ID, "upload").is_displayed()


def test_signing_out_leaves_nothing_behind(page: Browser, mara: Person) -> None:
    sign_in(page, mara)
    page.type("#customer", "Somebody whom the next person must not see")
    page.click("#catalogue .add")
    page.click("#order-form [type=submit]")
    page.see("Somebody", ".order")
    page.click("#sign-out")
    page.find("#sign-in")
    assert count(page, ".order") == 0
    assert "Somebody" not in page.driver.page_source
    assert page.driver.execute_script("return document.getElementById('customer').value + sessionStorage.length") == "0"
    assert page.driver.switch_to.active_element.get_attribute("id") == "username"
    page.driver.refresh()
    page.find("#sign-in")


def test_the_keyboard_alone_is_enough(page: Browser, mara: Person) -> None:
    page.find("#username").click()
    keys = [mara.name, Keys.TAB, mara.password, Keys.ENTER]
    page.press(*keys)
    page.see(mara.name, "#account")
    reached = []
    for _ in range(80):
        page.press(Keys.TAB)
        reached.append(page.driver.switch_to.active_element.get_attribute("id"))
    assert {"sign-out", "files", "customer", "print-10x15", "orders-refresh"} <= set(reached)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_phone_shows_it_all_without_scrolling_sideways(page: Browser, mara: Person, scheme: str) -> None:
    sign_in(page, mara)
    page.find("#orders")
    emulate = page.driver.execute_cdp_cmd
    emulate("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    emulate("Emulation.setDeviceMetricsOverride", {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": True})
    try:
        wide = page.driver.execute_script("return document.documentElement.scrollWidth")
        ground = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    finally:
        emulate("Emulation.clearDeviceMetricsOverride", {})
        emulate("Emulation.setEmulatedMedia", {"features": []})
    assert wide <= 320
    assert (sum(map(int, re.findall(r"\d+", ground))) < 3 * 128) == (scheme == "dark")


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (0, "", "The server did not answer."),
        (401, "Unauthorized", "Please sign in again."),
        (403, "Forbidden", "This is not allowed"),
        (413, "", "10 MB at most"),
        (415, "", "Only JPEG, PNG and WebP"),
        (422, "quantity must be 1 or more", "quantity must be 1 or more"),
        (429, "Too many requests.", "Too many requests. Please wait 7 seconds."),
        (503, "", "not available right now"),
        (504, "", "not available right now"),
    ],
)
def test_each_refusal_has_plain_words(page: Browser, status: int, said: str, words: str) -> None:
    explained = page.run(
        "const { ApiError, explain } = await import(new URL('api.js', document.querySelector('script[src]').src));"
        "return explain(new ApiError(status, { said, retryAfter: 7 }))",
        status=status, said=said,
    )  # fmt: skip
    assert words in explained


def test_what_was_published_is_kept_by_browsers_as_long_as_it_holds(page: Browser) -> None:
    headers = page.run(
        "const asset = document.querySelector('script[src]').src;"
        "const kept = async (address) => (await fetch(address)).headers.get('Cache-Control');"
        "return [await kept(asset), await kept('/'), await kept('/site.json')]"
    )
    assert headers == ["public, max-age=31536000, immutable", "no-cache", "no-cache"]


@pytest.mark.parametrize("key", ["index.html", "site.json", ""])
def test_the_bucket_answers_nobody_directly(stack: Project, outputs: dict[str, Any], key: str) -> None:
    endpoint = stack.json("local", "status")["endpoint_url"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(f"{endpoint}/{outputs['site']['bucket']}/{key}", timeout=30)
    assert refused.value.code == 403
