"""What the demo says about the truth of its films."""

from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.cli.demo import captions_against_truth, shots_against_truth
from panda_hf.mini.films import read_truth, write_films
from panda_hf.mini.score import TEACHERS
from panda_hf.mini.truth import canonical_caption
from tests.publishing.synthetic import clip_row, video_row, write_output

SEED = 3


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One film; every second shot start is missed, the first teacher says the truth, the others nothing true."""
    folder = tmp_path_factory.mktemp("demo")
    [path] = write_films(folder / "films", "test", 1, SEED)
    film = read_truth(path)
    starts = [0.0, *film.cuts[::2]]
    spans = [{"start": a, "end": b} for a, b in zip(starts, [*starts[1:], film.duration], strict=True)]
    video = video_row(path.name, duration=film.duration, shots=spans)
    clips = []
    for i, scene in enumerate(film.scenes):
        said = {TEACHERS[0]: canonical_caption(scene), TEACHERS[1]: "nothing of it", TEACHERS[2]: None}
        candidates = [{"teacher": teacher, "caption": text, "score": 0.0} for teacher, text in said.items()]
        chosen = {"caption": said[TEACHERS[0]], "caption_teacher": TEACHERS[0], "candidates": candidates}
        clips.append(clip_row(video, i, scene.start, scene.end, **chosen))
    return write_output(folder, [video], clips)


def test_found_shots_are_counted_against_the_films(out: Path) -> None:
    film = read_truth(next((out / "films").glob("*.truth.json")))
    [line] = shots_against_truth(out)
    assert f"{len(film.cuts[::2])} of {len(film.cuts)} cuts" in line


def test_captions_are_scored_against_the_films(out: Path) -> None:
    [line] = captions_against_truth(out)
    assert line.endswith("mini_image 1.00, mini_video 0.00, mini_text 0.00, selector 1.00")
