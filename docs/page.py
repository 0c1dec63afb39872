"""docs/page.png: the page of a real local environment, with photos and orders. `python -m docs.page`, after an `up`."""

from __future__ import annotations

import io
import json
import math
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter
from selenium.webdriver.common.by import By

from opsctl import processes
from opsctl.auth import SCOPES, add_user, remove_user
from opsctl.aws import Access, Aws
from opsctl.files import write_atomically
from tests.e2e.browser import Browser, open_browser

ROOT = Path(__file__).parents[1]
OPSCTL = Path(sys.executable).with_name("opsctl")
# Sky above, sky below, hills.
SCENES = [
    ("#20406e", "#f4b183", "#2b2d42"), ("#8ecae6", "#e9f5db", "#40916c"), ("#33202a", "#e56b6f", "#1d1128"),
    ("#bde0fe", "#ffe5d9", "#577590"), ("#14213d", "#5a7ca8", "#0b132b"), ("#f7cad0", "#fff1e6", "#8d5b4c"),
]  # fmt: skip


def scene(number: int) -> bytes:
    """A landscape as a JPEG: sky, sun, three rows of hills."""
    top, bottom, hills = SCENES[number]
    width, height = (900, 700) if number % 2 else (700, 900)
    sky = Image.new("RGB", (1, 2))
    sky.putdata([tuple(bytes.fromhex(colour[1:])) for colour in (top, bottom)])
    picture = sky.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    sun = (width * (0.25 + 0.1 * number), height * (0.2 + 0.05 * (number % 3)))
    draw.circle(sun, 55, fill="#fff6d6")
    for row in range(3):
        base, phase = height * (0.6 + 0.13 * row), number * 1.7 + row * 2.1
        ridge = [(x, base - 60 * math.sin(x / 140 + phase) - 25 * math.sin(x / 47 + phase)) for x in range(width + 1)]
        colour = Image.blend(Image.new("RGB", (1, 1), bottom), Image.new("RGB", (1, 1), hills), (row + 1) / 3)
        draw.polygon([*ridge, (width, height), (0, height)], fill=colour.getpixel((0, 0)))
    body = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1)).save(body, "JPEG", quality=88)
    return body.getvalue()


def fill(page: Browser, folder: Path, address: str, name: str, password: str) -> None:
    """Do what a visitor does: sign in, add photos, place orders."""
    page.open(address)
    page.type("#username", name)
    page.type("#password", password)
    page.click("#sign-in-form [type=submit]")
    page.find("#orders")
    files = [folder / f"{number}.jpg" for number in range(len(SCENES))]
    for number, file in enumerate(files):
        file.write_bytes(scene(number))
    page.driver.find_element(By.ID, "files").send_keys("\n".join(map(str, files)))
    page.until(
        lambda: len(page.driver.find_elements(By.CSS_SELECTOR, ".photo:not(.pending) img[src^='/']")) >= len(files),
        "all thumbnails", seconds=120,
    )  # fmt: skip
    for customer, size in (("Mara", "print-10x15"), ("Jonas", "canvas-40x60")):
        page.type("#customer", customer)
        page.type(f"#{size}", "2")
        page.click("#order-form [type=submit]")
        page.see(customer, ".order")


def said(*words: str) -> Any:
    return json.loads(processes.run([OPSCTL, *words, "--json"], cwd=Path.cwd()).stdout)


def main() -> None:
    running, outputs = said("local", "status"), said("outputs", "local")
    aws = Aws(Access("eu-central-1", "111122223333", running["endpoint_url"]))
    table, name, password = outputs["auth"]["users_table"], "mara", secrets.token_urlsafe(18)
    add_user(aws, table, name, password, SCOPES)
    hosts = {outputs["edge"]["domain_name"]: running["edge_port"]}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            with open_browser(folder, authority=Path(running["authority_file"]), hosts=hosts) as page:
                page.driver.set_window_size(1280, 1230)
                fill(page, folder, outputs["edge"]["url"], name, password)
                shot = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
        finally:
            remove_user(aws, table, name)
    body = io.BytesIO()
    # Pillow dithers only towards a palette that it is given.
    shot.quantize(palette=shot.quantize(256), dither=Image.Dither.FLOYDSTEINBERG).save(body, "PNG", optimize=True)
    write_atomically(ROOT / "docs" / "page.png", body.getvalue())


if __name__ == "__main__":
    main()
