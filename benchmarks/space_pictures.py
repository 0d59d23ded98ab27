"""The pictures of docs/space.md: the Space in headless Chromium, light, dark and as wide as a phone.

    python benchmarks/space_pictures.py docs                                     # with the examples of the page
    python benchmarks/space_pictures.py FOLDER --clip CLIP --film FILM           # with videos of yours, to look at

It needs playwright and Chromium. Pictures have 256 colours, which keeps them below 200 KB.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

WAIT = 600_000
CAPTIONED = "!document.querySelector('#p-caption-doing .p-working p') && document.querySelector('#chosen-title')"
SPLIT = (
    "!document.querySelector('#p-split-doing .p-working p') && document.querySelector('#p-split-result .p-caption')"
)
FRAMES = "[...document.querySelectorAll('#p-split-result video')].every(one => one.poster)"


@contextmanager
def served() -> Iterator[str]:
    """`panda-hf space`; its address."""
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "panda_hf", "space"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert server.stdout is not None
            found = re.search(r"Open (http://\S+)", server.stdout.readline())
            assert found is not None, "the page did not start"
            yield found[1]
        finally:
            server.kill()
            server.wait()


def visit(browser: Any, address: str, width: int, scheme: str) -> Any:
    """The page, in the light or in the dark."""
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.wait_for_selector("#p-caption")
    return page


def caption(page: Any, clip: Path | None) -> None:
    """The first tab with an example, or with a clip."""
    choose(page, "clip", 1, clip, "#p-caption")
    page.wait_for_function(CAPTIONED)


def choose(page: Any, kind: str, example: int, given: Path | None, button: str) -> None:
    """An example, which begins at once; or an upload, then the button."""
    if given is None:
        page.click(f"#p-{kind}-shelf [data-example='{example}']")
        return
    page.set_input_files(f"#p-{kind}-upload input[type=file]", str(given))
    page.wait_for_selector(f"#p-{kind}-seen video")
    page.click(button)


def open_tab(page: Any, name: str) -> None:
    """A tab."""
    page.click(f"button[role=tab]:has-text('{name}') >> visible=true")


def split(page: Any, film: Path | None) -> None:
    """The second tab with an example, or with a video."""
    open_tab(page, "Split")
    choose(page, "film", 0, film, "#p-split")
    page.wait_for_function(SPLIT)
    page.wait_for_function(FRAMES)


def explore(page: Any) -> None:
    """The third tab with what the second has split."""
    open_tab(page, "Explore")
    page.click("button#p-own")
    page.wait_for_selector("#p-explore-result .p-cards > li")


def shoot(page: Any, path: Path) -> None:
    """The whole page."""
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # pictures are painted when they come into sight
    page.wait_for_timeout(2000)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1000)
    image = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {image.width} x {image.height}, {path.stat().st_size / 1e3:.0f} KB", flush=True)


def main(out: Path, clip: Path | None, film: Path | None) -> None:
    with sync_playwright() as play, served() as address:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = visit(browser, address, 1100, "light")
        caption(page, clip)
        shoot(page, out / "space-caption.png")
        split(page, film)
        shoot(page, out / "space-split.png")
        explore(page)
        shoot(page, out / "space-explore.png")
        page.context.close()
        page = visit(browser, address, 1100, "dark")
        split(page, film)
        shoot(page, out / "space-dark.png")
        page.context.close()
        page = visit(browser, address, 390, "light")
        caption(page, clip)
        shoot(page, out / "space-phone.png")
        if film is not None:
            split(page, film)
            shoot(page, out / "space-phone-split.png")
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a folder")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--film", type=Path)
    given = parser.parse_args()
    main(given.out, given.clip, given.film)
