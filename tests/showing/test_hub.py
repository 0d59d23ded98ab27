"""A visitor publishes and explores: the page against a Hub on loopback, in a process that logs everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.publishing.hub_server import READER, WRITER, Hub

VISIT = """
import json, logging, shutil, sys
from panda_hf.errors import PandaError
from panda_hf.showing.cast import Choices
from panda_hf.showing.collection import Filter
from panda_hf.showing.desk import Desk
from panda_hf.showing.doors import OPEN
from panda_hf.showing.limits import Limits
from panda_hf.showing.student import Words
from panda_hf.showing.tab_explore import ExploreTab
from panda_hf.showing.tab_split import SplitTab

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
told, film = {}, sys.argv[1]
models = {"PANDA_TEACHERS": "mini_text", "PANDA_STUDENT": "none"}
desk, own = (Desk.open(Choices.from_environment(models, free=free), Limits()) for free in (False, True))
split, explore = SplitTab(desk), ExploreTab(desk)

def said(act):
    try:
        return act()
    except PandaError as error:
        return str(error)

given = desk.visits.new_upload(OPEN) / "film.mp4"
shutil.copyfile(film, given)
desk.take("v", str(given), "film")
told["split"] = list(split.split("v", Words("A title", None, None), None, {}, (None, (), None)))[-1]
def push(license, repo, token, private):
    return list(split.push("v", {}, license, repo, token, private))[-1]
told["pushed"] = push("cc0-1.0", "user/clips", sys.argv[2] + "\\n", False)
told["secret"] = push(None, "user/secret", sys.argv[2], True)
told["unlicensed"] = push(None, "user/unlicensed", sys.argv[2], False)
told["without token"] = push("cc0-1.0", "user/none", " ", False)
told["no name"] = push("cc0-1.0", "none", sys.argv[2], True)
told["may not write"] = push("cc0-1.0", "user/none", "hf_reader", False)
explore.open("e", "user/clips")
told["page"] = explore.page("e", Filter(), 1)[0]
told["nothing"] = explore.page("e", Filter(words="no such word"), 1)[0]
told["called"] = explore.call("user/clips", Filter(min_seconds=0.5), 5)
told["private"] = said(lambda: explore.call("user/secret", Filter(), 5))
told["not there"] = said(lambda: explore.call("user/nowhere", Filter(), 5))
folder = next(desk.visits.of("v").things["written"].iterdir())
told["own folder"] = ExploreTab(own).call(str(folder), Filter(), 5)
told["folder of the machine"] = said(lambda: explore.call(str(folder), Filter(), 5))
told["own private"] = ExploreTab(own).call("user/secret", Filter(), 5)
files = [path for path in desk.visits.root.rglob("*") if path.is_file()]
told["left behind"] = [str(path) for path in files if sys.argv[2].encode() in path.read_bytes()]
print(json.dumps(told), flush=True)
desk.visits.close(), own.visits.close()
"""


@pytest.fixture(scope="module")
def visited(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], Hub, Path, str]]:
    """What the page said, the Hub, the folder of the process, and all that it logged.

    The machine itself is logged in with a token that may read what is private.
    """
    home = tmp_path_factory.mktemp("home")
    with Hub() as hub:
        environment = {**os.environ, **hub.environment(home, READER), "TMPDIR": str(home)}
        done = subprocess.run(
            [sys.executable, "-c", VISIT, str(film), WRITER],
            env=environment, capture_output=True, text=True, timeout=280, cwd=home,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        yield json.loads(done.stdout.splitlines()[-1]), hub, home, done.stdout + done.stderr


Visited = tuple[dict[str, Any], Hub, Path, str]


def test_what_was_split_is_published_under_the_visitor_s_name(visited: Visited) -> None:
    told, hub, home, _ = visited
    assert "Published, and read back" in told["pushed"] and f"{hub.url}/datasets/user/clips" in told["pushed"]
    [parquet] = [path for path in hub.repos["user/clips"].files if path.startswith("clips/train")]
    (home / "clips.parquet").write_bytes(hub.read("user/clips", parquet))
    rows = pq.read_table(home / "clips.parquet").to_pylist()
    assert rows and all(row["caption"] in told["split"][1] and row["title"] == "A title" for row in rows)
    assert {row["clip_path"] for row in rows} <= set(hub.repos["user/clips"].files)
    assert (hub.repos["user/clips"].private, hub.repos["user/secret"].private) == (False, True)


def test_a_push_that_the_hub_or_the_rules_refuse_is_told_in_words(visited: Visited) -> None:
    told, hub, _, _ = visited
    for name, words in {
        "without token": "Give a token of yours", "may not write": "may not write there",
        "unlicensed": "Choose the licence of the footage", "no name": "does not say whose repository",
    }.items():  # fmt: skip
        assert "p-problem" in told[name] and words in told[name]
    assert set(hub.repos) == {"user/clips", "user/secret"}


def test_the_token_is_nowhere_afterwards(visited: Visited) -> None:
    told, hub, home, logged = visited
    assert "POST" in logged and "/commit/main" in logged  # everything was logged, requests too
    assert WRITER not in json.dumps(told) and WRITER not in logged and told["left behind"] == []
    assert not [path for path in home.rglob("*") if path.is_file() and WRITER.encode() in path.read_bytes()]
    assert not [name for name, blob in hub.blobs.items() if WRITER.encode() in blob]


def test_a_dataset_of_the_hub_is_explored_and_its_clips_play(visited: Visited) -> None:
    told, hub, _, _ = visited
    found = told["called"]
    assert found["found"] == len(found["rows"]) == told["page"].count("<video ") > 0
    assert "The pictures of this clip are not" not in told["page"] and "No clip fits" in told["nothing"]
    links = [f"{hub.url}/datasets/user/clips/viewer/clips/train?row={i}" for i in range(len(found["rows"]))]
    assert [row["link"] for row in found["rows"]] == links and links[0] in told["page"]


def test_the_token_of_the_machine_opens_nothing_private_for_visitors(visited: Visited) -> None:
    told = visited[0]
    assert "no public dataset 'user/secret'" in told["private"]
    assert "no public dataset 'user/nowhere'" in told["not there"]
    assert told["own private"]["found"] == told["called"]["found"]


def test_a_folder_is_explored_on_one_s_own_machine_alone(visited: Visited) -> None:
    told = visited[0]
    assert [row["caption"] for row in told["own folder"]["rows"]] == [row["caption"] for row in told["called"]["rows"]]
    assert all(row["link"] is None for row in told["own folder"]["rows"])
    assert "is no id of the Hub" in told["folder of the machine"]
