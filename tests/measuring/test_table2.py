"""Table 2 in small: clips by subtitles, by PySceneDetect and by ours, over a real file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from panda_hf.measuring.table2 import table2
from panda_hf.measuring.ways import by_subtitles, clips_by
from panda_hf.splitting import Split
from tests.stages import video_row, write_film


def cue(start: float, end: float, text: str) -> dict:
    return {"start": start, "end": end, "text": text}


def test_a_sentence_is_a_clip() -> None:
    cues = [cue(0, 2, "A truck"), cue(2, 4, "drives by."), cue(5, 6, '"Stop!"'), cue(7, 8, "it says")]
    assert by_subtitles(cues) == [(0, 4), (5, 6), (7, 8)]


def test_without_punctuation_each_cue_is_a_clip_and_empty_ones_are_none() -> None:
    assert by_subtitles([cue(0, 2, "so"), cue(2, 3, "  "), cue(3, 5, "we go")]) == [(0, 2), (3, 5)]
    assert by_subtitles([cue(4, 4, "no time"), cue(-1, 2, "before")]) == []


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "cuts.mp4", shots=2, seconds=4.0)


def test_the_scenes_of_pyscenedetect_cover_the_video(film: Path) -> None:
    scenes = clips_by("PySceneDetect", video_row(film), Split())
    assert [(round(start, 2), round(end, 2)) for start, end in scenes] == [(0, 4), (4, 8)]


def test_lengths_and_distances_are_means_over_clips(film: Path) -> None:
    def brightness_steps(frames: np.ndarray) -> np.ndarray:
        return np.abs(np.diff(frames.mean(axis=(1, 2, 3)))).astype(np.float32)

    row = video_row(film) | {"subtitles": [cue(0, 3, "One."), cue(3, 4, "Two."), cue(2.2, 6.4, "Three.")]}
    lines = table2([row], brightness_steps, Split())
    said = lines["subtitle alignment"]
    assert said.mean_seconds == pytest.approx((3 + 1 + 4.2) / 3)
    assert len(said.lpips) == 2  # the clip of one second has no two frames
    cut_inside, none_inside = said.lpips[1], said.lpips[0]
    assert cut_inside > 10 * none_inside
    assert said.mean_lpips == pytest.approx((cut_inside + none_inside) / 2)
    assert lines["PySceneDetect"].mean_seconds == pytest.approx(4.0)
    assert lines["PySceneDetect"].mean_lpips < cut_inside / 10
    assert all(not line.failures for line in lines.values())


def test_a_broken_video_is_told_and_the_others_count(film: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(film.read_bytes()[:3000])
    lines = table2([video_row(broken), video_row(film)], lambda frames: np.zeros(len(frames) - 1), Split())
    assert [len(line.failures) for line in lines.values()] == [1, 1, 1]
    assert lines["ours"].failures[0].startswith("broken: ")
    assert lines["PySceneDetect"].mean_seconds == pytest.approx(4.0)
