"""The Space `panda-captioner`: what it serves and refuses, what a program gets; slow: a browser, ten visitors."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
import yaml

from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film as write_mini_film
from panda_hf.showing.cast import Choices
from panda_hf.showing.collection import Filter
from panda_hf.showing.desk import Desk
from panda_hf.showing.doors import COOKIE, door_of
from panda_hf.showing.limits import Limits
from panda_hf.showing.long_video import SLIDERS
from panda_hf.showing.visits import key_of
from panda_hf.video import probe
from tests.annotation.curated import curated
from tests.spaces.running import running
from tests.video.films import write_film

pytest.importorskip("gradio", minversion="6")

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces" / "panda-captioner"
README = (SPACE / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def app() -> Any:
    from panda_hf.cli.space_module import space_module

    return space_module("panda-captioner")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(curated(tmp_path_factory.mktemp("curated"), 3))


@pytest.fixture(scope="module")
def served(app: Any, dataset: str) -> Iterator[tuple[Desk, str]]:
    choices = Choices.from_environment({"PANDA_TEACHERS": "mini_text", "PANDA_STUDENT": "none"})
    desk = Desk.open(choices, Limits(max_megabytes=3), datasets=[dataset], examples=SPACE / "examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "")  # which `launch` sets; afterwards it is as before
        _, address, _ = app.launch(desk, prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
        yield desk, address
    desk.visits.close()


def upload(address: str, name: str, data: bytes, client: Any = httpx, **headers: str) -> httpx.Response:
    return client.post(f"{address}gradio_api/upload", files={"files": (name, data)}, headers=headers, timeout=60)


@pytest.fixture
def visitors(served: tuple[Desk, str]) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Two browsers that have opened the page."""
    with httpx.Client() as anna, httpx.Client() as ben:
        for client in (anna, ben):
            assert client.get(served[1]).cookies[COOKIE]
        yield anna, ben


def called(address: str, path: object, client: Any = httpx) -> str:
    """What `/caption` answers of a file on the server."""
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    call = f"{address}gradio_api/call/caption"
    event = client.post(call, json={"data": [given, "", "", ""]}, timeout=60).json()["event_id"]
    answer: str = client.get(f"{call}/{event}", timeout=120).text
    return answer


def test_the_card_is_one_of_a_space() -> None:
    front = yaml.safe_load(README.split("---")[1])
    assert front["sdk"] == "gradio" and int(front["sdk_version"].split(".")[0]) >= 6
    assert (SPACE / front["app_file"]).is_file() and len(front["short_description"]) <= 60


def test_an_upload_is_handed_out_to_who_sent_it_and_to_nobody_else(
    served: tuple[Desk, str], visitors: tuple[httpx.Client, httpx.Client]
) -> None:
    desk, address = served
    anna, ben = visitors
    data = b"of Anna alone"
    [path] = upload(address, "film.mp4", data, anna).json()
    asked = f"{address}gradio_api/file={path}"
    assert anna.get(asked).content == data
    assert [one.get(asked).status_code for one in (ben, httpx)] == [403, 403]
    [same] = upload(address, "film.mp4", data, ben).json()
    assert same != path and ben.get(f"{address}gradio_api/file={same}").content == data
    digest = Path(path).parent.name
    guesses = [desk.visits.root / digest, Path(path).parents[2] / digest, Path(same).parents[2] / digest]
    assert Path(same).parent.name == digest  # which who has the same bytes can find out
    for guess in guesses:
        assert ben.get(f"{address}gradio_api/file={guess / 'film.mp4'}").status_code == 403


def test_what_is_made_for_a_visitor_is_theirs_until_they_leave(
    served: tuple[Desk, str], visitors: tuple[httpx.Client, httpx.Client]
) -> None:
    desk, address = served
    anna, ben = visitors
    key = key_of(door_of(anna.cookies[COOKIE]), "session")
    film = desk.visits.of(key).new_path(".mp4")
    film.write_bytes(b"0" * 100)
    asked = f"{address}gradio_api/file={film}"
    found = anna.get(asked)
    assert found.status_code == 200 and found.headers["content-type"] == "video/mp4"
    assert [one.get(asked).status_code for one in (ben, httpx)] == [403, 403]
    assert anna.get(f"{address}gradio_api/file={film.parent}").status_code == 403
    desk.leave(key)
    assert anna.get(asked).status_code == 403


def test_examples_are_for_all_and_files_of_the_machine_for_nobody(
    served: tuple[Desk, str], visitors: tuple[httpx.Client, httpx.Client]
) -> None:
    address = served[1]
    status = {
        path: visitors[0].get(f"{address}gradio_api/file={path}").status_code
        for path in (
            SPACE / "examples" / "clips_0094.mp4",
            "/etc/passwd",
            SPACE / "app.py",
            "https://example.org/a.mp4",
        )
    }
    assert list(status.values()) == [200, 403, 403, 403]


def test_markup_that_somebody_uploads_is_never_shown_as_a_page(
    served: tuple[Desk, str], visitors: tuple[httpx.Client, httpx.Client]
) -> None:
    address, anna = served[1], visitors[0]
    [path] = upload(address, "evil.html", b"<script>alert(1)</script>", anna).json()
    found = anna.get(f"{address}gradio_api/file={path}")
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-disposition"].startswith("attachment")


def test_all_that_the_server_keeps_lies_in_its_own_folder(served: tuple[Desk, str], tmp_path: Path) -> None:
    desk, address = served
    [path] = upload(address, "../../../a<b>.mp4", b"0").json()
    assert Path(path).is_relative_to(desk.visits.root) and desk.visits.root.stat().st_mode & 0o077 == 0
    assert upload(address, "n" * 4000 + ".mp4", b"0").status_code in (200, 400)
    assert httpx.post(f"{address}gradio_api/upload", content=b"no form").status_code == 400


def test_two_gigabytes_are_refused_when_they_are_declared_and_when_they_come(served: tuple[Desk, str]) -> None:
    address = served[1]
    host, port = httpx.URL(address).host, httpx.URL(address).port
    import socket

    with socket.create_connection((host, port), timeout=20) as line:
        line.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 2147483648\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413")
    assert upload(address, "a.mp4", bytes(3_500_000)).status_code == 413


def test_a_visitor_cannot_name_a_file_of_the_server_or_of_another_visitor(
    served: tuple[Desk, str], visitors: tuple[httpx.Client, httpx.Client], tmp_path: Path
) -> None:
    desk, address = served
    anna, ben = visitors
    film = write_film(tmp_path / "film.mp4", 10, fps=10)
    made = desk.visits.of(key_of(door_of(anna.cookies[COOKIE]), "session")).new_path(".mp4")
    made.write_bytes(film.read_bytes())
    [path] = upload(address, "film.mp4", film.read_bytes(), anna).json()
    for named in (path, str(made), "/etc/passwd", str(SPACE / "examples" / "clips_0094.mp4")):
        for one in (ben, httpx):
            answer = called(address, named, one)
            assert "event: error" in answer and "event: complete" not in answer, named
    assert "no upload of yours" in called(address, path, ben)
    answer = called(address, path, anna)  # the same file by who sent it
    assert "event: complete" in answer and '"caption":' in answer
    assert "no upload of yours" in called(address, path, anna)  # it was deleted after its use


def test_the_server_fetches_no_address_for_a_visitor(served: tuple[Desk, str]) -> None:
    answer = called(served[1], "http://example.org/film.mp4")
    assert "event: error" in answer and "is an address. Upload the file itself" in answer


def test_a_slider_whose_box_was_emptied_asks_for_nothing(app: Any) -> None:
    assert app.named([None] * (len(SLIDERS) - 1) + [0.2]) == {SLIDERS[-1]: 0.2}
    assert app.filter_of("", [], None, None, None) == app.filter_of("", [], -1.0, 0.0, 120.0) == Filter()
    assert app.filter_of("a", ["b"], 0.5, 1, 2) == Filter(
        words="a", teachers=("b",), min_score=0.5, min_seconds=1, max_seconds=2
    )


def test_runs_are_not_recorded_and_the_push_cannot_be_called_by_a_program(served: tuple[Desk, str]) -> None:
    config = httpx.get(f"{served[1]}config").json()
    assert config["run_history"] is False
    named = httpx.get(f"{served[1]}gradio_api/info").json()["named_endpoints"]
    assert set(named) == {"/caption", "/split", "/explore"}


def test_the_page_never_makes_html_of_text() -> None:
    scripts = (SPACE / "page.js").read_text(encoding="utf-8") + (SPACE / "app.py").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", scripts)
    templates = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "panda_hf" / "showing").glob("*.j2"))
    assert not re.search(r"\|\s*safe|autoescape|<script", templates)


def example(address: str, dataset: str) -> str:
    """The program in the README, with addresses of this machine."""
    code = README.split("## From a program")[1].split("## Manners")[0]
    lines = [line[4:] for line in code.splitlines() if line.startswith("    ")]
    text = "\n".join(lines).replace("http://127.0.0.1:7860", address).replace("user/name", dataset)
    return text.replace('"red ball"', '""').replace("0.5, None", "None, None")


def test_the_program_of_the_readme_works_from_another_process(
    served: tuple[Desk, str], dataset: str, tmp_path: Path
) -> None:
    import shutil

    shutil.copyfile(SPACE / "examples" / "clips_0094.mp4", tmp_path / "clip.mp4")
    shutil.copyfile(SPACE / "examples" / "films_0012.mp4", tmp_path / "film.mp4")
    more = "\nimport json; print(json.dumps([clip, video, found]))"
    done = subprocess.run(
        [sys.executable, "-c", example(served[1], dataset) + more],
        cwd=tmp_path, capture_output=True, text=True, timeout=280, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    clip, video, found = json.loads(done.stdout.splitlines()[-1])
    assert clip["caption_teacher"] == "mini_text" and clip["readings"][0]["name"] == "mini_text"
    assert len(video["clips"]) >= 3 and all(one["caption"] for one in video["clips"])
    assert {part["reason"] for part in video["dropped"]} >= {"trimmed"}
    assert found["found"] == found["rows_in_split"] == 3 and "video" not in found["rows"][0]
    assert str(served[0].visits.root) not in json.dumps([clip, video, found])


def test_what_cannot_be_done_is_told_to_the_program(served: tuple[Desk, str], tmp_path: Path) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:9,\n/etc/passwd\n")
    client = Client(served[1], verbose=False)
    with pytest.raises(AppError, match="names other files"):
        client.predict(handle_file(str(path)), "", "", "", api_name="/caption")
    with pytest.raises(AppError, match="detector_threshold"):
        film = handle_file(str(SPACE / "examples" / "clips_0094.mp4"))
        client.predict(film, "", "", {"detector_threshold": 1}, api_name="/split")
    with pytest.raises(AppError, match="no id of the Hub"):
        client.predict(str(tmp_path), "", "", None, None, None, None, 20, api_name="/explore")


@pytest.mark.parametrize(
    ("call", "data", "said"),
    [
        ("caption", [None, "", "", ""], "video=None: expected one uploaded file"),
        ("caption", ["film.mp4", "", "", ""], "video='film.mp4': expected one uploaded file"),
        ("caption", [["film.mp4"], "", "", ""], "video=['film.mp4']: expected one uploaded file"),
        ("caption", [{"path": "a"}, ["a"], "", ""], "title=['a']: expected text"),
        ("caption", [{"path": "a"}, "", "", "a\0"], "subtitle='a�': expected text without the character U+0000"),
        ("caption", [{"path": "a"}, "\ud800", "", ""], "title='�': expected text without the character U+D800"),
        ("split", [{"path": "a"}, "", "", {"min_seconds": None}], "thresholds['min_seconds']=None: expected a number"),
        ("split", [{"path": "a"}, "", "", [1]], "thresholds=[1]: expected a mapping"),
        ("explore", ["../..", "", "", None, None, None, None, 20], "'../..' is no id of the Hub"),
        ("explore", ["a/b", "", "", None, None, None, None, -1], "limit=-1: expected a whole number from 0 to 1000"),
        ("explore", ["a/b", "", "", float("nan"), None, None, None, 1], "min_score=nan: expected a number"),
        ("explore", [7, "", "", None, None, None, None, 1], "dataset=7: expected text"),
    ],
)
def test_an_argument_of_another_kind_is_named(served: tuple[Desk, str], call: str, data: list, said: str) -> None:
    address = f"{served[1]}gradio_api/call/{call}"
    body = json.dumps({"data": data})
    event = httpx.post(address, content=body, headers={"Content-Type": "application/json"}, timeout=60).json()
    lines = httpx.get(f"{address}/{event['event_id']}", timeout=120).text.splitlines()
    assert lines[0] == "event: error" and said in json.loads(lines[1].removeprefix("data: "))["error"]


def environment_in(folder: Path) -> dict[str, str]:
    """Of a server whose temporary folder is ``folder``."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "HF_HUB_OFFLINE": "1"}


SMALL = ("--teacher", "mini_text", "--student", "none")


@dataclass
class Program:
    """A visitor that is a program: what it was answered of a film of its own."""

    client: Any
    rows: dict[str, Any]
    file: str
    """The path of its dataset on the server."""

    @classmethod
    def split(cls, address: str, film: Path) -> Program:
        from gradio_client import Client, handle_file

        client = Client(address, verbose=False, download_files=False)
        rows, file = client.predict(handle_file(str(film)), film.stem, "", None, api_name="/split")
        return cls(client, rows, file["path"])

    def get(self, address: str, file: str) -> httpx.Response:
        """A file, asked for as this program."""
        return httpx.get(f"{address}gradio_api/file={file}", cookies=self.client.cookies, timeout=60)


@pytest.mark.slow
@pytest.mark.timeout(1700)
def test_ten_visitors_at_once_are_all_answered_each_with_their_own(tmp_path: Path) -> None:
    films = [write_mini_film(make_film(20 + i, "test", 2), tmp_path / str(i)) for i in range(10)]
    with running(environment_in(tmp_path), tmp_path / "log.txt", *SMALL) as page:
        Program.split(page.address, films[0])  # the models are loaded
        before = page.processes()
        with ThreadPoolExecutor(10) as pool:
            found = list(pool.map(lambda film: Program.split(page.address, film), films))
        after = page.processes()
        for film, one in zip(films, found, strict=True):
            clips = one.rows["clips"]
            assert one.rows["duration"] == pytest.approx(probe(str(film)).duration, abs=0.2)
            assert clips and {clip["video_id"] for clip in clips} == {film.stem}
            assert all(clip["caption"] and clip["title"] == film.stem for clip in clips)
            with zipfile.ZipFile(io.BytesIO(one.get(page.address, one.file).content)) as archive:
                names = archive.namelist()
                [parquet] = [name for name in names if name.startswith("clips/train")]
                rows = pq.read_table(io.BytesIO(archive.read(parquet))).to_pylist()
            assert {row["video_id"] for row in rows} == {film.stem} and len(rows) == len(clips)
            assert {row["clip_path"] for row in rows} == {name for name in names if name.endswith(".mp4")}
        seen = [[other.get(page.address, one.file).status_code for other in found] for one in found]
        assert seen == [[200 if one is other else 403 for other in found] for one in found]
    assert len(after) >= 3, "the server and two decoders"
    grown = (sum(after.values()) - sum(before.values())) / 2**20
    assert grown < 512, f"{grown:.0f} MB more in {len(after)} processes"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_nothing_of_a_visitor_is_left_when_the_server_is_ended(tmp_path: Path, ending: str) -> None:
    home = tmp_path / "tmp"
    home.mkdir()
    film = write_mini_film(make_film(20, "test", 2), tmp_path)
    with running(environment_in(home), tmp_path / "log.txt", *SMALL) as page:
        one = Program.split(page.address, film)
        upload(page.address, "film.mp4", film.read_bytes())
        left = [path for path in home.rglob("*") if path.is_file() and path.stat().st_size > 1000]
        assert Path(one.file) in left and all(path.is_relative_to(Path(one.file).parents[3]) for path in left)
        page.process.send_signal(getattr(signal, ending))
        page.process.wait(60)
        assert [path for path in home.rglob("*") if path.is_file()] == [] and not list(home.glob("panda*"))
        assert "Traceback" not in (tmp_path / "log.txt").read_text()
