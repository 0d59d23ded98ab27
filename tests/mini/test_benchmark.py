from __future__ import annotations

from pathlib import Path

import pytest
from datasets import load_dataset

from panda_hf.mini.benchmark import REFERENCES, write_benchmark
from panda_hf.mini.films import make_film
from panda_hf.mini.truth import score_caption
from panda_hf.video import probe


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark") / "mini"
    write_benchmark(out, 1)
    return out


def test_each_scene_is_a_clip_of_its_own_file_with_all_its_references(benchmark: Path) -> None:
    rows = load_dataset(str(benchmark), split="test", cache_dir=str(benchmark.parent / "cache"))
    film = make_film(0, "test")
    assert rows["video_id"] == [f"{film.film_id}.{i}" for i in range(len(film.scenes))]
    assert all(len(captions) == REFERENCES for captions in rows["captions"])
    for row, scene in zip(rows, film.scenes, strict=True):
        assert 0.5 * scene.duration < probe(row["video"]).duration <= scene.duration


def test_references_are_true_of_their_clip_and_differ(benchmark: Path) -> None:
    rows = load_dataset(str(benchmark), split="test", cache_dir=str(benchmark.parent / "cache"))
    for row, scene in zip(rows, make_film(0, "test").scenes, strict=True):
        assert all(score_caption(caption, scene).precision == 1.0 for caption in row["captions"])
        assert len(set(row["captions"])) > REFERENCES / 4
