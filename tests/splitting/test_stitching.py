"""Stitching against the official implementation's results, and by hand-made cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from panda_hf.splitting.settings import OFFICIAL_CODE, PANDA70M, PAPER, SplitSettings
from panda_hf.splitting.stitching import forced_cuts, probe_ticks, stitch

RULES = {"code_default": OFFICIAL_CODE, "panda70m": PANDA70M}
PLAIN = SplitSettings(
    max_transition_distance=1.0,
    max_stitch_distance=0.6,
    min_seconds=2.5,
    still_distance=0.15,
    redundancy_distance=0.3,
    max_seconds=60.0,
    trim_fraction=0.1,
)


def on_circle(*degrees: float) -> np.ndarray:
    """Unit vectors in a plane: two of them are 2 sin(angle / 2) apart."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def features_of(gram: list[list[float]]) -> np.ndarray:
    """Vectors with these inner products."""
    values, vectors = np.linalg.eigh(np.array(gram))
    return vectors * np.sqrt(np.clip(values, 0, None))


def official_timecode(frame: int, fps: float) -> str:
    """Seconds plus a microsecond, floored to milliseconds, as the released dataset writes them."""
    milliseconds = int((frame / fps + 1e-6) * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"


@pytest.mark.shared
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("number", range(40))
def test_the_official_results_are_reproduced(shared: Path, number: int, rules: str):
    case = json.loads((shared / "reference/golden/splitting_cases.json").read_text())["cases"][number]
    pieces = [tuple(piece) for piece in case["cutscenes"]]
    result = stitch(pieces, features_of(case["feature_gram"]), case["fps"], RULES[rules], case["status"])
    verified = [d for d in result.dropped if d.reason in ("unreadable", "transition")]
    assert len(pieces) - len(verified) == len(case["kept_cutscenes"])
    expected = case[rules].get("events", [])
    assert [list(clip) for clip in result.clips] == expected
    timecodes = [[official_timecode(tick, case["fps"]) for tick in clip] for clip in result.clips]
    assert timecodes == case[rules].get("timecodes", [])


@pytest.mark.parametrize(
    ("seconds", "lengths"),
    [(4, [4]), (7, [7]), (7.04, [5, 2.04]), (12, [5, 7]), (12.04, [5, 5, 2.04]), (20, [5, 5, 5, 5])],
)
def test_shots_longer_than_seven_seconds_are_cut_every_five(seconds: float, lengths: list[float]):
    pieces = forced_cuts(100, 100 + round(seconds * 25), 25.0, PANDA70M)
    assert [(end - start) / 25 for start, end in pieces] == lengths


def test_the_paper_cuts_whatever_is_longer_than_five_seconds():
    assert forced_cuts(0, 126, 25.0, PAPER) == [(0, 125), (125, 126)]
    assert forced_cuts(0, 125, 25.0, PAPER) == [(0, 125)]


def test_forced_cuts_end_at_one_frame_where_a_frame_lasts_longer_than_a_piece():
    assert forced_cuts(0, 3, 0.1, PANDA70M) == [(0, 1), (1, 2), (2, 3)]


def test_probes_lie_five_percent_from_the_ends_of_a_piece():
    assert probe_ticks((0, 101), 0.05) == (5, 95)
    assert probe_ticks((200, 301), 0.1) == (210, 290)
    assert probe_ticks((7, 8), 0.05) == (7, 7)


def test_neighbours_that_look_alike_become_one_clip():
    clips = stitch([(0, 100), (100, 200)], on_circle(0, 10, 30, 60), 25.0, PLAIN).clips
    assert clips == ((20, 180),)


def test_neighbours_that_differ_stay_two_clips():
    assert 2 * np.sin(np.radians(20)) > 0.6 > 2 * np.sin(np.radians(17))
    result = stitch([(0, 100), (100, 200)], on_circle(0, 10, 50, 60), 25.0, PLAIN)
    assert result.clips == ((10, 90), (110, 190))
    joined = stitch([(0, 100), (100, 200)], on_circle(0, 10, 44, 60), 25.0, PLAIN)
    assert joined.clips == ((20, 180),)


def test_a_dropped_piece_separates_its_neighbours():
    pieces = [(0, 100), (100, 200), (200, 300)]
    result = stitch(pieces, on_circle(0, 10, 10, 75, 20, 35), 25.0, SplitSettings(redundancy_distance=0.0))
    assert [(d.start, d.end, d.reason) for d in result.dropped if d.reason != "trimmed"] == [(100, 200, "transition")]
    assert len(result.clips) == 2


def test_pieces_with_a_gap_between_them_are_not_joined():
    result = stitch([(0, 100), (101, 200)], on_circle(0, 10, 10, 40), 25.0, SplitSettings(redundancy_distance=0.0))
    assert len(result.clips) == 2


def test_still_clips_are_dropped():
    result = stitch([(0, 100), (100, 200)], on_circle(0, 30, 30, 5), 25.0, PLAIN)
    assert result.clips == ()
    assert [(d.start, d.end, d.reason) for d in result.dropped] == [(0, 200, "still")]


def test_short_clips_are_dropped_before_trimming():
    assert stitch([(0, 62)], on_circle(0, 20), 25.0, PLAIN).dropped[0].reason == "too_short"
    assert stitch([(0, 63)], on_circle(0, 20), 25.0, PLAIN).clips == ((6, 57),)


def test_repeated_scenes_are_dropped_and_do_not_hide_later_ones():
    pieces = [(0, 100), (100, 200), (200, 300)]
    result = stitch(pieces, on_circle(0, 20, 90, 110, 2, 22), 25.0, PLAIN)
    assert [d.start for d in result.dropped if d.reason == "redundant"] == [200]
    kept = stitch(pieces, on_circle(0, 5, 90, 110, 2, 22), 25.0, PLAIN)
    assert [d.reason for d in kept.dropped if d.reason != "trimmed"] == ["still"]
    assert len(kept.clips) == 2


def test_long_clips_keep_their_beginning():
    pieces = [(i * 125, (i + 1) * 125) for i in range(14)]
    result = stitch(pieces, on_circle(*range(0, 56, 2)), 25.0, PLAIN)
    assert result.clips == ((150, 1350),)
    assert [(d.start, d.end) for d in result.dropped if d.reason == "over_length"] == [(1500, 1750)]


def test_unreadable_pieces_are_named():
    result = stitch([(0, 100)], on_circle(0, 20), 25.0, PLAIN, readable=[True, False])
    assert [d.reason for d in result.dropped] == ["unreadable"]


def test_no_piece_gives_no_clip():
    assert stitch([], np.zeros((0, 4)), 25.0, PLAIN).clips == ()


def test_a_clip_of_one_tick_survives_trimming():
    settings = SplitSettings(min_seconds=0, still_distance=0.0)
    assert stitch([(0, 1)], on_circle(0, 0), 0.2, settings).clips == ((0, 1),)


def test_a_wrong_number_of_features_is_refused():
    with pytest.raises(ValueError, match="2 pieces need 4 probe features, got 3"):
        stitch([(0, 1), (1, 2)], on_circle(0, 1, 2), 25.0, PLAIN)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("rate", [0.2, 23.976, 1_000_000])
def test_clips_and_drops_cover_every_piece_exactly_once(seed: int, rate: float):
    rng = np.random.default_rng(seed)
    seconds = np.cumsum(rng.choice([0.5, 2.0, 4.0, 11.0, 70.0], size=8))
    cuts = [0, *(int(second * rate) for second in seconds)]
    pieces = [p for start, end in zip(cuts, cuts[1:], strict=False) for p in forced_cuts(start, end, rate, PLAIN)]
    angles = np.cumsum(rng.choice([0, 5, 15, 40, 80], size=2 * len(pieces)))
    result = stitch(pieces, on_circle(*angles), rate, PLAIN, rng.random(2 * len(pieces)) > 0.05)
    parts = sorted([*result.clips, *((d.start, d.end) for d in result.dropped)])
    assert parts[0][0] == 0 and parts[-1][1] == cuts[-1]
    assert all(one[1] == next_one[0] for one, next_one in zip(parts, parts[1:], strict=False))
    assert all(end > start for start, end in parts)
