"""The teachers of the miniature: what they learn from, how they are made, and what the shipped ones can."""

from __future__ import annotations

from statistics import mean

import numpy as np
import pytest
from datasets import Dataset, Features

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.mini import teacher_data, train_teachers
from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from panda_hf.mini.score import TEACHERS, clip_rows_of
from panda_hf.mini.teacher_models import image_teacher, text_teacher, video_teacher
from panda_hf.mini.truth import canonical_caption, parse_caption, score_caption
from panda_hf.mini.world import Scene, Thing
from panda_hf.models.checkpoints import mini_folder
from panda_hf.stage import apply

FILMS = 3


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> tuple[Dataset, list[Scene]]:
    """The scenes of a few test films, sampled."""
    folder = tmp_path_factory.mktemp("films")
    pairs = [pair for seed in range(FILMS) for pair in clip_rows_of(write_film(make_film(100 + seed, "test"), folder))]
    rows = Dataset.from_list([row for row, _ in pairs], features=Features(schema.CLIP_ROW))
    return apply(rows, SampleFrames()), [scene for _, scene in pairs]


@pytest.fixture(scope="module")
def captions(clips) -> dict[str, list[str]]:
    dataset, _ = clips
    return {name: list(apply(dataset, Caption(teacher=name))[f"caption_{name}"]) for name in TEACHERS}


@pytest.mark.parametrize("teacher", TEACHERS)
def test_shipped_teachers_see_far_more_than_chance(teacher, captions, clips):
    _, scenes = clips
    own = mean(score_caption(c, s).f1 for c, s in zip(captions[teacher], scenes, strict=True))
    # Chance: the true caption of another scene, as fluent and as long, but seen nowhere in this clip.
    others = [scenes[(i + 5) % len(scenes)] for i in range(len(scenes))]
    chance = mean(score_caption(canonical_caption(o), s).f1 for o, s in zip(others, scenes, strict=True))
    assert own > chance + 0.2


def test_no_teacher_knows_what_it_cannot_perceive(captions, clips):
    _, scenes = clips
    for caption in captions["mini_image"]:
        assert not {fact.kind for fact in parse_caption(caption)} & {"action", "direction", "camera", "name", "place"}
    for caption in captions["mini_video"]:
        assert not {fact.kind for fact in parse_caption(caption)} & {"name", "place"}
    told = [(c, s) for c, s in zip(captions["mini_text"], scenes, strict=True) if s.name or s.place]
    assert told and mean(("name" in kinds(c)) == bool(s.name) for c, s in told) > 0.7


def kinds(caption: str) -> set[str]:
    return {fact.kind for fact in parse_caption(caption)}


def test_shipped_checkpoints_stay_small():
    sizes = [file.stat().st_size for file in mini_folder().rglob("*") if file.is_file()]
    assert sum(sizes) < 30e6
    assert not list(mini_folder().rglob("*.bin")) and not list(mini_folder().rglob("*.pt"))


def test_the_text_teacher_states_an_action_only_where_the_subtitle_does():
    scene = Scene(Thing("ball", "red"), "slides left", "sea", 0.0, 4.0, look=1, name="kiki", camera="static")
    assert teacher_data.told_caption(scene, "The red ball slides to the left.") == canonical_caption(scene)
    assert kinds(teacher_data.told_caption(scene, "Meet Kiki!")) == {"shape", "colour", "background", "name"}


@pytest.mark.parametrize(
    ("kind", "build", "frames"), [("image", image_teacher, 1), ("video", video_teacher, 8), ("text", text_teacher, 1)]
)
def test_each_teacher_learns_from_what_it_will_be_shown(kind, build, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_data, "SHARD", 2)
    teacher_data.draw_scenes(tmp_path, 3)
    assert len(list(tmp_path.glob("*.npy"))) == 4  # two files of two scenes, small and large
    _, processor = build()
    samples = teacher_data.TeacherScenes(tmp_path, 4, kind, processor, epochs=2)
    assert len(samples) == 8
    first, again, later = samples[1], samples[1], samples[5]
    assert len(first.frames) == frames and first.frames[0].dtype == np.uint8
    assert np.array_equal(first.frames[0], again.frames[0]) and first.prompt == again.prompt
    assert not np.array_equal(first.frames[0], later.frames[0])  # the same scene, another noise
    scene, _ = teacher_data.training_scene(1)
    assert not score_caption(first.caption, scene).wrong
    assert ("Spoken" in first.prompt or "Described" in first.prompt) <= (kind == "text")


def test_one_call_makes_three_teachers_and_a_second_repeats_no_drawing(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_data, "SHARD", 4)
    monkeypatch.setattr(train_teachers, "SCENES", 4)
    out, work = tmp_path / "out", tmp_path / "work"
    train_teachers.train_teachers(out, work=work, steps_scale=1e-6)
    assert sorted(folder.name for folder in out.iterdir()) == ["image", "text", "video"]
    drawn = {path: path.stat().st_mtime_ns for path in (work / "scenes").iterdir()}
    train_teachers.train_teachers(out, work=work, steps_scale=1e-6, only=["image"])
    assert drawn == {path: path.stat().st_mtime_ns for path in (work / "scenes").iterdir()}
    stage = Caption(teacher="new_video", family="image_text_to_text", checkpoint=str(out / "video"))
    assert stage.card().sees == ("video",)
