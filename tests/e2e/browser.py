"""A real Chromium, driven over WebDriver, that trusts the local authority and resolves one host to the local edge.

Nothing of the system changes: profile, HOME and the certificate store (NSS, ~/.pki/nssdb) are a folder of the test's.
The browser is the distribution's own (or Chrome); nothing is downloaded. `make browser` says what to install.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

INSTALL = "apt-get install chromium chromium-driver libnss3-tools (as root `make browser` does it)"
PATIENCE_SECONDS = 30


@dataclass
class Browser:
    """A window on one page. Every `see…` waits for what it names and fails with what the page shows instead."""

    driver: Chrome
    messages: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Load a page as somebody who was never there: nothing stored, nothing said in the console."""
        self.driver.get(address)
        self.driver.execute_script("sessionStorage.clear(); localStorage.clear()")
        self.driver.delete_all_cookies()
        self.console()
        self.messages.clear()
        self.driver.refresh()

    def run(self, script: str, **given: object) -> Any:
        """What an asynchronous JavaScript function with these named arguments returns in the page."""
        answer = self.driver.execute_async_script(
            f"const done = arguments[1]; (async ({{ {', '.join(given)} }}) => {{ {script} }})(arguments[0])"
            ".then((value) => done([value, null]), (error) => done([null, String(error)]))",
            given,
        )
        assert answer[1] is None, answer[1]
        return answer[0]

    def find(self, selector: str) -> WebElement:
        """The first element that fits a CSS selector and is visible."""
        return self.see("", selector)

    def see(self, text: str, within: str = "body") -> WebElement:
        """The first visible element `within` (CSS selector) whose text has `text` in it."""
        what = f"“{text}” in {within}" if text else within
        found: WebElement = self.until(lambda: self._visible(within, text), what)
        return found

    def until(self, condition: Callable[[], Any], what: str, *, seconds: float = PATIENCE_SECONDS) -> Any:
        """What `condition` gives, once that is true."""
        waiting = WebDriverWait(self.driver, seconds, 0.1, [StaleElementReferenceException])
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            shown = self.driver.find_element(By.TAG_NAME, "body").text
            raise AssertionError(
                f"waited {seconds} s in vain for {what}\nThe page shows:\n{shown}\nIts console: {self.console()}"
            ) from None

    def type(self, selector: str, text: str) -> None:
        element = self.find(selector)
        element.clear()
        element.send_keys(text)

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def console(self) -> list[str]:
        """Every warning and error of the console since `open`; broken CSP rules are among them."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        self.messages += [f"{entry['level']} {entry['message']}" for entry in entries if entry["level"] != "INFO"]
        return self.messages

    def keep_evidence(self, folder: Path) -> None:
        """Write what the page looks like and what its console says to `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(folder / "page.png"))
        (folder / "page.html").write_text(self.driver.page_source)
        (folder / "console.log").write_text("\n".join(self.console()) + "\n")

    def _visible(self, selector: str, text: str = "") -> WebElement | None:
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return next((element for element in found if element.is_displayed() and text in element.text), None)


def programs() -> tuple[str, str, str]:
    """Paths of browser, its driver and certutil.

    Raises:
        FileNotFoundError: one of them is missing; the message says what to install.
    """
    # GitHub's machines carry Chrome and name the folder of the driver that belongs to it.
    pairs = [
        (shutil.which("chromium"), shutil.which("chromedriver")),
        (
            shutil.which("google-chrome"),
            shutil.which("chromedriver", path=os.environ.get("CHROMEWEBDRIVER", os.defpath)),
        ),
    ]
    certutil = shutil.which("certutil")
    for browser, driver in pairs:
        if browser and driver and certutil:
            return browser, driver, certutil
    raise FileNotFoundError(f"The page is tested in a real Chromium, and it isn't here: {INSTALL}")


@contextlib.contextmanager
def open_browser(folder: Path, *, authority: Path | None, hosts: Mapping[str, int]) -> Iterator[Browser]:
    """A headless browser whose profile and HOME are `folder`.

    Args:
        authority: certificate (PEM) of the authority that it trusts besides the public ones.
        hosts: names that lead to a port of 127.0.0.1 (their port 443); no other name leads anywhere.
    """
    browser, driver, certutil = programs()
    if authority:
        _trust(authority, folder, certutil)
    options = ChromeOptions()
    options.binary_location = browser
    rules = [f"MAP {name}:443 127.0.0.1:{port}" for name, port in hosts.items()]
    for argument in (
        "--headless=new", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
        "--no-first-run", "--lang=en-GB", "--window-size=1280,1000", f"--user-data-dir={folder / 'profile'}",
        f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1'])}",
        # Chromium's sandbox refuses to run as root, which is who CI's containers are.
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    environment = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "NO_PROXY": "*"}
    driven = Chrome(options, ChromeService(driver, env=environment))
    try:
        yield Browser(driven)
    finally:
        driven.quit()


def _trust(authority: Path, home: Path, certutil: str) -> None:
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True, exist_ok=True)
    for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "local authority", "-i", str(authority)]):
        subprocess.run([certutil, "-d", f"sql:{store}", *words], check=True, capture_output=True, text=True)
