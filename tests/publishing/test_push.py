"""`push` against a Hub on loopback: what arrives, what is sent again, what is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from panda_hf import explode_clips
from panda_hf.mini.films import write_films
from panda_hf.publishing.hub.prepare import prepare
from panda_hf.rights import OptOut
from panda_hf.running import curate
from panda_hf.splitting import Split
from tests.publishing.hub_client import REPO, in_process, loaded, pushed, refused, small
from tests.publishing.hub_server import Hub


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films and a broken file, curated with clips of their own, in a folder whose name must not be published."""
    base = tmp_path_factory.mktemp("secret machine")
    write_films(base / "my films", "test", 2)
    (base / "my films" / "broken.mp4").write_bytes(b"no video")
    curate(
        base / "my films",
        base / "out",
        steps=[Split(), explode_clips],
        export_clips=True,
        num_workers=0,
        license="cc0-1.0",
    )
    return base / "out"


def test_a_curated_dataset_is_loaded_back_as_it_was(hub: Hub, curated: Path, tmp_path: Path) -> None:
    summary = pushed(hub, tmp_path, curated)
    files = hub.repos[REPO].files
    assert hub.repos[REPO].private
    clips = pq.read_table(curated / "clips" / "train").to_pylist()
    assert summary["rows"] == sum(pq.read_metadata(path).num_rows for path in curated.rglob("*.parquet"))
    for streaming in (False, True):
        rows = loaded(hub, tmp_path / str(streaming), "clips", "train", streaming)
        assert [row["clip_id"] for row in rows] == [row["clip_id"] for row in clips]
        for row, before in zip(rows, clips, strict=True):
            assert (row["start"], row["end"], row["subtitle"]) == (before["start"], before["end"], before["subtitle"])
    assert {path for path in files if path.startswith("media/")} == {row["clip_path"] for row in clips}
    assert not [path for path in files if "manifest" in path or "report" in path or "/." in path]
    failed = loaded(hub, tmp_path, "clips", "failed", False)
    assert failed[0]["video_id"] == "broken" and "broken.mp4" in failed[0]["error"]["message"]


def test_the_clips_play_from_the_hub(hub: Hub, curated: Path, tmp_path: Path) -> None:
    pushed(hub, tmp_path, curated)
    code = (
        "from datasets import load_dataset, Video; from panda_hf.video import probe\n"
        f"row = next(iter(load_dataset({REPO!r}, 'clips', split='train', streaming=True)))\n"
        "print(row['clip']['path']); print(probe(row['clip']).duration, row['end'] - row['start'])"
    )
    done = in_process(hub, tmp_path, code)
    assert done.returncode == 0, done.stderr[-2000:]
    path, figures = done.stdout.splitlines()
    assert path.startswith(f"hf://datasets/{REPO}/media/")
    duration, wanted = map(float, figures.split())
    assert duration == pytest.approx(wanted, abs=0.1)


def test_nothing_that_is_published_names_this_machine(hub: Hub, curated: Path, tmp_path: Path) -> None:
    pushed(hub, tmp_path, curated)
    for path, file in hub.repos[REPO].files.items():
        text = hub.blobs[file.oid]
        if path.endswith(".parquet"):
            text = json.dumps(pq.read_table(pa.BufferReader(text)).to_pylist(), default=str).encode()
        assert b"secret machine" not in text and str(curated.parent).encode() not in text, path


def test_a_long_video_is_published_only_when_asked_and_only_once(hub: Hub, curated: Path, tmp_path: Path) -> None:
    pushed(hub, tmp_path, curated)
    assert not [path for path in hub.repos[REPO].files if path.startswith("videos_media/")]
    assert all(row["video"] is None for row in loaded(hub, tmp_path / "a", "clips", "train", False))
    pushed(hub, tmp_path, curated, "private=True, with_videos=True")
    videos = [path for path in hub.repos[REPO].files if path.startswith("videos_media/")]
    assert len(videos) == 3  # two films and the broken file
    rows = loaded(hub, tmp_path / "b", "clips", "train", True)
    assert len(rows) > 4
    assert {row["video"]["path"] for row in rows} < {f"hf://datasets/{REPO}/{path}" for path in videos}


def test_bytes_that_stand_in_many_rows_are_sent_once(hub: Hub, tmp_path: Path) -> None:
    from datasets import Dataset, Features, Value, Video

    out = tmp_path / "out"
    (out / "data").mkdir(parents=True)
    video = os.urandom(300_000)
    rows = [{"video_id": "a", "video": {"path": None, "bytes": video}} for _ in range(6)]
    rows.append({"video_id": "b", "video": {"path": "b.mp4", "bytes": b"another"}})
    features = Features({"video_id": Value("string"), "video": Video(decode=False)})
    Dataset.from_list(rows, features=features).to_parquet(out / "data" / "train.parquet")
    (out / "README.md").write_text(
        "---\nlicense: mit\nconfigs:\n- config_name: d\n  data_files: data/*.parquet\n---\n"
    )
    pushed(hub, tmp_path, out, "private=True, with_videos=True")
    assert sum(video in data for data in hub.blobs.values()) == 1
    back = loaded(hub, tmp_path, "d", "train", False)
    assert [row["video"]["path"] for row in back[:6]] == [f"hf://datasets/{REPO}/videos_media/a.mp4"] * 6
    assert hub.read(REPO, "videos_media/a.mp4") == video
    assert back[6]["video"]["bytes"] == str(b"another")


def test_a_second_push_sends_only_what_is_new(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out")
    first = pushed(hub, tmp_path, out)
    shards = {f"data/train-{n}.parquet" for n in range(3)}
    assert set(first["uploaded"]) == {*shards, "README.md", "provenance.json"}
    sent, commits = len(hub.uploaded), len(hub.repos[REPO].commits)
    assert pushed(hub, tmp_path, out)["uploaded"] == {}
    assert (len(hub.uploaded), len(hub.repos[REPO].commits)) == (sent, commits)
    pq.write_table(pa.table({"video_id": ["new"], "caption": ["y"]}), out / "data" / "train-3.parquet")
    (out / "data" / "train-0.parquet").unlink()
    summary = pushed(hub, tmp_path, out)
    assert set(summary["uploaded"]) == {"data/train-3.parquet", "provenance.json"}
    assert summary["deleted"] == ["data/train-0.parquet"]
    assert len(hub.uploaded) == sent + 1
    assert summary["rows"] == 9


def test_files_of_others_are_left_alone(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out")
    pushed(hub, tmp_path, out)
    code = (
        "from huggingface_hub import HfApi\n"
        f"HfApi().upload_file(path_or_fileobj=b'x', path_in_repo='notes.txt', repo_id={REPO!r}, repo_type='dataset')"
    )
    assert in_process(hub, tmp_path, code).returncode == 0
    pushed(hub, tmp_path, out)
    assert hub.read(REPO, "notes.txt") == b"x"


def test_card_and_provenance_come_last(hub: Hub, tmp_path: Path) -> None:
    pushed(hub, tmp_path, small(tmp_path / "out"))
    before_last, last = hub.repos[REPO].commits[-2:]
    assert "README.md" not in before_last[2] and "provenance.json" not in before_last[2]
    assert set(last[2]) - set(before_last[2]) == {"README.md", "provenance.json"}


def test_a_push_killed_in_the_middle_goes_on(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=6)
    hub.faults.uploads_before_silence = 3
    code = f"from panda_hf.publishing.hub import push; push({str(out)!r}, {REPO!r}, private=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **hub.environment(tmp_path)}, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while len(hub.uploaded) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(hub.uploaded) == 3 and "README.md" not in hub.repos[REPO].files
    hub.faults.uploads_before_silence = None
    summary = pushed(hub, tmp_path, out)
    assert len(hub.uploaded) == len(set(hub.uploaded)) == 6  # what had arrived was not sent again
    assert summary["rows"] == 24


@pytest.mark.parametrize("what", ["commit", "batch", "preupload", "tree"])
def test_what_may_pass_is_tried_again(hub: Hub, tmp_path: Path, what: str) -> None:
    hub.faults.failing[what] = 2
    assert pushed(hub, tmp_path, small(tmp_path / "out", shards=1))["rows"] == 4


def test_a_commit_that_comes_too_late_is_tried_again(hub: Hub, tmp_path: Path) -> None:
    hub.faults.conflicts = 2
    assert pushed(hub, tmp_path, small(tmp_path / "out", shards=1))["rows"] == 4


def test_what_arrived_wrong_is_an_error_that_names_the_file(hub: Hub, tmp_path: Path) -> None:
    hub.faults.lost_rows = "data/train-0.parquet"
    assert "data/train-0.parquet is not there as it was sent" in refused(
        hub, tmp_path, small(tmp_path / "out", shards=1)
    )


def test_rows_that_cannot_be_read_back_as_they_were_sent_are_an_error(hub: Hub, tmp_path: Path) -> None:
    out = small(tmp_path / "out", shards=1)
    sent, fewer = (out / "data/train-0.parquet").read_bytes(), pa.BufferOutputStream()
    pq.write_table(pa.table({"video_id": ["a"]}), fewer)
    data = fewer.getvalue().to_pybytes()
    hub.faults.served["data/train-0.parquet"] = b"PAR1" + bytes(len(sent) - len(data) - 4) + data  # of the same size
    assert "data/train-0.parquet has 1 rows there and 4 here" in refused(hub, tmp_path, out)


def test_who_opted_out_is_left_out_and_taken_away_again(hub: Hub, curated: Path, tmp_path: Path) -> None:
    pushed(hub, tmp_path, curated, "private=True, with_videos=True")
    clips = pq.read_table(curated / "clips" / "train").to_pylist()
    gone = clips[0]["video_id"]
    summary = pushed(hub, tmp_path, curated, f"private=True, with_videos=True, opt_out=OptOut.of([{gone!r}])")
    theirs = [row for row in clips if row["video_id"] == gone]
    assert summary["opted_out"] >= len(theirs) > 0
    left = loaded(hub, tmp_path / "x", "clips", "train", False)
    assert {row["clip_id"] for row in left} == {row["clip_id"] for row in clips} - {row["clip_id"] for row in theirs}
    files = hub.repos[REPO].files
    assert not [path for path in files if gone in path]
    assert gone not in hub.read(REPO, "README.md").decode() + hub.read(REPO, "provenance.json").decode()


@pytest.mark.parametrize(
    ("row", "entry"),
    [
        ({"url": "https://www.youtube.com/watch?v=abcdefghijk"}, "abcdefghijk"),
        ({"channel_id": "UCabcdefghijklmnopqrstuv"}, "channel:UCabcdefghijklmnopqrstuv"),
        ({"uploader": "Some Maker"}, "channel:some maker"),
    ],
)
def test_an_opt_out_is_honoured_whichever_column_knows_it(tmp_path: Path, row: dict, entry: str) -> None:
    out, staging = small(tmp_path / "out", shards=1), tmp_path / "staging"
    staging.mkdir()
    names = {"video_id": "mine", **row}
    others = dict.fromkeys(names, "other")
    pq.write_table(pa.Table.from_pylist([names, others, {**others, "video_id": "x"}]), out / "data/train-0.parquet")
    prepared = prepare(out, staging, REPO, opt_out=OptOut.of([entry]))
    assert prepared.opted_out == 1
    assert pq.read_table(prepared.files["data/train-0.parquet"])["video_id"].to_pylist() == ["other", "x"]


@pytest.mark.parametrize("streaming", [False, True])
def test_the_stock_push_to_hub_takes_a_curated_split(hub: Hub, curated: Path, tmp_path: Path, streaming: bool) -> None:
    code = (
        "from datasets import load_dataset\n"
        f"rows = load_dataset({str(curated)!r}, 'clips', split='train', streaming={streaming})\n"
        "rows = rows.select_columns([name for name in rows.features if name != 'video'])\n"
        f"rows.push_to_hub({REPO!r}, private=True)\n"
        f"print(load_dataset({REPO!r}, split='train')['clip_id'][:])"
    )
    done = in_process(hub, tmp_path, code)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == str(pq.read_table(curated / "clips" / "train")["clip_id"].to_pylist())
