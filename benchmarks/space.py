"""How long the Space takes, in headless Chromium: from the command to the first caption, and a video split.

`python benchmarks/space.py VIDEO` needs playwright and Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

PORT = 7933
WRITTEN = "(document.querySelector('#p-caption-result .p-big') || {}).textContent?.trim().length > 3"
DONE = "!document.querySelector('#p-split-doing .p-working p') && document.querySelector('#p-split-result .p-caption')"


def main(video: str) -> None:
    with sync_playwright() as play, tempfile.TemporaryFile("w+") as log:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page, started = browser.new_page(), time.perf_counter()
        command = [sys.executable, "-m", "panda_hf", "space", "--port", str(PORT)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert server.stdout is not None and "Open" in server.stdout.readline()
            print(f"address printed after {time.perf_counter() - started:.1f} s")
            page.goto(f"http://127.0.0.1:{PORT}/")
            page.click("#p-clip-shelf [data-example='1']")
            page.wait_for_function(WRITTEN, timeout=300_000)
            print(f"first caption of an example after {time.perf_counter() - started:.1f} s")
            page.wait_for_selector("#chosen-title", timeout=300_000)
            page.click("button[role=tab]:has-text('Split')")
            page.set_input_files("#p-film-upload input[type=file]", video)
            page.wait_for_selector("#p-film-seen video", timeout=60_000)
            uploaded = time.perf_counter()
            page.click("#p-split")
            page.wait_for_function(DONE, timeout=300_000)
            print(f"{Path(video).name}: split and captioned {time.perf_counter() - uploaded:.1f} s after the upload")
        finally:
            server.kill()
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
