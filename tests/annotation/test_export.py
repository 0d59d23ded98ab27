"""Answers become a dataset that loads, and examples that a selector learns from."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from datasets import load_dataset
from transformers import TrainingArguments

from panda_hf.annotation import AnnotatedClips, Desk, Tasks, export_answers
from panda_hf.annotation.export_summary import ExportSummary
from panda_hf.errors import OutputError, SourceError
from panda_hf.training.selector import train_on_candidates
from tests.annotation.curated import TEACHERS, captions, clip_row, curated, write_rows
from tests.models.umt_sizes import tiny_model, tiny_processor
from tests.video.films import number_of


def desk_of(data: Path, out: Path, **options) -> Desk:
    return Desk(Tasks.open(str(data)), out, **options)


def say(desk: Desk, name: str, clip: str, *captions: int) -> None:
    """Answer with captions by their places in the dataset."""
    view = desk.view(name, clip)
    desk.answer(name, clip, view.candidates, [view.order.index(k) for k in captions], 2.5)


def written(desk: Desk, folder: Path) -> ExportSummary:
    return export_answers(desk.tasks, desk.store, desk.media, folder)


def test_three_people_thirty_clips_and_a_restart_in_the_middle(tmp_path: Path) -> None:
    data = curated(tmp_path / "in", 30)
    rng, truth = random.Random(0), {}
    for half in range(2):
        desk = desk_of(data, tmp_path / "out", shared=10)  # a new process knows nothing but the folder
        for name in ("Ada", "Bo", "Cy"):
            view = desk.view(name)
            assert view.done == 15 * half
            for _ in range(15):
                pick = rng.choice([[], [0], [3], [7]])
                truth[name, view.clip_id] = {view.order[k] for k in pick}
                view = desk.answer(name, view.clip_id, view.candidates, pick)
    summary = written(desk, tmp_path / "dataset")
    assert (summary.clips, summary.answers, summary.annotators) == (30, 90, 3)
    rows = load_dataset(str(tmp_path / "dataset"), split="train")
    assert {(row["annotator"], row["clip_id"]): set(row["picked"]) for row in rows} == truth
    bad = sum(not picked for picked in truth.values())
    assert summary.all_bad == bad and not summary.left_out
    examples = AnnotatedClips(str(tmp_path / "dataset"), num_frames=2)
    assert len(examples) == 90 - bad == examples.counts.examples
    arguments = TrainingArguments(
        str(tmp_path / "run"), max_steps=2, per_device_train_batch_size=4, report_to="none", use_cpu=True
    )
    found = train_on_candidates(tiny_model(), tiny_processor(), examples, examples, arguments)
    assert 0 <= found["eval_picked"] <= 1 and json.dumps(found["eval_loss"])


def test_frames_captions_and_targets_are_those_of_the_clip(small: Path, tmp_path: Path) -> None:
    desk = desk_of(small, tmp_path / "out")
    for number, clip in enumerate(desk.tasks.clip_ids):
        say(desk, "Ada", clip, number)
    written(desk, tmp_path / "dataset")
    examples = AnnotatedClips(str(tmp_path / "dataset"), num_frames=4)
    for number in range(6):
        example = examples[number]
        assert examples.clip_id(number) == f"film_{number // 2}.{number % 2}"
        # ten pictures a second for one second: the middles of quarters show the pictures 1, 3, 6, 8
        assert [number_of(frame) for frame in example.frames] == [100 * number + i for i in (1, 3, 6, 8)]
        assert example.captions == tuple(captions(number))
        assert example.targets == tuple(float(k == number) for k in range(8))


def test_random_frames_stay_in_their_intervals(small: Path, tmp_path: Path) -> None:
    desk = desk_of(small, tmp_path / "out")
    say(desk, "Ada", "film_0.0", 0)
    written(desk, tmp_path / "dataset")
    examples = AnnotatedClips(str(tmp_path / "dataset"), num_frames=2, random_frames=True)
    seen = [[number_of(frame) for frame in examples[0].frames] for _ in range(20)]
    assert all(first < 5 <= second for first, second in seen) and len({tuple(s) for s in seen}) > 5


def test_several_answers_are_examples_each_or_shares_of_one(small: Path, tmp_path: Path) -> None:
    desk = desk_of(small, tmp_path / "out", mode="good")
    for name, chosen in (("Ada", (1,)), ("Bo", (1, 2)), ("Cy", ())):
        say(desk, name, "film_0.0", *chosen)
    say(desk, "Ada", "film_0.1")
    written(desk, tmp_path / "dataset")
    each = AnnotatedClips(str(tmp_path / "dataset"), num_frames=1)
    assert [e.targets for e in each] == [(0, 1, 0, 0, 0, 0, 0, 0), (0, 0.5, 0.5, 0, 0, 0, 0, 0)]
    together = AnnotatedClips(str(tmp_path / "dataset"), num_frames=1, several="shares")
    assert [e.targets for e in together] == [(0, 0.75, 0.25, 0, 0, 0, 0, 0)]
    counts = together.counts
    assert (counts.clips, counts.answers, counts.all_bad_answers, counts.all_bad_clips) == (2, 4, 2, 1)
    assert (each.counts.examples, counts.examples) == (2, 1)


def test_a_caption_of_several_teachers_is_picked_of_each(tmp_path: Path) -> None:
    out = curated(tmp_path / "in", 1)
    write_rows(out, [clip_row(0, ["x", "y", "x", None], clip_path="media/000000/0.mp4")])
    desk = desk_of(out, tmp_path / "out")
    say(desk, "Ada", "film_0.0", 0)
    written(desk, tmp_path / "dataset")
    row = load_dataset(str(tmp_path / "dataset"), split="train")[0]
    assert [(c["teacher"], c["caption"]) for c in row["candidates"]] == [("a", "x"), ("c", "x"), ("b", "y")]
    assert row["picked"] == [0, 1]
    example = AnnotatedClips(str(tmp_path / "dataset"), num_frames=1)[0]
    assert (example.captions, example.targets) == (("x", "y"), (1.0, 0.0))


def test_bytes_of_a_clip_with_many_answers_are_stored_once(small: Path, tmp_path: Path) -> None:
    sizes = []
    for people in (1, 8):
        desk = desk_of(small, tmp_path / str(people))
        for name in TEACHERS[:people]:
            for clip in desk.tasks.clip_ids:
                say(desk, name, clip, 0)
        written(desk, tmp_path / f"dataset-{people}")
        sizes.append(sum(file.stat().st_size for file in (tmp_path / f"dataset-{people}").rglob("*.parquet")))
    assert sizes[1] < 2 * sizes[0]


def test_answers_that_no_longer_fit_are_left_out_and_counted(tmp_path: Path) -> None:
    data = curated(tmp_path / "in", 4)
    desk = desk_of(data, tmp_path / "out")
    for clip in desk.tasks.clip_ids:
        say(desk, "Ada", clip, 1)
    kept = clip_row(0, captions(0), clip_path="media/000000/0.mp4")
    changed = clip_row(1, captions(9), clip_path="media/000000/1.mp4")
    broken = clip_row(2, captions(2), clip_path="media/000000/2.mp4")
    again = write_rows(tmp_path / "again", [kept, changed, broken])
    (again / "media").symlink_to(data / "media")
    (data / "media" / "000000" / "2.mp4").write_text("no video")
    for made in (tmp_path / "out" / "playable").iterdir():
        made.unlink()
    desk = desk_of(again, tmp_path / "out")
    summary = written(desk, tmp_path / "dataset")
    assert (summary.clips, summary.answers) == (1, 1)
    assert summary.left_out == {"captions changed since": 1, "clip not in the dataset": 1, "media not found": 1}
    assert "Left out: 1 answer(s), captions changed since." in (tmp_path / "dataset" / "README.md").read_text()


def test_an_export_replaces_an_earlier_one_and_nothing_else(small: Path, tmp_path: Path) -> None:
    desk, folder = desk_of(small, tmp_path / "out"), tmp_path / "dataset"
    with pytest.raises(SourceError, match="annotate first"):
        written(desk, folder)
    assert not folder.exists()
    say(desk, "<b>Ada</b>", "film_0.0", 0)
    written(desk, folder)
    assert len(load_dataset(str(folder), split="train")) == 1
    say(desk, "<b>Ada</b>", "film_0.1", 0)
    assert written(desk, folder).answers == 2
    assert len(load_dataset(str(folder), split="train")) == 2
    assert "Ada" not in (folder / "README.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match="something else"):
        written(desk, tmp_path / "mine")


def test_what_is_no_export_is_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no export of answers"):
        AnnotatedClips(str(small))
    desk = desk_of(small, tmp_path / "out")
    say(desk, "Ada", "film_0.0")
    written(desk, tmp_path / "dataset")
    with pytest.raises(SourceError, match="no answer but 'all bad'"):
        AnnotatedClips(str(tmp_path / "dataset"))
