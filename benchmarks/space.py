"""How long the Space takes, in headless Chromium: from the command to the first caption, and a video split.

`python benchmarks/space.py VIDEO` needs playwright and Chromium. CPU seconds, of the page and its helpers without the
browser, are read from /proc (Linux): they say what it costs also on a machine that others use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

PORT = 7933
WRITTEN = "(document.querySelector('#p-caption-result .p-big') || {}).textContent?.trim().length > 3"
ALL = "!document.querySelector('#p-caption-doing .p-working p') && document.querySelector('#chosen-title')"
DONE = "!document.querySelector('#p-split-doing .p-working p') && document.querySelector('#p-split-result .p-caption')"


def cpu_seconds(group: int) -> float:
    """What the processes of a group have used so far, those that ended included."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == group:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def main(video: str) -> None:
    with sync_playwright() as play, tempfile.TemporaryFile("w+") as log:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page, started = browser.new_page(), time.perf_counter()
        page.set_default_timeout(300_000)
        command = [sys.executable, "-m", "panda_hf", "space", "--port", str(PORT)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, process_group=0)
        try:
            assert server.stdout is not None and "Open" in server.stdout.readline()
            print(f"address printed after {time.perf_counter() - started:.1f} s, {cpu_seconds(server.pid):.1f} CPU s")
            page.goto(f"http://127.0.0.1:{PORT}/")
            page.click("#p-clip-shelf [data-example='1']")
            page.wait_for_function(WRITTEN)
            seconds, used = time.perf_counter() - started, cpu_seconds(server.pid)
            print(f"first caption of an example after {seconds:.1f} s, {used:.1f} CPU s", flush=True)
            page.wait_for_function(ALL)
            page.click("button[role=tab]:has-text('Split')")
            page.set_input_files("#p-film-upload input[type=file]", video)
            page.wait_for_selector("#p-film-seen video")
            uploaded, before = time.perf_counter(), cpu_seconds(server.pid)
            page.click("#p-split")
            page.wait_for_function(DONE)
            seconds, used = time.perf_counter() - uploaded, cpu_seconds(server.pid) - before
            clips = page.locator("#p-split-result .p-cards > li").count()
            print(f"{Path(video).name}: {clips} clips split and captioned in {seconds:.1f} s, {used:.1f} CPU s")
        finally:
            server.kill()
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
