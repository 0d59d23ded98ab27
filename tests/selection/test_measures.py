"""Measures against arithmetic by hand and against simulated people."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from panda_hf.errors import SourceError
from panda_hf.selection import measures
from panda_hf.selection.answers import AnsweredClip
from panda_hf.selection.plots import plot_rates
from panda_hf.selection.threshold import calibrated, wilson_low


def clip(*picks: set[int], count: int = 4) -> AnsweredClip:
    names = tuple("abcdefgh"[:count])
    return AnsweredClip("v.0", names, names, {f"p{i}": frozenset(p) for i, p in enumerate(picks)})


CLIPS = [clip({0}, {1}, {0}), clip({2}, set(), {2, 3}), clip(set(), set()), clip({3})]


def test_recall_against_one_and_against_any():
    # Clip 0, candidate 1: one of three agrees; clip 1, candidate 3: one of two; clip 2 asks nothing; clip 3 is right.
    chosen = [1, 3, 0, 3]
    assert measures.recall_one(CLIPS, chosen).tolist() == [[1, 3], [1, 2], [0, 0], [1, 1]]
    assert measures.share(measures.recall_one(CLIPS, chosen)) == pytest.approx(3 / 6)
    assert measures.share(measures.recall_any(CLIPS, chosen)) == pytest.approx(3 / 3)
    assert measures.share(measures.recall_any(CLIPS, [2, 0, 0, 0])) == 0.0


def test_agreement_of_people_by_hand():
    # Clip 0: of six ordered pairs the two between the first and the third agree.
    # Clip 1: {2} is wholly in {2, 3}, the other way round half.
    assert measures.human_one(CLIPS).tolist() == [[2, 6], [1.5, 2], [0, 0], [0, 0]]
    # Clip 0: p0 and p2 are found among the others, p1 is not.
    assert measures.human_any(CLIPS).tolist() == [[2, 3], [1.5, 2], [0, 0], [0, 0]]
    assert measures.share(measures.all_bad(CLIPS)) == pytest.approx(3 / 9)
    assert measures.share(measures.chance(CLIPS)) == pytest.approx((3 / 4 + 1 / 4 + 2 / 4 + 1 / 4) / 6)
    assert measures.share(measures.human_one([CLIPS[3]])) is None and measures.share(np.zeros((0, 2))) is None


def test_simulated_people_agree_as_often_as_they_are_made_to():
    rng = np.random.default_rng(0)
    clips = []
    for _ in range(3000):
        picks = [{0} if rng.random() < 0.6 else {int(rng.integers(1, 8))} for _ in range(2)]
        clips.append(clip(*picks, count=8))
    expected = 0.6**2 + 0.4**2 / 7
    assert measures.share(measures.human_one(clips)) == pytest.approx(expected, abs=0.03)
    assert measures.share(measures.recall_one(clips, [0] * 3000)) == pytest.approx(0.6, abs=0.02)
    assert measures.share(measures.recall_any(clips, [0] * 3000)) == pytest.approx(1 - 0.4**2, abs=0.02)


def test_selective_rates_of_models_and_annotators():
    rates = measures.selective_rates(CLIPS, {"umt": [1, 3, 0, 3]})
    assert rates["umt"] == {"a": 0.25, "b": 0.25, "c": 0.0, "d": 0.5}
    # Six choices: a twice, b once, c one and a half, d half and one.
    assert rates["annotators"] == pytest.approx({"a": 2 / 6, "b": 1 / 6, "c": 1.5 / 6, "d": 1.5 / 6})
    assert rates["annotator p1"] == {"a": 0.0, "b": 1.0, "c": 0.0, "d": 0.0}
    assert all(sum(shares.values()) == pytest.approx(1) for shares in rates.values())
    assert list(measures.selective_rates([CLIPS[3]], {})) == ["annotators"]


def test_the_plot_is_a_picture_whatever_the_names(tmp_path):
    rates = {"$x$ \x1b[31m <b>": {"a$": 0.25, "b_{": 0.75}, "annotators": {"a$": 0.5, "b_{": 0.5}}
    path = plot_rates(rates, tmp_path / "deep" / "rates.png")
    assert path.read_bytes().startswith(b"\x89PNG") and [p.name for p in path.parent.iterdir()] == ["rates.png"]


def _slow_threshold(scores, good, precision):
    """The lowest threshold whose kept clips have the precision, by trying each score."""
    fits = []
    for threshold in sorted(set(scores)):
        kept = [g for s, g in zip(scores, good, strict=True) if s >= threshold]
        if sum(kept) / len(kept) >= precision:
            fits.append(threshold)
    return min(fits, default=None)


@pytest.mark.parametrize("precision", [0.3, 0.5, 0.75, 0.9])
def test_the_threshold_is_the_lowest_that_reaches_the_precision(precision):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        scores = rng.integers(0, 12, 25) / 10
        good = rng.random(25) < scores
        expected = _slow_threshold(scores.tolist(), good.tolist(), precision)
        if expected is None:
            with pytest.raises(SourceError, match="no threshold reaches"):
                calibrated(scores.tolist(), good.tolist(), precision)
            continue
        found = calibrated(scores.tolist(), good.tolist(), precision)
        kept = scores >= expected
        assert found.min_score == expected and found.kept == pytest.approx(kept.mean())
        assert found.precision == pytest.approx(good[kept].mean()) and found.clips == 25
        assert found.recall == pytest.approx((good & kept).sum() / good.sum())


def test_the_safe_threshold_asks_more_of_few_clips():
    scores, good = [k / 40 for k in range(40)], [k > 9 for k in range(40)]
    plain, safe = (calibrated(scores, good, 0.8, safely=safely) for safely in (False, True))
    assert safe.min_score > plain.min_score and safe.low >= 0.8 > plain.low
    with pytest.raises(SourceError, match="clips"):
        calibrated([], [], 0.5)


def test_wilsons_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    for share, tries in itertools.product((0.3, 0.8), (20, 100)):
        hits = rng.binomial(tries, share, 4000)
        below = wilson_low(hits, np.full(4000, tries)) <= share
        assert below.mean() == pytest.approx(0.975, abs=0.02)
