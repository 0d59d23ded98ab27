"""CLIPScore on embeddings by arithmetic, and on a tiny CLIP with random weights against plain transformers calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

evaluate = pytest.importorskip("evaluate")

METRIC = str(Path(__file__).parents[2] / "panda_hf/metrics/clip_score")
CAPTIONS = [[3.0, 4.0], [1.0, 0.0]]


def test_it_is_two_and_a_half_times_the_cosine_and_never_below_zero() -> None:
    found = evaluate.load(METRIC).compute(predictions=CAPTIONS, images=[[1.0, 0.0], [-2.0, 0.0]])
    assert found["clip_scores"] == pytest.approx([2.5 * 0.6, 0.0])
    assert found["clip_score"] == pytest.approx(0.75)


def test_with_references_it_is_the_harmonic_mean_with_the_best_of_them() -> None:
    references = [[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0]]]
    found = evaluate.load(METRIC).compute(
        predictions=CAPTIONS, images=[[1.0, 0.0], [-2.0, 0.0]], references=references
    )
    assert found["ref_clip_scores"] == pytest.approx([2 * 1.5 * 0.8 / 2.3, 0.0])


def test_frames_of_a_video_are_averaged() -> None:
    video = np.array([[1.0, 0.0], [0.0, 5.0]])
    found = evaluate.load(METRIC).compute(predictions=[[1.0, 1.0]], images=[video])
    assert found["clip_score"] == pytest.approx(2.5)


def test_pictures_without_a_model_and_zero_embeddings_are_errors() -> None:
    metric = evaluate.load(METRIC)
    with pytest.raises(ValueError, match="name a model"):
        metric.compute(predictions=["a cat"], images=[[1.0, 0.0]])
    with pytest.raises(ValueError, match="embedding 1 is zero"):
        metric.compute(predictions=[[1.0, 0.0], [0.0, 0.0]], images=CAPTIONS)
