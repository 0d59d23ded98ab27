"""The report: complete, self-contained, bounded, and safe against what captions and file names may hold."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from panda_hf.errors import OutputError
from panda_hf.publishing import write_report
from tests.publishing.synthetic import clip_row, film, video_row, write_manifest, write_output

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "</title></style><svg onload=alert(3)>",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; &amp; ' \" `",
    "مرحبا \u202egpj.exe שלום",
    "w" * 5000,
    "line\u2028separator\x00\x1b[0m",
    "javascript:alert(4)",
)


class Page(HTMLParser):
    """What a browser would see: tags, texts, ids."""

    VOID = {"meta", "img", "br", "input", "link", "hr"}

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def written(out: Path, **options: int) -> Page:
    page = Page(write_report(out, **options).read_text(encoding="utf-8"))
    assert page.open == []
    return page


def failed_row(name: str, message: str) -> tuple[dict, dict]:
    error = {"stage": "Split", "type": "VideoError", "message": message}
    video = video_row(name, status="failed", error=error)
    return video, {**clip_row(video, 0, 0, 0), "clip_id": None, "start": None, "end": None, "error": error}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two kept videos, one filtered, one failed."""
    rng = random.Random(1)
    first, of_first = film(rng, "first film.mp4", 12, title="The first")
    second, of_second = film(rng, "second.mkv", 5, warning="ends at 3.36 s of 8.00 s declared")
    of_first[0]["subtitle"] = "somebody speaks"
    still = video_row("black.mp4", status="filtered", duration=8.0, filtered="no clip left: 1 still")
    still["shots"], still["dropped"] = [{"start": 0.0, "end": 8.0}], [{"start": 0.0, "end": 8.0, "reason": "still"}]
    blank = {**clip_row(still, 0, 0, 0), "clip_id": None, "start": None, "end": None, "filtered": still["filtered"]}
    empty, of_empty = failed_row("empty.mp4", "empty.mp4 is empty: copy it again")
    return write_output(tmp_path / "out", [first, second, still, empty], of_first + of_second, [blank], [of_empty])


def test_the_page_says_what_was_run(out: Path) -> None:
    write_manifest(out)
    page = written(out)
    for text in ("min_clip_seconds=2.0", "my videos", "2026-11-20 10:05 UTC", "datasets", "export_clips"):
        assert text in page.text


def test_the_page_tells_the_whole_story(out: Path) -> None:
    page = written(out)
    for text in (
        "4 videos in = 2 kept + 1 filtered + 1 failed",
        "first film.mp4",
        "The first",
        "somebody speaks",
        "empty.mp4 is empty: copy it again",
        "no clip left: 1 still",
        "ends at 3.36 s of 8.00 s declared",
        "✓ chosen",
        "mini_video",
    ):
        assert text in page.text
    assert re.search(r"All \d+ clips of 3 videos\.", page.text)


def test_every_clip_has_a_place_and_its_timeline_leads_there(out: Path) -> None:
    page = written(out)
    clips = [a["id"] for a in page.all("article") if (a.get("class") or "") == "clip"]
    links = [a["href"] for a in page.all("a") if (a.get("href") or "").startswith("#v")]
    assert clips and sorted(f"#{clip}" for clip in clips) == sorted(link for link in links if link != "#videos")


def test_ids_are_unique_and_labels_point_at_something(out: Path) -> None:
    page = written(out)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for target in (attributes.get("aria-labelledby"), (attributes.get("href") or "").partition("#")[2]):
            assert not target or target in ids


def test_the_page_asks_for_nothing_from_elsewhere_and_runs_nothing(out: Path) -> None:
    page = written(out)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert (attributes.get("src") or "data:").startswith("data:image/jpeg;base64,") or tag != "img"
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:;")
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "url(http" not in html and "@import" not in html


def test_the_policy_names_the_hash_of_the_style(out: Path) -> None:
    html = write_report(out).read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in html


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(tmp_path: Path, text: str) -> None:
    video = video_row(
        text.replace("/", "_").replace("\x00", ""), duration=5.0, title=text, description=text, warning=text
    )
    video["shots"], video["dropped"] = [{"start": 0.0, "end": 5.0}], [{"start": 4.0, "end": 5.0, "reason": text}]
    candidates = [{"teacher": text, "caption": text, "score": 0.5}]
    columns = {"caption": text, "caption_teacher": text, "matching_score": 0.5, "candidates": candidates}
    clip = clip_row(video, 0, 0.0, 4.0, subtitle=text, clip_path=text, **columns)
    failed, of_failed = failed_row("x.mp4", text)
    of_failed["error"]["type"] = of_failed["error"]["stage"] = text
    plain = video_row("a.mp4", duration=5.0, title="a", warning="a")
    plain["shots"], plain["dropped"] = video["shots"], [{"start": 4.0, "end": 5.0, "reason": "a"}]
    of_plain = clip_row(
        plain, 0, 0.0, 4.0, subtitle="a", clip_path="a", **{**columns, "caption": "a", "caption_teacher": "a"}
    )
    of_plain["candidates"] = [{"teacher": "a", "caption": "a", "score": 0.5}]
    page = written(write_output(tmp_path / "hostile", [video, failed], [clip], [], [of_failed]))
    same = written(write_output(tmp_path / "plain", [plain, failed], [of_plain], [], [of_failed]))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in same.tags]
    assert [sorted(a) for _, a in page.tags] == [sorted(a) for _, a in same.tags]
    for attributes in page.all("a"):
        assert (attributes["href"] or "").startswith(("#", "./"))
    assert "\u202e" not in page.text and "\x00" not in page.text
    assert len(page.text) < 40_000


def test_a_big_run_is_shown_as_a_sample(tmp_path: Path) -> None:
    rng = random.Random(2)
    films = [film(rng, f"film {i}.mp4", 20) for i in range(30)]
    clips = [clip for _, of_film in films for clip in of_film]
    page = written(write_output(tmp_path, [video for video, _ in films], clips), max_clips=40)
    shown = [a for a in page.all("article") if a.get("class") == "clip"]
    assert 30 <= len(shown) <= 40
    assert f"Showing {len(shown)} of {len(clips)} clips and 30 of 30 videos" in page.text
    few = written(tmp_path, max_clips=5)
    assert "Showing 5 of" in few.text and "and 5 of 30 videos" in few.text


def test_pictures_are_held_by_the_page(out: Path) -> None:
    folder = out / "thumbnails"
    folder.mkdir()
    Image.new("RGB", (90, 30), "red").save(folder / "first film.0.jpg")
    digest = hashlib.sha256(b"second.0").hexdigest()[:8]
    Image.new("RGB", (60, 20), "blue").save(folder / f"what a file system takes~{digest}.jpg")
    (folder / "first film.1.jpg").write_bytes(b"no picture")
    images = written(out).all("img")
    assert [(image["width"], image["height"]) for image in images] == [("90", "30"), ("60", "20")]
    assert all(image["alt"] for image in images)
    assert (
        images[0]["src"]
        == "data:image/jpeg;base64," + base64.b64encode((folder / "first film.0.jpg").read_bytes()).decode()
    )


def test_an_exported_clip_can_be_opened_whatever_its_name(tmp_path: Path) -> None:
    video = video_row("a.mp4", duration=4.0)
    clip = clip_row(video, 0, 0.0, 4.0, clip_path="media/00000/what? #1 100%.mp4")
    page = written(write_output(tmp_path, [video], [clip]))
    assert "./media/00000/what%3F%20%231%20100%25.mp4" in [a.get("href") for a in page.all("a")]


def test_a_run_of_which_nothing_was_kept_has_a_page(tmp_path: Path) -> None:
    video, row = failed_row("a.mp4", "a.mp4 is empty")
    page = written(write_output(tmp_path, [video], [], [], [row]))
    assert "1 videos in = 0 kept + 0 filtered + 1 failed. No clip was kept." in page.text
    assert "a.mp4 is empty" in page.text


def test_clips_without_teachers_are_shown_too(tmp_path: Path) -> None:
    video = video_row("a.mp4", duration=4.0)
    page = written(write_output(tmp_path, [video], [clip_row(video, 0, 0.0, 4.0)]))
    assert "No caption." in page.text and "Teachers and scores" not in page.text


def test_the_report_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not a folder"):
        write_report(tmp_path / "missing")
    with pytest.raises(OutputError, match="not the output of a finished run"):
        write_report(tmp_path)
    with pytest.raises(ValueError, match="max_clips=0"):
        write_report(tmp_path, max_clips=0)
