"""The order of a student's lessons, what is dropped, and how clips of a dataset are read."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from panda_hf.annotation.tables import Tables
from panda_hf.cli.train_student import clips_of
from panda_hf.errors import SourceError, VideoError
from panda_hf.training.student_clips import ShardClips
from panda_hf.training.student_examples import ExampleClips, Lessons, Measured, Order, StudentExample, Unread
from tests.training.student_data import example, write_clips


def tables(*files: Path) -> Tables:
    return Tables("clips", str(files[0].parent), tuple(map(str, files)), True)


def test_each_epoch_visits_every_clip_once_in_another_order() -> None:
    order = Order([7, 4, 9], seed=3)
    epochs = [[order(20 * epoch + i) for i in range(20)] for epoch in range(3)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert [Order([7, 4, 9], seed=3)(i) for i in (5, 41, 12)] == [epochs[0][5], epochs[2][1], epochs[0][12]]
    assert [Order([7, 4, 9], seed=4)(i) for i in range(20)] != epochs[0]


def test_a_window_mixes_whole_files_and_only_a_few_of_them() -> None:
    parts = [5] * 8
    order = Order(parts, seed=0, window=10)
    files = [[order(40 + i) // 5 for i in range(40)]]
    for start in range(0, 40, 10):
        counts = Counter(files[0][start : start + 10])
        assert sorted(counts.values()) == [5, 5]
    assert sorted(order(i) for i in range(40)) == list(range(40))


def test_what_is_known_is_dropped_by_halves_and_independently() -> None:
    lessons = Lessons(ExampleClips([example(i) for i in range(10)]), 400, 4, seed=1)
    kept = [(one.subtitle is not None, one.title is not None) for one in (lessons[i].example for i in range(400))]
    assert all((lessons[i].example.title is None) == (lessons[i].example.description is None) for i in range(50))
    counts = Counter(kept)
    assert all(70 <= counts[a, b] <= 130 for a in (True, False) for b in (True, False))  # 100 ± 3.5 deviations


def test_frames_are_drawn_anew_at_every_visit_and_are_the_same_in_every_run() -> None:
    def corners(lessons: Lessons, place: int) -> list[int]:
        return lessons[place].example.frames[:, 0, 0, 0].tolist()

    clips = ExampleClips([example(i, frames=50) for i in range(3)])
    one, other = Lessons(clips, 30, 4, seed=1), Lessons(clips, 30, 4, seed=1)
    drawn = [corners(one, place) for place in range(30)]
    assert drawn == [corners(other, place) for place in reversed(range(30))][::-1]
    assert all(sorted(frames) == frames and len(frames) == 4 for frames in drawn)
    assert len({tuple(frames) for frames in drawn}) > 25
    even = Measured(clips, 4, text=False)[1].example
    assert even.frames[:, 0, 0, 0].tolist() == [0, 12, 25, 37] and even.title is None and even.subtitle is None


def test_a_clip_that_cannot_be_read_is_told_of_and_not_raised() -> None:
    class Broken:
        parts = (2,)

        def example(self, index, shares):
            if index:
                raise VideoError("no frame decodes")
            return example(0).__class__(example(0).frames, "  ", clip_id="silent.0")

    found = {Lessons(Broken(), 2, 4, seed=0)[i].example for i in range(2)}
    assert found == {Unread("clip 1", "no frame decodes"), Unread("silent.0", "it has no caption")}


def test_clips_are_read_from_several_files_and_row_groups(tmp_path: Path) -> None:
    files = [write_clips(tmp_path / "a.parquet", 5, group=2), write_clips(tmp_path / "b.parquet", 4)]
    clips = ShardClips(tables(*files))
    assert list(clips.parts) == [5, 4] and pq.read_metadata(files[0]).num_row_groups == 3
    for index, number in ((0, 0), (4, 4), (5, 0), (8, 3)):
        found = clips.example(index, [0.0, 0.3, 0.5, 0.9])
        wanted = example(number)
        assert isinstance(found, StudentExample)
        assert (found.caption, found.title, found.description, found.subtitle) == (
            wanted.caption, wanted.title, wanted.description, wanted.subtitle,
        )  # fmt: skip
        assert found.frames[:, 0, 0, 0].tolist() == [0, 1, 3, 5] and np.array_equal(found.frames[0], wanted.frames[0])
    assert len(pickle.loads(pickle.dumps(clips))._held) == 0


def test_virtual_clips_are_decoded_from_the_long_video(tmp_path: Path) -> None:
    import pyarrow as pa
    from datasets import Features, Value

    from panda_hf import schema
    from tests.video.films import number_of, write_film

    write_film(tmp_path / "film.mp4", count=60)  # 25 frames per second, each with its number in it
    empty = dict.fromkeys(schema.CLIP_ROW)
    rows = [
        {**empty, "clip_id": "film.0", "video_id": "film", "video": {"path": "film.mp4", "bytes": None}, "start": 0.5,
         "end": 1.5, "caption": "numbers"},
        {**empty, "clip_id": "gone.0", "video_id": "gone", "video": {"path": "gone.mp4", "bytes": None}, "start": 0.0,
         "end": 1.0, "caption": "nothing"},
    ]  # fmt: skip
    features = Features({**schema.CLIP_ROW, "caption": Value("string")})
    pq.write_table(pa.Table.from_pylist(rows, schema=features.arrow_schema), tmp_path / "clips.parquet")
    clips = ShardClips(tables(tmp_path / "clips.parquet"))
    seen = [number_of(frame) for frame in clips.example(0, [0.0, 0.5, 0.99]).frames]
    assert seen == [12, 25, 37]
    assert clips.example(1, [0.0]) == Unread("gone.0", "clip 'gone.0': its media is not found, or may not be read")


def test_rows_of_the_hub_may_not_name_files_of_this_machine(tmp_path: Path) -> None:
    shards = Tables("user/clips", "hf://datasets/user/clips", (), False)
    assert shards.located(str(tmp_path / "secret.mp4")) is None
    assert shards.located("../other/x.mp4") is None
    assert shards.located("media/x.mp4") == "hf://datasets/user/clips/media/x.mp4"


def test_whole_videos_are_held_out(tmp_path: Path) -> None:
    path = write_clips(tmp_path / "clips.parquet", 60, per_video=3)
    train, held = clips_of(str(path), None, "train", "caption", 100, 0, held=0.3, most=100)
    measured = {held.example(i, [0.0]).clip_id for i in range(sum(held.parts))}
    learned = [train.example(i, [0.0]) for i in range(60)]
    assert {one.clip_id for one in learned if isinstance(one, StudentExample)} | measured == {
        f"v{i // 3}.{i % 3}" for i in range(60)
    }
    assert {one.clip_id for one in learned if isinstance(one, Unread)} == measured
    assert all(one.reason is None for one in learned if isinstance(one, Unread))
    videos = Counter(name.split(".")[0] for name in measured)
    assert set(videos.values()) == {3} and 1 <= len(videos) <= 12
    few = clips_of(str(path), None, "train", "caption", 100, 0, held=0.3, most=2)[1]
    assert len(few.numbers) == 2
    with pytest.raises(SourceError, match="no clip to measure with"):
        clips_of(str(path), None, "train", "caption", 100, 0, held=1e-9, most=2)


def test_a_dataset_without_captions_is_refused(tmp_path: Path) -> None:
    path = write_clips(tmp_path / "clips.parquet", 2)
    with pytest.raises(SourceError, match="'words'.*there are"):
        clips_of(str(path), None, "train", "words", 100, 0, held=0.0, most=1)
