"""The presets and the checks of the settings."""

from __future__ import annotations

import pytest

from panda_hf.splitting.settings import PRESETS, SplitSettings


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        # facts of the official repository and of appendix A, in seconds and distances
        ("panda70m", dict(min_seconds=2.5, max_seconds=60, redundancy_distance=0.3, trim_fraction=0.1)),
        ("official-code", dict(min_seconds=2.0, max_seconds=1200, redundancy_distance=0, trim_fraction=0)),
        ("paper", dict(min_seconds=2.0, max_seconds=60, probe_fraction=0.1, forced_cut_slack_seconds=0)),
    ],
)
def test_presets_hold_the_published_values(preset: str, expected: dict[str, float]):
    settings = SplitSettings.preset(preset)
    common = dict(detector="content", detector_threshold=25, flash_mode="suppress", min_shot_frames=15)
    common |= dict(max_transition_distance=1.0, max_stitch_distance=0.6, still_distance=0.15, black_luma=None)
    for name, value in (common | expected).items():
        assert getattr(settings, name) == value, name


def test_bare_settings_are_the_default_preset():
    assert SplitSettings() == PRESETS["default"]


def test_an_unknown_preset_is_named_with_the_choices():
    with pytest.raises(ValueError, match="preset='panda': choose one of default, panda70m, official-code, paper"):
        SplitSettings.preset("panda")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("detector", "histogram"),
        ("flash_mode", "both"),
        ("min_shot_frames", 0),
        ("probe_fraction", 0.6),
        ("trim_fraction", 0.5),
        ("still_distance", -0.1),
        ("max_stitch_distance", float("nan")),
        ("min_seconds", 61.0),
        ("black_luma", 16),
        ("forced_cut_seconds", 0),
    ],
)
def test_impossible_values_are_refused_by_name(field: str, value: object):
    with pytest.raises(ValueError, match=f"{field}="):
        SplitSettings(**{field: value})
