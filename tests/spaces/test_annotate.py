"""The page of `spaces/annotate`: what it serves, and three annotators in a browser."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from panda_hf.annotation import AnswerStore, Desk, Tasks
from tests.annotation.curated import HOSTILE, captions, clip_row, curated, write_rows

pytest.importorskip("gradio", minversion="6")

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces" / "annotate"
NAME = "<b>Ada</b> ${1} {{x}}"


@pytest.fixture(scope="module")
def app() -> Any:
    from panda_hf.cli.annotate import page_module

    return page_module()


@pytest.fixture(scope="module")
def served(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    folder = tmp_path_factory.mktemp("annotation")
    desk = Desk(Tasks.open(str(curated(folder / "in", 2))), folder / "out")
    _, address, _ = app.launch(desk, prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    yield desk, address


def test_playable_clips_are_served_and_nothing_else_is(served: tuple[Desk, str]) -> None:
    desk, address = served
    view = desk.view("Ada")
    desk.answer("Ada", view.clip_id, view.candidates, [0])
    answers = desk.store.folder / "Ada.jsonl"
    dataset = Path(desk.tasks.tables.files[0])
    assert answers.is_file() and dataset.is_file()
    status = {f: httpx.get(f"{address}gradio_api/file={f}").status_code for f in (view.file, answers, dataset)}
    assert status == {view.file: 200, answers: 403, dataset: 403}


def test_what_the_page_asks_for_wrongly_is_told_not_raised(app: Any, served: tuple[Desk, str]) -> None:
    see, answer, undo, agreement = app.calls(served[0])
    assert "1 to 80 characters" in see({"annotator": "  "})["error"]
    assert "no clip 'x'" in answer({"annotator": "Ada", "clip_id": "x", "candidates": "", "places": []})["error"]
    assert "error" in answer({"annotator": "Ada", "clip_id": ["x"], "candidates": {}, "places": ["a"]})
    assert "error" in see({"annotator": "Ada", "clip_id": {}, "step": "many"})
    assert undo({"annotator": "nobody"}) == {"nothing": True}
    assert set(agreement({})) == {"annotators", "overall", "pairs"}


def test_a_view_is_plain_json(app: Any, served: tuple[Desk, str]) -> None:
    found = app.calls(served[0])[0]({"annotator": NAME})
    assert json.loads(json.dumps(found)) == found and found["annotator"] == NAME


def test_the_page_never_makes_html_of_text() -> None:
    script = (SPACE / "page.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_the_card_is_one_of_a_space() -> None:
    front = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front["sdk"] == "gradio" and int(front["sdk_version"].split(".")[0]) >= 6
    assert (SPACE / front["app_file"]).is_file() and len(front["short_description"]) <= 60


class Server:
    """`panda-hf annotate` as a process of its own."""

    def __init__(self, data: Path, out: Path, port: int, *options: str) -> None:
        command = [sys.executable, "-m", "panda_hf", "annotate", str(data), "--out", str(out), "--port", str(port)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        assert self.process.stdout is not None
        self.said = ""
        while "Open http" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line
        self.address = re.search(r"http://\S+", self.said).group()  # type: ignore[union-attr]

    def kill(self) -> None:
        """As a crash does it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Person:
    """Somebody at the keyboard."""

    def __init__(self, browser: Any, address: str, name: str) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.page = self.context.new_page()
        self.noise: list[str] = []
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.page.fill(".pa-enter input", name)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(".pa-captions .pa-caption, .pa-done:not([hidden])")

    def count(self) -> str:
        return self.page.inner_text(".pa-count")

    def captions(self) -> list[str]:
        return self.page.locator(".pa-captions .pa-caption span").all_inner_texts()

    def press(self, key: str) -> None:
        """Press a key and wait for the next clip."""
        before = self.count()
        self.page.keyboard.press(key)
        self.page.wait_for_function("b => document.querySelector('.pa-count').textContent !== b", arg=before)

    def answer(self, times: int, pick: Any) -> list[tuple[str, str]]:
        """Answer clips; the caption that was picked of each, by its key."""
        said = []
        for _ in range(times):
            shown = self.captions()
            key = pick(shown)
            said.append((key, shown[int(key) - 1] if key != "0" else ""))
            self.press(key)
        return said


def by_teacher(teacher: str) -> Any:
    """Picks the caption of one teacher, whatever its place."""
    return lambda shown: str(1 + next(i for i, text in enumerate(shown) if f"teacher {teacher} " in text))


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="needs playwright")
def test_three_people_thirty_clips_and_a_crash_in_the_middle(tmp_path: Path, browser: Any) -> None:
    from panda_hf.annotation import AnnotatedClips

    data, out, port = curated(tmp_path / "in", 30), tmp_path / "out", free_port()
    server = Server(data, out, port, "--shared", "10")
    assert "30 clips to judge" in server.said
    people = {name: Person(browser, server.address, name) for name in ("Ada", "Bo", "Cy")}
    picks = {"Ada": by_teacher("c"), "Bo": by_teacher("c"), "Cy": lambda shown: "0"}
    for name, person in people.items():
        person.answer(15, picks[name])
    server.kill()
    people["Ada"].page.keyboard.press("1")
    people["Ada"].page.wait_for_function("document.querySelector('.pa-say').textContent.includes('cannot be reached')")
    server = Server(data, out, port, "--shared", "10")
    assert "45 answers so far" in server.said
    # Ada's window was open all the time; the others come back.
    people["Ada"].answer(15, picks["Ada"])
    for name in ("Bo", "Cy"):
        person = Person(browser, server.address, name)
        assert person.count().startswith("15 of 30 done")
        person.answer(15, picks[name])
        assert person.page.is_visible(".pa-done") and not person.noise
    server.kill()
    store = AnswerStore(out / "answers")
    assert {name: len(said) for name, said in store.all().items()} == {"Ada": 30, "Bo": 30, "Cy": 30}
    assert {answer.chosen for answer in store.of("Ada").values()} == {(2,)}
    command = [sys.executable, "-m", "panda_hf", "annotate", str(data), "--out", str(out), "--export"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "90 answers (30 all bad) of 3 annotators" in told and "agreement: 33.3% of 90" in told
    clips = AnnotatedClips(str(out / "dataset"), num_frames=2)
    assert len(clips) == 60 and clips[0].targets[2] == 1.0
    command = [
        sys.executable,
        "-m",
        "panda_hf",
        "train",
        "selector",
        str(out / "dataset"),
        "--out",
        str(tmp_path / "new"),
    ]
    subprocess.run([*command, "--steps", "2", "--batch-size", "4"], check=True, cwd=ROOT, capture_output=True)
    assert (tmp_path / "new" / "model.safetensors").is_file()


@pytest.mark.slow
def test_keys_and_hostile_texts(tmp_path: Path, browser: Any) -> None:
    out = curated(tmp_path / "in", 3)
    texts = [HOSTILE, *(text for text in captions(0, 7) if text)]
    write_rows(out, [clip_row(n, texts, clip_path=f"media/000000/{n}.mp4") for n in range(3)])
    server = Server(out, tmp_path / "out", free_port())
    try:
        person = Person(browser, server.address, NAME)
        page = person.page
        assert HOSTILE in person.captions() and page.inner_text(".pa-who") == NAME
        assert page.locator(".pa-captions img, .pa-captions b, .pa-who b").count() == 0
        page.wait_for_function("document.querySelector('video').videoWidth > 0")
        page.keyboard.press("?")
        assert page.is_visible(".pa-help")
        page.keyboard.press("3")  # no answer while the help is open
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        third = person.captions()[2]
        person.press("Enter")
        person.press("0")
        assert person.count().startswith("2 of 3 done")
        person.press("u")
        assert person.count().startswith("1 of 3 done")
        person.press("ArrowLeft")
        assert page.inner_text(".pa-marked span") == third
        person.press("ArrowRight")
        person.press("0")
        person.press("8")
        assert page.is_visible(".pa-done") and NAME in page.inner_text(".pa-done")
        page.click("[data-do=agreement]")
        page.wait_for_selector(".pa-agreement[open]")
        assert "No clip has been judged by two people yet" in page.inner_text(".pa-agreement")
        assert page.title() != "broken" and not person.noise
        assert all(url.startswith((server.address, "blob:", "data:")) for url in person.requests)
    finally:
        server.kill()
    said = AnswerStore(tmp_path / "out" / "answers").of(NAME)
    assert sorted(len(answer.chosen) for answer in said.values()) == [0, 1, 1]


@pytest.mark.slow
def test_every_good_caption_can_be_marked(tmp_path: Path, browser: Any) -> None:
    server = Server(curated(tmp_path / "in", 2), tmp_path / "out", free_port(), "--mode", "good")
    try:
        person = Person(browser, server.address, "Ada")
        page = person.page
        page.keyboard.press("Enter")
        assert "Mark at least one caption" in page.inner_text(".pa-say")
        for key in ("2", "5", "7", "5"):
            page.keyboard.press(key)
        assert page.locator(".pa-captions .pa-marked").count() == 2
        person.press("Enter")
        page.click(".pa-captions .pa-caption >> nth=0")
        before = person.count()
        page.click("[data-do=save]")
        page.wait_for_function("b => document.querySelector('.pa-count').textContent !== b", arg=before)
        assert page.is_visible(".pa-done")
    finally:
        server.kill()
    said = AnswerStore(tmp_path / "out" / "answers").of("Ada")
    assert sorted(len(answer.chosen) for answer in said.values()) == [1, 2]
