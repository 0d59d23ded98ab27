"""The licence of the source's captions goes along; that of the footage is not known by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from panda_hf.download import Making
from panda_hf.download.plan import Plan
from panda_hf.download.terms import terms_of
from panda_hf.publishing.card_parts import front_matter
from panda_hf.publishing.hub.prepare import prepare
from panda_hf.schema import RELEASE_ROW
from tests.download.server import Server
from tests.download.test_run import listed, run

TERMS = {"license": "other", "license_name": "only-here", "license_link": "https://example.org/LICENSE"}


def source(folder: Path, url: str) -> str:
    """A dataset of one clip, with a licence of its own."""
    (folder / "2m").mkdir(parents=True)
    row = {"clip_id": "v.0", "video_id": "v", "url": url, "start": 0.0, "end": 1.0, "caption": "a film"}
    pq.write_table(pa.Table.from_pylist([row], schema=RELEASE_ROW.arrow_schema), folder / "2m/train.parquet")
    stated = "".join(f"{name}: {value}\n" for name, value in TERMS.items())
    config = "configs:\n- config_name: 2m\n  data_files: 2m/train.parquet\n"
    (folder / "README.md").write_text(f"---\n{stated}{config}---\n")
    return str(folder)


def test_the_card_states_the_licence_of_the_source(server: Server, film: bytes, tmp_path: Path) -> None:
    name = source(tmp_path / "source", server.add("film.mp4", film))
    run(name, tmp_path / "out", server, plan=Plan(name, "2m", "train"), making=Making(clips=True))
    text = (tmp_path / "out" / "README.md").read_text()
    front = front_matter(text)
    assert {key: front[key] for key in TERMS} == TERMS
    assert "`only-here`" in text and "That of the footage is not known" in text


def test_it_is_no_licence_to_publish_footage(server: Server, film: bytes, tmp_path: Path) -> None:
    name = source(tmp_path / "source", server.add("film.mp4", film))
    known = {}
    for making in (Making(), Making(clips=True)):
        out, staging = tmp_path / f"out{making.clips}", tmp_path / f"staging{making.clips}"
        staging.mkdir()
        run(name, out, server, plan=Plan(name, "2m", "train"), making=making)
        known[making.clips] = prepare(out, staging, "user/x").license_known
    assert known == {False: True, True: False}
    card = out / "README.md"
    card.write_text(card.read_text().replace("footage_license: unknown", "footage_license: cc-by-4.0"))
    (tmp_path / "again").mkdir()
    assert prepare(out, tmp_path / "again", "user/x").license_known


def test_a_list_states_none(server: Server, film: bytes, tmp_path: Path) -> None:
    table = listed(tmp_path / "ids.csv", {"v": server.add("film.mp4", film)})
    run(table, tmp_path / "out", server)
    assert front_matter((tmp_path / "out" / "README.md").read_text())["license"] == "unknown"


def test_when_the_hub_cannot_be_asked_again_what_was_known_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\nfootage_license: unknown\n---\n")
    code = "import pathlib, sys; from panda_hf.download.terms import terms_of\n"
    code += "print(terms_of('user/name', pathlib.Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={"HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "{'license': 'cc-by-4.0'}", done.stderr


def test_a_card_that_says_unknown_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: unknown\nlicense_name: x\n---\n")
    assert terms_of(str(tmp_path), tmp_path / "out") == {"license": "unknown"}
