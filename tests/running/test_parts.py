"""Many machines, each with a part of the run, and the merge: the same dataset as one run makes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest
from datasets import load_dataset

from panda_hf.errors import OutputError
from panda_hf.running import curate, merge
from panda_hf.running.folder import locked
from panda_hf.running.part import Part
from panda_hf.running.places import SharedPlace
from panda_hf.running.shared import RECORDS
from tests.running.fakes import fake_steps, write_videos
from tests.running.test_resume import ROOT, output_of, shard_records, wait_for


def run(source: Any, out: Any, **options: Any) -> Any:
    chosen = {"steps": fake_steps(fails_on=3), "num_workers": 0, "progress": False, "videos_per_shard": 2, **options}
    return curate(source, out, **chosen)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return write_videos(tmp_path / "videos", **{f"v{i}": (i * 7) % 6 for i in range(8)}, x="broken")


def test_parts_count_from_zero_and_share_out_every_shard() -> None:
    assert str(Part.parse("3/64")) == "3/64" and Part.parse(" 0/1 ") == Part()
    for wrong in ("64/64", "3", "-1/4", "1/0", "a/b"):
        with pytest.raises(ValueError, match=wrong.replace("/", "/")):
            Part.parse(wrong)
    parts = [Part(i, 3) for i in range(3)]
    assert [sum(part.has(shard) for part in parts) for shard in range(10)] == [1] * 10
    assert [part.videos(9, 2) for part in parts] == [4, 3, 2]  # shards 0 3, 1 4 (of one video), 2
    assert Part(1, 3).videos(None, 2) is None


def test_the_parts_merged_are_what_one_run_makes(videos: Path, tmp_path: Path) -> None:
    whole, out = run(videos, tmp_path / "whole"), tmp_path / "out"
    for i in (2, 0, 1):
        run(videos, out, shard=f"{i}/3", num_workers=2 if i == 1 else 0)
    merged = merge(out)
    assert (merged.videos, merged.clips, merged.kept_seconds) == (whole.videos, whole.clips, whole.kept_seconds)
    assert output_of(out) == output_of(tmp_path / "whole")
    assert shard_records(out) == shard_records(tmp_path / "whole")
    assert load_dataset(str(out), "videos", split="train")["video_id"][:] == [f"v{i}" for i in range(8)] + ["x"]
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "clips",
        "manifest.jsonl",
        "thumbnails",
        "videos",
    ]
    assert merge(out).videos == whole.videos  # once more does nothing
    assert run(videos, out).resumed_shards == 5  # and the command without --shard finds all done


def test_a_merge_says_which_shards_are_missing(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out", shard="1/3")
    with pytest.raises(OutputError, match=r"lacks shards \(3: 0, 2, 3\)"):
        merge(tmp_path / "out")
    with pytest.raises(OutputError, match="nothing to merge"):
        merge(tmp_path / "elsewhere")


def test_parts_and_a_run_without_parts_do_not_mix(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "parts", shard="0/2")
    with pytest.raises(OutputError, match=r"holds parts of a run \(unmerged/\): go on with --shard"):
        run(videos, tmp_path / "parts")
    run(videos, tmp_path / "whole")
    with pytest.raises(OutputError, match="holds a finished dataset, merged from parts or made without --shard"):
        run(videos, tmp_path / "whole", shard="0/2")
    books = tmp_path / "whole" / "manifest.jsonl"
    books.write_text("".join(books.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(OutputError, match="holds an unfinished run without --shard: go on with it without"):
        run(videos, tmp_path / "whole", shard="0/2")


def test_a_machine_without_any_shard_is_through_at_once(videos: Path, tmp_path: Path) -> None:
    assert run(videos, tmp_path / "out", shard="7/8").videos.total == 0


def test_parts_with_other_settings_or_videos_are_refused(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "out", shard="0/3")
    with pytest.raises(OutputError, match="FakeCaption.text was 'this is', now 'other'"):
        run(videos, tmp_path / "out", shard="1/3", steps=fake_steps(text="other", fails_on=3))
    write_videos(videos, new=1)
    with pytest.raises(OutputError, match="9 videos then, 10 now"):
        run(videos, tmp_path / "out", shard="1/3")


def test_a_second_worker_with_the_same_part_on_one_disk_is_refused(videos: Path, tmp_path: Path) -> None:
    place = SharedPlace.of(tmp_path / "out", Part(1, 3))
    with locked(place.work), pytest.raises(OutputError, match="another run"):
        run(videos, tmp_path / "out", shard="1/3")


def test_two_workers_with_the_same_part_where_nothing_can_be_locked_do_no_harm(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one begins when the first has made a shard, and both go on to the end."""
    run(videos, tmp_path / "whole")
    out = tmp_path / "out"
    monkeypatch.setattr("panda_hf.running.folder._lock", lambda *_: False)
    append = SharedPlaceRecorder.patch(monkeypatch, lambda: run(videos, out, shard="0/2"))
    run(videos, out, shard="0/2")
    assert append.calls == 2
    run(videos, out, shard="1/2")
    merge(out)
    assert output_of(out) == output_of(tmp_path / "whole")
    assert shard_records(out) == shard_records(tmp_path / "whole")


class SharedPlaceRecorder:
    """Runs something else, once, when the files of the first shard are there and their record is not."""

    def __init__(self) -> None:
        self.calls = 0

    @classmethod
    def patch(cls, monkeypatch: pytest.MonkeyPatch, other: Any) -> SharedPlaceRecorder:
        from panda_hf.running.shared import SharedManifest

        self, append = cls(), SharedManifest.append

        def patched(books: SharedManifest, *records: dict[str, Any]) -> None:
            if records[0]["record"] == "shard" and self.calls < 2:
                self.calls += 1
                if self.calls == 1:
                    other()
            append(books, *records)

        monkeypatch.setattr(SharedManifest, "append", patched)
        return self


def test_a_worker_that_is_killed_begins_again_where_it_was(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "whole")
    out = tmp_path / "out"
    code = (
        "from panda_hf.running import curate; from tests.running.fakes import fake_steps; "
        f"curate({str(videos)!r}, {str(out)!r}, steps=fake_steps(fails_on=3, seconds=0.2), num_workers=1, "
        "videos_per_shard=2, shard='0/2')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE)
    wait_for(lambda: list((out / RECORDS).glob("*.json")) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    steps = fake_steps(fails_on=3, seconds=0.2)
    assert run(videos, out, shard="0/2", steps=steps).resumed_shards >= 1
    run(videos, out, shard="1/2", steps=steps)
    merge(out)
    assert output_of(out) == output_of(tmp_path / "whole")


def test_a_merge_that_is_interrupted_goes_on(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(videos, tmp_path / "whole")
    out = tmp_path / "out"
    for i in range(2):
        run(videos, out, shard=f"{i}/2")
    rename, left = os.replace, [0]

    def some(source: Any, target: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        rename(source, target)

    interrupted = 0
    for moves in range(100):
        left[0] = moves
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", some)
            try:
                merge(out)
                break
            except KeyboardInterrupt:
                assert (out / "unmerged").exists()
                interrupted += 1
    assert interrupted > 3
    assert output_of(out) == output_of(tmp_path / "whole")
    assert (out / "README.md").is_file()


def test_a_card_that_lies_where_a_merge_goes_is_written_anew_or_kept_if_it_is_anothers(
    videos: Path, tmp_path: Path
) -> None:
    ours, edited = tmp_path / "ours", tmp_path / "edited"
    run(videos, tmp_path / "before", license="cc-by-4.0")
    for out in (ours, edited):
        for i in (0, 1):
            run(videos, out, shard=f"{i}/2")
    (ours / "README.md").write_bytes((tmp_path / "before" / "README.md").read_bytes())
    (edited / "README.md").write_text("# By hand\n")
    merge(ours, license="cc0-1.0")
    merge(edited)
    assert "license: cc0-1.0" in (ours / "README.md").read_text()
    assert (edited / "README.md").read_text() == "# By hand\n"
    assert "configs:" in (edited / "README.new.md").read_text()


def test_an_output_behind_an_address_is_put_together_there(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "whole")
    url = f"memory://{uuid.uuid4().hex}/out"
    summary = run(videos, url, scratch=tmp_path / "scratch")
    assert summary.out == url and summary.clips.failed == 3
    store = fsspec.filesystem("memory")
    names = [name.removeprefix(url.removeprefix("memory:/") + "/") for name in store.find(url)]
    assert not [name for name in names if name.startswith("unmerged")]
    for name, content in output_of(tmp_path / "whole").items():
        assert store.cat_file(f"{url}/{name}") == content, name
    assert "configs:" in store.cat_file(f"{url}/README.md").decode()
    assert not list((tmp_path / "scratch").rglob("*.parquet"))


def test_parts_behind_an_address_can_be_merged_into_a_folder(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "whole")
    url = f"memory://{uuid.uuid4().hex}/out"
    for i in range(2):
        run(videos, url, shard=f"{i}/2", scratch=tmp_path / "scratch")
    merge(url, into=tmp_path / "out")
    assert output_of(tmp_path / "out") == output_of(tmp_path / "whole")
    assert json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[-1])["input"] == 9


def test_a_stream_in_parts_knows_its_end(videos: Path, tmp_path: Path) -> None:
    stream = load_dataset("videofolder", data_dir=str(videos), split="train", streaming=True)
    run(stream, tmp_path / "out", shard="0/2")
    run(stream, tmp_path / "out", shard="1/2")
    assert merge(tmp_path / "out").videos.total == 9
