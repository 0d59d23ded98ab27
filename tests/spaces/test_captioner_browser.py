"""The page of `spaces/panda-captioner` in a browser: each tab with a film, files that are none, a phone."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from tests.annotation.curated import HOSTILE, captions, clip_row, curated, write_rows
from tests.showing.closed_sockets import closed
from tests.spaces.test_annotate import browser, free_port

pytest.importorskip("gradio", minversion="6")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
__all__ = ["browser"]

ROOT = Path(__file__).parents[2]
WAIT = 120_000
SPLIT = (
    "!document.querySelector('#p-split-doing .p-working p') && document.querySelector('#p-split-result .p-caption')"
)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(make_film(5, "test", 3), tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="module")
def playlist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:9,\n/etc/passwd\n")
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips, of which every first candidate is markup."""
    folder = curated(tmp_path_factory.mktemp("curated"), 3)
    rows = [clip_row(n, [HOSTILE, *captions(n, 3)[1:]], clip_path=f"media/000000/{n}.mp4") for n in range(3)]
    return write_rows(folder, [{**row, "caption": HOSTILE, "caption_teacher": "a"} for row in rows])


@pytest.fixture(scope="module")
def served(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`panda-hf space` without a network: its address, and the file of what it tried to reach."""
    environment, tried = closed(tmp_path_factory.mktemp("closed"))
    command = [sys.executable, "-m", "panda_hf", "space", str(dataset), "--port", str(free_port())]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert server.stdout is not None
    found = re.search(r"Open (http://\S+)", server.stdout.readline())
    assert found is not None
    yield found.group(1), tried
    server.kill()
    server.wait()
    assert not tried.exists(), tried.read_text()


class Visitor:
    """Somebody at the page."""

    def __init__(self, browser: Any, address: str, width: int = 1280, *, dark: bool = False) -> None:
        scheme = "dark" if dark else "light"
        self.page = browser.new_context(viewport={"width": width, "height": 850}, color_scheme=scheme).new_page()
        self.page.set_default_timeout(WAIT)
        self.noise: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def tab(self, name: str) -> None:
        self.page.click(f"button[role=tab]:has-text('{name}') >> visible=true")

    def give(self, kind: str, path: Path) -> None:
        self.page.set_input_files(f"#p-{kind}-upload input[type=file]", str(path))


@pytest.fixture
def visitor(browser: Any, served: tuple[str, Path]) -> Iterator[Visitor]:
    visitor = Visitor(browser, served[0])
    yield visitor
    assert not visitor.noise
    assert all(url.startswith((served[0], "blob:", "data:")) for url in visitor.asked)


def test_a_clip_is_captioned_with_markup_for_a_title(visitor: Visitor, film: Path) -> None:
    page = visitor.page
    visitor.give("clip", film)
    page.wait_for_selector("#p-clip-seen video")
    page.get_by_placeholder("What it is called").fill(HOSTILE)
    page.click("#p-caption")
    page.wait_for_selector("#words-title")
    assert len(page.inner_text("#p-caption-result section[aria-labelledby=chosen-title] .p-big")) > 3
    assert page.locator("#p-caption-result .p-candidates li").count() == 3
    assert page.title() != "broken"


def test_an_example_is_captioned_by_one_click(visitor: Visitor) -> None:
    visitor.page.click("#p-clip-shelf [data-example='0']")
    visitor.page.wait_for_selector("#chosen-title")
    assert visitor.page.locator("#p-caption-result .p-candidates .won").count() == 1


def test_a_film_is_split_and_a_threshold_stitches_anew(visitor: Visitor, film: Path) -> None:
    page = visitor.page
    visitor.tab("Split")
    visitor.give("film", film)
    page.wait_for_selector("#p-film-seen video")
    page.click("#p-split")
    page.wait_for_function(SPLIT)
    cards = page.locator("#p-split-result .p-cards > li")
    before = cards.count()
    assert before >= 2 and page.locator("#p-split-result .p-timeline").count() == 1
    page.wait_for_function("document.querySelector('#p-split-result video').videoWidth > 0")
    page.click("#p-thresholds button >> nth=0")
    page.fill("#p-thresholds input[type=number] >> nth=4", "10")
    page.keyboard.press("Tab")
    page.wait_for_function(f"document.querySelectorAll('#p-split-result .p-cards > li').length < {before}")


def test_a_file_that_is_no_video_is_refused_in_words(visitor: Visitor, playlist: Path) -> None:
    page = visitor.page
    visitor.give("clip", playlist)
    page.wait_for_selector(".p-problem >> visible=true")
    assert "names other files" in page.inner_text(".p-problem >> visible=true")
    visitor.tab("Split")
    visitor.give("film", playlist)
    page.wait_for_selector(".p-problem >> visible=true")
    assert "names other files" in page.inner_text(".p-problem >> visible=true")


def test_a_dataset_is_explored_and_its_markup_is_text(visitor: Visitor) -> None:
    page = visitor.page
    visitor.tab("Explore")
    page.click("button#p-open")
    page.wait_for_selector("#p-explore-result .p-cards > li")
    assert page.locator("#p-explore-result .p-cards > li").count() == 3
    assert HOSTILE in page.inner_text("#p-explore-result .p-caption >> nth=0")
    assert page.locator("#p-explore-result .p-caption img, #p-explore-result .p-caption b").count() == 0
    page.fill("#p-words input, #p-words textarea", "no such word")
    page.keyboard.press("Enter")
    page.wait_for_function("!document.querySelector('#p-explore-result .p-cards > li')")
    assert page.title() != "broken"


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Any, served: tuple[str, Path], film: Path) -> None:
    phone = Visitor(browser, served[0], 390, dark=True)
    page = phone.page
    page.click("#p-clip-shelf [data-example='0']")
    page.wait_for_selector("#chosen-title")
    wider = {"caption": page.evaluate(WIDER)}
    page.set_viewport_size({"width": 1280, "height": 850})  # a phone keeps tabs in a menu
    phone.tab("Split")
    page.set_viewport_size({"width": 390, "height": 850})
    phone.give("film", film)
    page.wait_for_selector("#p-film-seen video")
    page.click("#p-split")
    page.wait_for_function(SPLIT)
    wider["split"] = page.evaluate(WIDER)
    assert wider == {"caption": 0, "split": 0} and not phone.noise
