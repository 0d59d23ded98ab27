"""Counting hits and false alarms, by hand."""

from __future__ import annotations

import pytest

from panda_hf.splitting.scoring import Agreement, Truth, label_of_stream, score_boundaries, truth_of


def test_a_cut_counts_within_the_tolerance_only():
    truth = Truth(cuts=(1.0, 2.0, 3.0))
    assert score_boundaries([1.2, 2.0, 3.3], truth) == Agreement(cuts=3, cuts_found=2, false_alarms=1)


def test_one_boundary_finds_one_cut():
    assert score_boundaries([1.05], Truth(cuts=(1.0, 1.1))).cuts_found == 1
    assert score_boundaries([1.0, 1.05], Truth(cuts=(1.0,))) == Agreement(cuts=1, cuts_found=1, false_alarms=1)


def test_the_nearest_pairs_are_matched_first():
    assert score_boundaries([1.1, 1.25], Truth(cuts=(1.05, 1.12))) == Agreement(cuts=2, cuts_found=2)


def test_boundaries_inside_a_gradual_transition_find_it_once():
    truth = Truth(gradual=((5.0, 6.0),))
    assert score_boundaries([5.1, 5.9], truth) == Agreement(gradual=1, gradual_found=1)
    assert score_boundaries([4.85, 6.3], truth) == Agreement(gradual=1, gradual_found=1, false_alarms=1)


def test_a_boundary_that_finds_a_cut_does_not_find_a_transition_too():
    truth = Truth(cuts=(5.0,), gradual=((5.1, 6.0),))
    assert score_boundaries([5.0], truth) == Agreement(cuts=1, cuts_found=1, gradual=1)


def test_ignored_stretches_count_neither_way():
    truth = Truth(cuts=(5.0,), ignore=((1.0, 2.0),))
    assert score_boundaries([1.5, 5.0], truth) == Agreement(cuts=1, cuts_found=1)


def test_f1_by_hand():
    total = Agreement(cuts=4, cuts_found=3, false_alarms=1) + Agreement(gradual=4, gradual_found=1, false_alarms=1)
    assert total.f1_cuts == pytest.approx(2 * 3 / (3 + 2 + 4))  # precision 3/5, recall 3/4
    assert total.f1 == pytest.approx(2 * 4 / (4 + 2 + 8))
    assert total.recall_gradual == 0.25
    assert Agreement().f1 is None and Agreement().recall_gradual is None


def test_labels_in_frames_become_seconds_of_the_video():
    label = {"cuts": [1], "gradual": [{"start": 2, "end": 9}], "ignore": [[0, 1]], "fps": 10, "n_frames": 4}
    truth = truth_of(label, [0.0, 0.5, 0.6, 2.0])
    assert truth == Truth(cuts=(0.5,), gradual=((0.6, 2.0),), ignore=((0.0, 0.5),))


def test_the_label_of_the_stream_that_is_read_is_used():
    label = {"stream_0_320x180_25fps": {"fps": 25}, "stream_3_480x270_29.97fps": {"fps": 29.97}, "note": ""}
    assert label_of_stream(label, 480, 270)["fps"] == 29.97
    assert label_of_stream({"fps": 5}, 1, 1)["fps"] == 5
