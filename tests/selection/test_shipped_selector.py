"""The selector that the package ships."""

from __future__ import annotations

import numpy as np
import pytest

from panda_hf.mini.selector_clips import validation_clips
from panda_hf.mini.selector_data import NearMisses
from panda_hf.models.checkpoints import mini_folder, shipped
from panda_hf.selection.scorer import load_scorer

pytestmark = pytest.mark.skipif("mini/selector" not in shipped(), reason="the selector is not trained yet")


def test_it_is_small_and_has_safe_weights_only():
    files = [path for path in (mini_folder() / "selector").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4.5e6
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md"}


def test_it_prefers_the_truth_to_near_misses_far_more_often_than_chance():
    """Clips of the validation split; each true caption stands against three near misses."""
    scorer = load_scorer("mini/selector", None, None, None)
    misses = NearMisses(validation_clips(60))
    picked = [
        int(np.argmax(scorer(example.frames, example.captions))) for example in map(misses.__getitem__, range(60))
    ]
    assert np.mean(np.array(picked) == 0) > 0.4


def test_it_scores_the_same_at_every_call():
    scorer = load_scorer("mini/selector", None, None, None)
    example = NearMisses(validation_clips(1))[0]
    assert scorer(example.frames, example.captions) == scorer(example.frames, example.captions)
