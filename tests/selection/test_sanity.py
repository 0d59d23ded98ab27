"""A selector that does not see is refused; one that nobody can judge is told apart."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest

from panda_hf.errors import CheckpointError
from panda_hf.mini.sanity_clips import sanity_clips
from panda_hf.mini.selector_model import selector
from panda_hf.models.checkpoints import mini_folder
from panda_hf.selection import Select
from panda_hf.selection.sanity import LEVEL, MINI_SET, check_sanity, least_hits, sanity_set
from panda_hf.selection.scorer import load_scorer


@pytest.fixture
def random_mini(tmp_path, monkeypatch):
    """`mini/selector` with random weights."""
    folder = tmp_path / "selector"
    shutil.copytree(mini_folder() / "selector", folder)
    selector(seed=3)[0].save_pretrained(folder)
    monkeypatch.setattr("panda_hf.models.checkpoints.mini_folder", lambda: tmp_path)
    from panda_hf.models.release import release_models

    release_models()
    yield
    release_models()


def test_the_shipped_selector_is_far_from_chance():
    assert check_sanity(load_scorer("mini/selector", None, None, None), MINI_SET) >= 10


def test_random_weights_under_the_name_of_the_miniature_are_refused(random_mini):
    with pytest.raises(CheckpointError, match="'mini/selector' is at chance"):
        load_scorer("mini/selector", None, None, None)


def test_the_check_can_be_skipped_and_the_run_says_so(random_mini):
    assert load_scorer("mini/selector", None, None, None, sanity=False).model is not None
    assert Select(teachers=("a",), sanity="skip").provenance() == {"sanity_set": "skipped"}
    assert Select(teachers=("a",)).provenance() == {"sanity_set": "passed"}


def test_a_checkpoint_of_ones_own_has_no_sanity_set_and_is_not_blocked(tmp_path):
    assert sanity_set(str(tmp_path)) is None and sanity_set("someone/umt") is None
    assert Select(teachers=("a",), selector="someone/umt").provenance() == {
        "sanity_set": "none exists for this selector"
    }


def test_the_bar_is_where_guessing_rarely_gets():
    for clips in (4, 16, 30):
        tails = [
            sum(math.comb(clips, k) * (clips - 1) ** (clips - k) / clips**clips for k in range(h, clips + 1))
            for h in range(clips + 1)
        ]
        assert least_hits(clips) == next(h for h, tail in enumerate(tails) if tail <= LEVEL)


def test_a_guesser_is_refused_and_an_oracle_passes():
    with np.load(MINI_SET) as held:
        captions = list(held["captions"])
        keys = {frames.tobytes(): i for i, frames in enumerate(held["frames"])}
    with pytest.raises(CheckpointError, match="only 1 of 16"):
        check_sanity(lambda frames, texts: [1.0, *[0.0] * 15], MINI_SET)
    assert check_sanity(lambda frames, texts: np.eye(16)[keys[frames.tobytes()]].tolist(), MINI_SET) == 16
    assert len(set(captions)) == 16


def test_the_stored_set_is_what_the_world_draws():
    frames, captions = sanity_clips()
    with np.load(MINI_SET) as held:
        assert np.array_equal(held["frames"], frames) and list(held["captions"]) == captions
    assert MINI_SET.stat().st_size < 300_000
