"""The page of `spaces/panda-captioner` in a browser: each tab with a real video and a bad file, a phone, a push."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from tests.annotation.curated import HOSTILE, captions, clip_row, curated, write_rows
from tests.publishing.hub_server import READER, WRITER, Hub
from tests.showing.closed_sockets import closed
from tests.spaces.running import running
from tests.spaces.test_annotate import browser

pytest.importorskip("gradio", minversion="6")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
__all__ = ["browser"]

ROOT = Path(__file__).parents[2]
WAIT = 300_000
SPLIT = (
    "!document.querySelector('#p-split-doing .p-working p') && document.querySelector('#p-split-result .p-caption')"
)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(make_film(5, "test", 3), tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="module")
def videos(shared: Path) -> Path:
    """Real ones."""
    return shared / "data" / "videos"


@pytest.fixture(scope="module")
def damaged(shared: Path) -> Path:
    """A real video of which the index is missing."""
    return shared / "data" / "hostile" / "trunc_moov_missing.mp4"


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
    """The page without a network: its address, and the file of what it tried to reach."""
    folder = tmp_path_factory.mktemp("closed")
    environment, tried = closed(folder)
    with running(environment, folder / "log.txt", str(dataset)) as page:
        yield page.address, tried
    assert not tried.exists(), tried.read_text()


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, Hub, Path]]:
    """The page beside a Hub on loopback, on a machine that is logged in to read: address, Hub, its folder."""
    environment, _ = closed(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    with Hub() as hub:
        own = {**environment, **hub.environment(home, READER), "TMPDIR": str(home)}
        with running(own, home / "log.txt") as page:
            yield page.address, hub, home


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

    def split(self, path: Path) -> None:
        """In the second tab, until all clips have captions."""
        self.tab("Split")
        self.give("film", path)
        self.page.wait_for_selector("#p-film-seen video")
        self.page.click("#p-split")
        self.page.wait_for_function(SPLIT)

    def open(self, dataset: str) -> None:
        """In the third tab."""
        self.tab("Explore")
        self.page.fill("#p-name input", dataset)
        self.page.keyboard.press("Enter")
        self.page.click("button#p-open")


@pytest.fixture
def visitor(browser: Any, served: tuple[str, Path]) -> Iterator[Visitor]:
    visitor = Visitor(browser, served[0])
    yield visitor
    assert not visitor.noise
    assert all(url.startswith((served[0], "blob:", "data:")) for url in visitor.asked)


@pytest.mark.parametrize("name", ["flower_cc0.mp4", "msvd_PeUHy0A1GF0_114_121.avi"])
def test_a_real_clip_is_captioned(visitor: Visitor, videos: Path, name: str) -> None:
    page = visitor.page
    visitor.give("clip", videos / name)
    page.wait_for_selector("#p-clip-seen video")
    page.get_by_placeholder("What it is called").fill(HOSTILE)
    page.click("#p-caption")
    page.wait_for_selector("#words-title")
    assert len(page.inner_text("#p-caption-result section[aria-labelledby=chosen-title] .p-big")) > 3
    assert page.locator("#p-caption-result .p-candidates li").count() == 3
    page.wait_for_function("document.querySelector('#p-clip-seen video').videoWidth > 0")
    assert page.locator("#words-title").count() == 1  # the title was read


def test_markup_in_subtitles_is_shown_as_text(visitor: Visitor, film: Path, tmp_path: Path) -> None:
    page = visitor.page
    cues = tmp_path / "film.srt"
    text = HOSTILE.replace("<", "&lt;")  # bare tags are taken out of subtitles
    cues.write_text(f"1\n00:00:00,000 --> 00:01:00,000\n{text}\n")
    visitor.tab("Split")
    page.click("text=What is known about it")
    page.set_input_files("#p-cues input[type=file]", str(cues))
    page.wait_for_selector("#p-cues button[aria-label=Clear]")
    visitor.give("film", film)
    page.wait_for_selector("#p-film-seen video")
    page.click("#p-split")
    page.wait_for_function(SPLIT)
    said = page.locator("#p-split-result .p-said >> nth=0")
    assert HOSTILE in said.inner_text() and said.locator("img, b").count() == 0
    page.wait_for_timeout(500)
    assert page.title() != "broken"
    said.evaluate("(element, html) => { element.innerHTML = html }", HOSTILE)  # so it would be seen if it were markup
    page.wait_for_function("document.title === 'broken'")


def test_an_upload_plays_for_who_gave_it_and_not_for_another_browser(
    browser: Any, visitor: Visitor, served: tuple[str, Path], film: Path
) -> None:
    visitor.give("clip", film)
    visitor.page.wait_for_selector("#p-clip-seen video")
    visitor.page.wait_for_function("document.querySelector('#p-clip-seen video').videoWidth > 0")
    address = visitor.page.evaluate("document.querySelector('#p-clip-seen video').src")
    other = Visitor(browser, served[0])
    assert visitor.page.request.get(address).status == 200
    assert other.page.request.get(address).status == 403
    assert visitor.page.evaluate("document.cookie") == ""  # no script reads the cookie


def test_closing_the_page_deletes_what_was_given(visitor: Visitor, film: Path) -> None:
    visitor.give("clip", film)
    visitor.page.wait_for_selector("#p-clip-seen video")
    address = visitor.page.evaluate("document.querySelector('#p-clip-seen video').src")
    ask = visitor.page.context.request  # the same browser, with its cookie
    assert ask.get(address).status == 200
    visitor.page.close()
    for _ in range(300):
        if ask.get(address).status == 403:
            return
        time.sleep(0.1)
    raise AssertionError("it is still there")


def test_an_example_is_captioned_by_one_click(visitor: Visitor) -> None:
    visitor.page.click("#p-clip-shelf [data-example='0']")
    visitor.page.wait_for_selector("#chosen-title")
    assert visitor.page.locator("#p-caption-result .p-candidates .won").count() == 1


def test_a_real_film_is_split_a_threshold_stitches_anew_and_its_clips_are_explored(
    visitor: Visitor, videos: Path
) -> None:
    page = visitor.page
    visitor.split(videos / "cosmos_sintel_trailer_30s.mp4")
    cards = page.locator("#p-split-result .p-cards > li")
    before = cards.count()
    assert before >= 2 and page.locator("#p-split-result .p-timeline").count() == 1
    page.wait_for_function("document.querySelector('#p-split-result video').videoWidth > 0")
    page.click("#p-thresholds button >> nth=0")
    page.fill("#p-thresholds input[type=number] >> nth=4", "10")
    page.keyboard.press("Tab")
    page.wait_for_function(f"document.querySelectorAll('#p-split-result .p-cards > li').length < {before}")
    page.fill("#p-thresholds input[type=number] >> nth=4", "0.5")
    page.keyboard.press("Tab")
    page.wait_for_function(f"document.querySelectorAll('#p-split-result .p-cards > li').length >= {before}")
    visitor.tab("Explore")
    page.click("button#p-own")
    page.wait_for_selector("#p-explore-result .p-cards video")
    page.wait_for_function("document.querySelector('#p-explore-result video').videoWidth > 0")


@pytest.mark.parametrize("kind", ["clip", "film"])
def test_a_bad_file_is_refused_in_words_and_a_good_one_taken_after_it(
    visitor: Visitor, playlist: Path, damaged: Path, videos: Path, kind: str
) -> None:
    page = visitor.page
    if kind == "film":
        visitor.tab("Split")
    for path, words in ((playlist, "names other files"), (damaged, "index (moov)")):
        visitor.give(kind, path)
        page.wait_for_function(f"document.querySelector('#p-{kind}-seen .p-problem')?.textContent.includes('{words}')")
        assert str(path.parent) not in page.content()
    page.click("#p-caption" if kind == "clip" else "#p-split")
    page.wait_for_selector("text=There is no video yet")
    visitor.give(kind, videos / "friday_cc0.mp4")
    page.wait_for_selector(f"#p-{kind}-seen video")


def test_what_is_no_dataset_is_refused_in_words(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-0.parquet").write_bytes(b"PAR1 but not really")
    visitor.open(str(tmp_path))
    page.wait_for_selector("#p-explore-doing .p-problem")
    assert str(tmp_path.parent) not in page.inner_text("#p-explore-doing .p-problem")


def test_a_dataset_is_explored_and_its_markup_is_text(visitor: Visitor) -> None:
    page = visitor.page
    visitor.tab("Explore")
    page.click("button#p-open")
    page.wait_for_selector("#p-explore-result .p-cards > li")
    assert page.locator("#p-explore-result .p-cards > li").count() == 3
    assert not page.locator(".p-pager").is_visible()  # there is one page
    assert HOSTILE in page.inner_text("#p-explore-result .p-caption >> nth=0")
    assert page.locator("#p-explore-result .p-caption img, #p-explore-result .p-caption b").count() == 0
    page.fill("#p-words input, #p-words textarea", "no such word")
    page.keyboard.press("Enter")
    page.wait_for_function("!document.querySelector('#p-explore-result .p-cards > li')")
    assert page.title() != "broken"


def test_what_was_split_is_pushed_and_opened_from_the_hub(
    browser: Any, published: tuple[str, Hub, Path], film: Path
) -> None:
    address, hub, home = published
    visitor = Visitor(browser, address)
    page = visitor.page
    visitor.split(film)
    page.click("#p-away button >> nth=0")
    page.get_by_label("Or push it to your account").fill("user/clips")
    page.get_by_label("Your token").fill(WRITER)
    page.click("#p-push")
    page.wait_for_selector("#p-away-said .p-done")
    assert "Published, and read back" in page.inner_text("#p-away-said")
    assert page.get_by_label("Your token").input_value() == "" and WRITER not in page.content()
    assert hub.repos["user/clips"].private
    visitor.tab("Explore")
    visitor.open("user/clips")
    page.wait_for_function("document.querySelector('#p-explore-result video')?.videoWidth > 0")
    link = page.get_attribute("#p-explore-result .p-row a >> nth=0", "href")
    assert link == f"{hub.url}/datasets/user/clips/viewer/clips/train?row=0"
    assert not [path for path in home.rglob("*") if path.is_file() and WRITER.encode() in path.read_bytes()]
    assert not visitor.noise


TABS = ("Caption", "Split", "Explore", "Models")
SEEN = """name => {
  const [tab] = [...document.querySelectorAll('button[role=tab]')].filter(one => one.textContent.trim() === name);
  const box = tab.getBoundingClientRect();
  const top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
  return box.left >= 0 && box.right <= innerWidth && tab.contains(top);
}"""
"""Whether a tab lies on the screen, under a finger, with nothing above it."""


@pytest.mark.parametrize(("width", "dark"), [(320, False), (390, True), (1280, False)])
def test_every_tab_is_on_the_screen_and_opens_by_one_touch(
    browser: Any, served: tuple[str, Path], width: int, dark: bool
) -> None:
    page = Visitor(browser, served[0], width, dark=dark).page
    page.locator("button[role=tab] >> nth=0").scroll_into_view_if_needed()
    assert page.locator("button[role=tab]").count() == len(TABS)
    assert not page.get_by_label("More tabs").is_visible()
    for name, inside in zip(TABS, ("#p-caption", "#p-split", "button#p-own", ".p-models"), strict=True):
        assert page.evaluate(SEEN, name), name
        page.click(f"button[role=tab]:has-text('{name}')")
        page.wait_for_selector(inside)
        assert page.evaluate(WIDER) == 0, name


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_is_wider_than_the_screen(
    browser: Any, served: tuple[str, Path], film: Path, dark: bool
) -> None:
    phone = Visitor(browser, served[0], 390, dark=dark)
    page = phone.page
    page.click("#p-clip-shelf [data-example='0']")
    page.wait_for_selector("#words-title")
    wider = {"caption": page.evaluate(WIDER)}
    phone.split(film)
    page.click("#p-thresholds button >> nth=0")
    page.click("#p-away button >> nth=0")
    wider["split"] = page.evaluate(WIDER)
    phone.tab("Explore")
    page.click("button#p-own")
    page.wait_for_selector("#p-explore-result .p-cards video")
    wider["explore"] = page.evaluate(WIDER)
    phone.tab("Models")
    page.wait_for_selector(".p-models")
    wider["models"] = page.evaluate(WIDER)
    assert set(wider.values()) == {0} and not phone.noise, wider
