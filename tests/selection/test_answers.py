"""Answers: gathered clip by clip, checked, parted by videos; frames found by clip."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from panda_hf import schema
from panda_hf.errors import MissingColumnError, SourceError
from panda_hf.selection.answers import answered_clips, held_out, load_rows
from panda_hf.selection.clip_frames import ClipFrames
from panda_hf.selection.pairs import paired_clips
from panda_hf.video import pack_frames
from tests.selection.answered import answer, coloured, rows_of, table, write
from tests.stages import write_film

ABC = ("a red ball", "a blue ball", "a green ball")


def test_answers_in_other_orders_are_put_together():
    other = answer("v.0", "bob", (), [])
    other["candidates"] = [
        {"teacher": t, "caption": c} for t, c in zip(("three", "one", "two"), (ABC[2], *ABC[:2]), strict=True)
    ]
    other["picked"] = [0, 1]
    (clip,) = answered_clips(table([answer("v.0", "ann", ABC, [1]), other]))
    assert clip.captions == ABC and clip.teachers == ("one", "two", "three")
    assert clip.picks == {"ann": {1}, "bob": {2, 0}} and clip.wanted == {0, 1, 2}
    assert clip.targets() == pytest.approx((0.25, 0.5, 0.25))


def test_a_later_answer_of_the_same_person_counts():
    first, later = answer("v.0", "ann", ABC, [1]), answer("v.0", "ann", ABC, [])
    (clip,) = answered_clips(table([first]), table([later]))
    assert clip.picks == {"ann": frozenset()} and clip.targets() is None


def test_candidates_without_a_caption_are_left_out_and_places_follow():
    row = answer("v.0", "ann", ("", ABC[1], ABC[2]), [2])
    (clip,) = answered_clips(table([row]))
    assert clip.teachers == ("two", "three") and clip.picks["ann"] == {1}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (answer("v.0", "ann", ABC, [3]), "positions among 3"),
        (answer("v.0", "ann", ABC, [-1]), "positions among 3"),
        (answer("", "ann", ABC, [0]), "clip_id"),
        (answer("v.0", "ann", (), []), "one candidate or more"),
        (answer("v.0", "ann", ("", "x"), [0]), "without a caption"),
        (answer("v.0", "ann", (" ",), []), "one or more"),
    ],
)
def test_an_answer_that_makes_no_sense_is_named(row, said):
    with pytest.raises(SourceError, match=f"row 0.*{said}"):
        answered_clips(table([row]))


def test_answers_to_other_captions_are_not_put_together():
    with pytest.raises(SourceError, match="other candidates"):
        answered_clips(table([answer("v.0", "ann", ABC, [0]), answer("v.0", "bob", (*ABC[:2], "a box"), [0])]))


def test_missing_columns_are_named():
    with pytest.raises(MissingColumnError, match="annotator"):
        answered_clips(Dataset.from_dict({"clip_id": ["a"], "candidates": [[]], "picked": [[0]]}))


def test_answers_are_read_from_files(tmp_path):
    write(tmp_path / "a.parquet", 3)
    table([answer("v.0", "ann", ABC, [0])]).to_json(tmp_path / "b.jsonl")
    found = answered_clips(*(load_rows(tmp_path / name) for name in ("a.parquet", "b.jsonl")))
    assert [clip.clip_id for clip in found] == ["video0.0", "video1.0", "video2.0", "v.0"]
    with pytest.raises(SourceError, match="nowhere"):
        load_rows(tmp_path / "nowhere.parquet")


def test_clips_of_a_video_go_to_one_side_and_stay_there():
    rows = [answer(f"video{i}.{k}", "ann", ABC, [0]) for i in range(60) for k in range(3)]
    clips = answered_clips(table(rows))
    learned, asked = held_out(clips, 0.25)
    videos = [{clip.clip_id.split(".")[0] for clip in side} for side in (learned, asked)]
    assert not videos[0] & videos[1] and 5 <= len(videos[1]) <= 25
    more, asked_again = held_out([*clips, *answered_clips(table([answer("new.0", "ann", ABC, [0])]))], 0.25)
    assert {clip.clip_id for clip in asked} <= {clip.clip_id for clip in asked_again}
    with pytest.raises(SourceError, match="annotate clips of more videos"):
        held_out(clips[:2], 0.0)


def test_frames_come_from_packs_and_from_videos(tmp_path):
    film = write_film(tmp_path / "film.mp4", shots=2, seconds=3.0)
    clips = Dataset.from_list(
        [{"clip_id": "film.0", "video": {"path": str(film), "bytes": None}, "start": 3.0, "end": 6.0}],
    ).cast_column("video", schema.VIDEO)
    frames = ClipFrames([table(rows_of(2)), clips])
    assert np.array_equal(frames("video1.0", 4), coloured(1))
    assert np.array_equal(frames("video1.0", 2), coloured(1)[[1, 3]])
    assert np.array_equal(frames("video1.0", 2, lambda n: np.full(n, 0.1)), coloured(1)[[0, 2]])
    seen = frames("film.0", 3)
    assert seen.shape[0] == 3
    # The second shot has another background: its corner is the same in all three, the first shot's is not.
    from panda_hf.video import sample_frames

    corners = [frame[5, 5] for frame in seen]
    assert max(np.abs(corners[0].astype(int) - corner).max() for corner in corners) < 12
    assert np.abs(sample_frames(film, [1.5])[0][5, 5].astype(int) - corners[0]).max() > 12
    with pytest.raises(SourceError, match="1 of 2 clips have no pictures, such as 'gone.0'"):
        frames.require(["film.0", "gone.0"])


def test_a_clip_that_is_a_file_of_its_own_is_seen_whole(tmp_path):
    film = write_film(tmp_path / "film.mp4", shots=2, seconds=3.0)
    held = {"clip_id": "film.0", "clip": {"path": "clip.mp4", "bytes": film.read_bytes()}}
    rows = Dataset.from_list([held]).cast_column("clip", schema.VIDEO)
    seen = ClipFrames([rows])("film.0", 4)
    corners = [frame[5, 5].astype(int) for frame in seen]
    # Two frames of each shot, which have different backgrounds.
    assert np.abs(corners[0] - corners[1]).max() < 12 and np.abs(corners[2] - corners[3]).max() < 12
    assert np.abs(corners[1] - corners[2]).max() > 12


def test_pairs_are_gathered_by_clip():
    first = Dataset.from_dict({"clip_id": ["a", "b", "a"], "caption": ["x", None, "y"]})
    second = Dataset.from_dict({"clip_id": ["a", "c"], "captions": [["x", "z"], [" "]]})
    assert paired_clips(first, second) == [("a", ("x", "y", "z"))]
    with pytest.raises(MissingColumnError, match="caption or captions"):
        paired_clips(Dataset.from_dict({"clip_id": ["a"]}))
    with pytest.raises(SourceError, match="no row"):
        paired_clips(Dataset.from_dict({"clip_id": ["a"], "caption": [""]}))


def test_frame_packs_need_not_travel_with_the_answers():
    bare = table([answer("video0.0", "ann", ABC, [0])])
    packs = Dataset.from_list([{"clip_id": "video0.0", "frames": pack_frames(coloured(0), [0, 1, 2, 3])}])
    assert np.array_equal(ClipFrames([packs, bare])("video0.0", 4), coloured(0))
