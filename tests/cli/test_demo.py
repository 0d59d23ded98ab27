"""What the demo says about the truth of its films."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import card_of, teachers_of
from panda_hf.cli import app
from panda_hf.cli.demo import captions_against_truth, shots_against_truth
from panda_hf.mini.films import read_truth, write_films
from panda_hf.mini.truth import canonical_caption
from panda_hf.models.checkpoints import shipped
from panda_hf.pipeline import panda_70m
from panda_hf.publishing.output import OutputFolder
from panda_hf.selection import Select
from tests.publishing.synthetic import clip_row, video_row, write_output

SEED = 3
TEACHERS = ("one", "two", "three")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One film; every second shot start is missed, the second teacher says the truth, the others nothing true."""
    folder = tmp_path_factory.mktemp("demo")
    [path] = write_films(folder / "films", "test", 1, SEED)
    film = read_truth(path)
    starts = [0.0, *film.cuts[::2]]
    spans = [{"start": a, "end": b} for a, b in zip(starts, [*starts[1:], film.duration], strict=True)]
    video = video_row(path.name, duration=film.duration, shots=spans)
    clips = []
    for i, scene in enumerate(film.scenes):
        said = dict(zip(TEACHERS, ("nothing of it", canonical_caption(scene), None), strict=True))
        candidates = [{"teacher": teacher, "caption": text, "score": 0.0} for teacher, text in said.items()]
        chosen = {"caption": said["one"], "caption_teacher": "one", "candidates": candidates}
        clips.append(clip_row(video, i, scene.start, scene.end, **chosen))
    return write_output(folder, [video], clips)


def test_found_shots_are_counted_against_the_films(out: Path) -> None:
    film = read_truth(next((out / "films").glob("*.truth.json")))
    [line] = shots_against_truth(out)
    assert f"{len(film.cuts[::2])} of {len(film.cuts)} cuts" in line


def test_captions_are_scored_against_the_films(out: Path) -> None:
    chosen, alone = captions_against_truth(out)
    assert chosen.endswith("the selector's choice 0.00, the best possible choice 1.00")
    assert alone.endswith(": two 1.00, one 0.00, three 0.00")


def test_the_default_plays_the_roles_of_the_paper_s_eight_in_their_order() -> None:
    steps = panda_70m()
    teachers = tuple(step.teacher for step in steps if isinstance(step, Caption))
    assert [card_of(name).plays for name in teachers] == list(teachers_of("paper"))
    assert [step.teachers for step in steps if isinstance(step, Select)] == [teachers]


def test_the_demo_runs_the_whole_shape_of_the_paper(tmp_path: Path) -> None:
    if "mini/selector" not in shipped():
        pytest.skip("the miniature checkpoints are not in this package")
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--films", "1", "--workers", "0"])
    assert result.exit_code == 0, result.output
    clips = list(OutputFolder.open(tmp_path).clips("kept"))
    assert len(clips) >= 3
    for clip in clips:
        candidates = {candidate["teacher"]: candidate for candidate in clip["candidates"]}
        assert tuple(candidates) == teachers_of("mini")
        best = max((c for c in candidates.values() if c["caption"]), key=lambda candidate: candidate["score"])
        assert (clip["caption"], clip["caption_teacher"]) == (best["caption"], best["teacher"])
    *_, chosen, alone = result.stdout.splitlines()
    assert f", {len(clips)} clips)" in chosen and all(f"{name} " in alone for name in teachers_of("mini"))
