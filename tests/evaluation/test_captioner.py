"""Captions of a benchmark: written once, kept, drawn the same for the same seed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from panda_hf.captioning import Caption
from panda_hf.errors import SourceError
from panda_hf.evaluation.captioner import write_captions
from panda_hf.evaluation.captioning import Source
from panda_hf.evaluation.choosing import chosen
from panda_hf.evaluation.references import Videos, load_benchmark
from panda_hf.evaluation.sources import captioner_of
from panda_hf.models.checkpoints import mini_folder
from panda_hf.stage import Failure


def test_a_candidate_that_failed_is_missing_and_its_reason_is_told(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panda_hf.captioning.caption.write_all", lambda teacher, clips, *_, **__: [""] * len(clips))
    with pytest.raises(SourceError, match=r"captioned none of 2 videos; the first error was: \S"):
        write_captions(load_benchmark(benchmark).select(range(2)), [captioner_of("mini/image")])


def test_results_name_a_checkpoint_and_not_its_place() -> None:
    folder = mini_folder() / "image"
    assert captioner_of(str(folder)).provenance()["checkpoint"] == "image"
    assert captioner_of("mini/image").provenance()["checkpoint"] == "mini/image"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clips that any captioner was shown."""
    clips: list[str] = []
    transform = Caption.transform

    def noting(self: Caption, batch: Any, rank: int | None) -> Any:
        clips.extend(batch["clip_id"])
        return transform(self, batch, rank)

    monkeypatch.setattr(Caption, "transform", noting)
    return clips


def test_a_rerun_takes_the_captions_that_were_kept(benchmark: Path, tmp_path: Path, seen: list[str]) -> None:
    rows = load_benchmark(benchmark)
    first = write_captions(rows, [captioner_of("mini/image")], folder=tmp_path)
    assert len(seen) == len(rows)
    assert write_captions(rows, [captioner_of("mini/image")], folder=tmp_path) == first
    assert len(seen) == len(rows)
    (kept,) = tmp_path.glob("*.json")
    held = json.loads(kept.read_text())
    assert held == first["mini/image"][0]
    del held[rows["video_id"][2]]
    kept.write_text(json.dumps(held))
    assert write_captions(rows, [captioner_of("mini/image")], folder=tmp_path) == first
    assert seen[len(rows) :] == [rows["video_id"][2]]


def test_other_settings_are_captioned_anew(benchmark: Path, tmp_path: Path, seen: list[str]) -> None:
    rows = load_benchmark(benchmark)
    write_captions(rows, [captioner_of("mini/image")], folder=tmp_path)
    write_captions(rows, [captioner_of("mini/image")], folder=tmp_path, num_frames=4)
    write_captions(rows.select(range(2)), [captioner_of("mini/image")], folder=tmp_path)
    assert len(seen) == 2 * len(rows) + 2


def test_a_model_that_was_trained_further_captions_anew(benchmark: Path, tmp_path: Path, seen: list[str]) -> None:
    checkpoint = shutil.copytree(mini_folder() / "image", tmp_path / "student")
    rows = load_benchmark(benchmark).select(range(2))

    def caption() -> None:
        write_captions(rows, [captioner_of(str(checkpoint))], folder=tmp_path / "kept")

    caption()
    caption()
    assert len(seen) == 2
    weights = checkpoint / "model.safetensors"
    os.utime(weights, ns=(1, weights.stat().st_mtime_ns + 1))
    caption()
    assert len(seen) == 4 and len(list((tmp_path / "kept").iterdir())) == 2


def test_a_run_that_was_killed_goes_on_where_it_was(
    benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = load_benchmark(benchmark).select(range(6))
    transform, shown = Caption.transform, []

    def killed(self: Caption, batch: Any, rank: int | None) -> Any:
        if len(shown) == 5:
            raise KeyboardInterrupt
        shown.extend(batch["clip_id"])
        return transform(self, batch, rank)

    monkeypatch.setattr(Caption, "transform", killed)
    monkeypatch.setattr(Caption, "rows_at_once", 1)
    with pytest.raises(KeyboardInterrupt):
        write_captions(rows, [captioner_of("mini/image")], folder=tmp_path)
    (kept,) = tmp_path.glob("*.json")
    assert list(json.loads(kept.read_text())) == rows["video_id"][:4]


def test_a_seed_draws_the_same_whatever_the_batch_and_seeds_draw_differently(benchmark: Path) -> None:
    rows = load_benchmark(benchmark).select(range(4))

    def drawn(batch_size: int) -> list[dict[str, str]]:
        captioner = captioner_of("mini/image", seeds=(0, 1), temperature=3.0, batch_size=batch_size)
        return write_captions(rows, [captioner])["mini/image"]

    one, other = drawn(4)
    assert one != other and set(one) == set(other) == set(rows["video_id"])
    assert drawn(1) == [one, other]


def test_the_selector_takes_one_of_the_captions(benchmark: Path) -> None:
    rows = load_benchmark(benchmark).select(range(3))
    good = {row["video_id"]: row["captions"][0] for row in rows}
    bad = dict.fromkeys(good, "a man plays the guitar")
    taken = chosen(
        rows, [Source(name="bad", sets=(bad,)), Source(name="good", sets=(good,))], "mini/selector", name="s"
    )
    assert taken.sets == (good,)
    assert taken.settings["selective_rate"] == {"bad": 0.0, "good": 1.0}
    with pytest.raises(SourceError, match="two or more"):
        chosen(rows, [Source(name="good", sets=(good,))], "mini/selector", name="s")


def test_a_model_that_captions_nothing_is_an_error_with_its_reason(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Caption, batch: Any, rank: int | None) -> Any:
        return {
            column: [Failure("RuntimeError", "out of patience")] * len(batch["clip_id"]) for column in self.appends
        }

    monkeypatch.setattr(Caption, "transform", fail)
    with pytest.raises(
        SourceError, match="mini/image captioned none of 2 videos; the first error was: out of patience"
    ):
        write_captions(load_benchmark(benchmark).select(range(2)), [captioner_of("mini/image")])


def test_videos_may_be_held_as_bytes(benchmark: Path, tmp_path: Path) -> None:
    rows = load_benchmark(benchmark).select(range(2))
    held = rows.map(
        lambda row: {"video": {"path": None, "bytes": Path(row["video"]["path"]).read_bytes()}}, features=rows.features
    )
    videos = Videos(held)
    assert list(videos) == rows["video_id"][:] and videos[rows["video_id"][0]]["bytes"]
    assert write_captions(held, [captioner_of("mini/image")], folder=tmp_path) == write_captions(
        rows, [captioner_of("mini/image")], folder=tmp_path
    )
    assert len(list(tmp_path.iterdir())) == 2
