"""The miniature's student: what it starts as, what it learns from, how it is judged."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from statistics import mean
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, Features
from typer.testing import CliRunner

from panda_hf import schema
from panda_hf.captioning import Describe, SampleFrames
from panda_hf.captioning.registry import teachers_of
from panda_hf.cli import app
from panda_hf.errors import CheckpointError
from panda_hf.mini import student_study, world
from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.score import clip_rows_of
from panda_hf.mini.selector_teachers import Judged
from panda_hf.mini.student_course import Course, is_finished
from panda_hf.mini.student_data import PickedClips, best, chances, in_mirror
from panda_hf.mini.student_eyes import Eyes, FrameLooker, frame_tower
from panda_hf.mini.student_model import WholePictures, processor_of, student, video_llama
from panda_hf.mini.student_study import SELECTION, WITH, WITHOUT, fooled, preference, study, text_helps, verdicts
from panda_hf.mini.train_student import settings_of, states_name
from panda_hf.mini.truth import score_caption
from panda_hf.mini.world import Scene, Thing, combinations, random_scene
from panda_hf.models.checkpoints import mini_folder, resolve
from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.models.umt import UMTForVideoTextRetrieval
from panda_hf.models.umt.modeling_umt import sinusoid_table
from panda_hf.models.umt.processing_umt import resize_frames
from panda_hf.stage import apply

SHAPE, COLOUR = sorted(set(combinations("train")["slides left"]) & set(combinations("train")["slides right"]))[0]
NAME = world.NAMES[0]
TRUE = f"a large {COLOUR} {SHAPE} slides to the left in a room"


def scene(**more: object) -> Scene:
    given = {"subject": Thing(SHAPE, COLOUR, "large"), "action": "slides left", "background": "room"}  # type: ignore[arg-type]
    return Scene(**{**given, "start": 0.0, "end": 4.0, "look": 1, **more})  # type: ignore[arg-type]


def clip(*captions: str, subtitle: str | None = None, title: str | None = None, **more: object) -> Judged:
    frames = np.zeros((8, 72, 72, 3), np.uint8)
    frames[:, :, :36] = 250  # bright on the left
    return Judged("validation.0", frames, captions, scene(**more), title, None, subtitle)


@pytest.fixture(scope="module")
def videos() -> list[np.ndarray]:
    scenes = [random_scene(np.random.default_rng(i), "train") for i in range(24)]
    return [render_scene_frames(one, np.linspace(0.1, one.duration - 0.1, 8).tolist(), (126, 224)) for one in scenes]


@pytest.fixture(scope="module")
def eyes(videos: list[np.ndarray]) -> Eyes:
    """Before any lesson: only the line to the other tower is found."""
    reader = FrameLooker(frame_tower("mini/selector").eval(), video_llama()[0].vision_model)
    frames = np.concatenate([resize_frames(video, 112) for video in videos])
    reader.listen((torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5)
    return Eyes(reader.tower, reader.line)


@pytest.fixture(scope="module")
def beginner(
    eyes: Eyes, videos: list[np.ndarray]
) -> tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]:
    return student(eyes, videos)


def test_the_eyes_see_one_frame_with_the_layers_of_the_selector(eyes: Eyes) -> None:
    umt = UMTForVideoTextRetrieval.from_pretrained(resolve("mini/selector"), dtype=torch.float32).umt
    tower = umt.vision_model.eval()
    picture = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])  # ImageNet's
    with torch.no_grad():
        patches = tower.embeddings.patch_embeddings(
            ((picture - mean[:, None, None]) / deviation[:, None, None])[:, None]
        )
        theirs = patches + sinusoid_table(8 * 64, 128)[:, 3 * 64 : 4 * 64]
        ours = eyes.tower.embeddings((picture - 0.5) / 0.5)[:, 1:]
        assert torch.allclose(ours, theirs, atol=1e-4)
        for mine, layer in zip(eyes.tower.encoder.layers, tower.encoder.layer, strict=True):
            ours, theirs = mine(ours), layer(theirs)
            theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    assert torch.allclose(ours, theirs, atol=1e-3) and float(ours.std()) > 0.1


def test_the_student_starts_with_those_eyes_and_all_else_of_the_video_llama(
    eyes: Eyes, beginner: tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]
) -> None:
    model, processor = beginner
    older, _ = video_llama()
    pixels = processor(videos=[np.random.default_rng(0).integers(0, 256, (8, 112, 112, 3), np.uint8)])["pixel_values"][
        0
    ]
    with torch.no_grad():
        seen = model.vision_model(pixels).last_hidden_state
        assert torch.equal(seen, eyes.tower(pixel_values=pixels).last_hidden_state)
        # the old Q-Former over tokens that went along the line is the new one over tokens that did not
        asked = {"query_embeds": older.query_tokens.expand(8, -1, -1)}
        theirs = older.qformer(**asked, encoder_hidden_states=eyes.line(seen)).last_hidden_state
        ours = model.get_frame_features(pixels)
    assert torch.allclose(ours, theirs, atol=1e-3)
    for name in ("language_model", "video_qformer", "projection"):
        mine, wanted = getattr(model, name).state_dict(), getattr(older, name).state_dict()
        assert mine.keys() == wanted.keys() and all(torch.equal(mine[key], wanted[key]) for key in mine)


def test_the_line_says_what_the_other_tower_would(eyes: Eyes, videos: list[np.ndarray]) -> None:
    other = video_llama()[0].vision_model
    reader = FrameLooker(eyes.tower, other)
    pixels = torch.from_numpy(resize_frames(videos[0], 112)).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        told, tokens = reader.other(pixels), eyes.tower(pixel_values=pixels).last_hidden_state
    # 8 by 8 patches of 14 pixels of 112, and 4 by 4 of 18 of 72: two by two of the first cover one of the second
    square = tokens[:, 1:].reshape(8, 8, 8, 128)[:, 2:4, 4:6].mean(dim=(1, 2))
    left = (eyes.line(square) - told[:, 1 + 1 * 4 + 2]).pow(2).mean()
    assert left < 0.5 * (told[:, 1:] - told[:, 1:].mean(dim=(0, 1))).pow(2).mean()


def test_the_text_branch_starts_by_handing_words_on(
    videos: list[np.ndarray], beginner: tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor]
) -> None:
    model, processor = beginner
    said = [f"Meet {name}!" for name in world.NAMES[:4]]
    inputs = processor(videos=[videos[0]] * 4, subtitles=said)
    with torch.no_grad():
        seen = model.get_video_features(inputs["pixel_values"])
        told, _ = model.get_text_features(seen, inputs["prompt_ids"], inputs["prompt_mask"])
        names = model.get_input_embeddings()(torch.tensor([processor.tokenizer.vocab[n] for n in world.NAMES[:4]]))
    heard = (told - told.mean(dim=0)).mean(dim=1) @ (names - names.mean(dim=0)).T
    assert heard.argmax(dim=1).tolist() == [0, 1, 2, 3]
    assert 0.3 < float(told.std() / seen.std()) < 3  # as loud as the video's


def test_a_start_that_is_no_video_llama_is_refused(eyes: Eyes, videos: list[np.ndarray]) -> None:
    with pytest.raises(CheckpointError, match="mini/image is a blip-2"):
        student(eyes, videos, start="mini/image")


def test_learning_pictures_are_never_cropped(
    beginner: tuple[PandaStudentForConditionalGeneration, PandaStudentProcessor],
) -> None:
    _, processor = beginner
    whole = processor_of(processor, WholePictures)
    video = np.random.default_rng(1).integers(0, 256, (8, 90, 120, 3), np.uint8)
    drawn = whole.prepare_video(video, np.random.default_rng(2))
    assert torch.equal(drawn, processor.prepare_video(video))
    assert not torch.equal(drawn, processor.prepare_video(video, np.random.default_rng(2)))


def test_a_mirror_turns_left_and_right_wherever_they_stand() -> None:
    assert in_mirror("See how it slides to the left.") == "See how it slides to the right."
    assert in_mirror("right of a cube, the camera pans left") == "left of a cube, the camera pans right"
    assert in_mirror("a cleft is bright") == "a cleft is bright"


def test_better_candidates_are_drawn_more_often_and_blank_ones_never() -> None:
    found = chances([0.50, None, 0.55])
    assert found[1] == 0 and found.sum() == pytest.approx(1)
    assert found[2] / found[0] == pytest.approx(np.exp(80 * 0.05))
    assert chances([None, None]).tolist() == [0.5, 0.5]


def test_the_best_caption_is_that_of_the_highest_score() -> None:
    assert best(clip("one", "", "three"), [0.1, None, 0.3]) == "three"
    assert best(clip("", ""), [None, None]) == ""


def test_mirrored_clips_come_with_mirrored_captions_and_words() -> None:
    assert (SHAPE, COLOUR) in combinations("train")["slides right"]  # else no mirror would be shown
    shown = dataclasses.replace(
        clip(TRUE, subtitle="It goes left.", title="to the left"), description="left of the camera"
    )
    lessons = PickedClips([shown], [[0.5]])
    seen = set()
    for number in range(40):
        got = lessons.example(0, [number / 40])
        left = got.frames[:, :, :36].mean() > got.frames[:, :, 36:].mean()
        side = "left" if left else "right"
        assert (got.subtitle, got.title, got.description) == (
            f"It goes {side}.",
            f"to the {side}",
            f"{side} of the camera",
        )
        assert f"slides to the {side}" in got.caption
        seen.add(left)
    assert seen == {True, False}


def test_what_is_held_aside_is_never_shown_in_a_mirror() -> None:
    left, right = (set(combinations("train")[action]) for action in ("slides left", "slides right"))
    shape, colour = sorted(left - right)[0]
    other = dataclasses.replace(clip("a ball slides to the left"), scene=scene(subject=Thing(shape, colour, "large")))
    lessons = PickedClips([other], [[0.5]])
    assert {lessons.example(0, [n / 30]).caption for n in range(30)} == {"a ball slides to the left"}


def test_the_same_place_of_the_training_gives_the_same_lesson() -> None:
    lessons = PickedClips([clip(TRUE, "a ball")], [[0.5, 0.5]])
    first, again = lessons.example(0, [0.1, 0.7]), lessons.example(0, [0.1, 0.7])
    assert first.caption == again.caption and np.array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, lessons.example(0, [0.2, 0.7]).frames)


def test_a_caption_is_fooled_when_what_it_states_is_false_and_was_said() -> None:
    wrong = next(colour for colour in ("red", "blue") if colour != COLOUR)
    said = clip(subtitle=f"Look at the {wrong} thing.", subtitle_kind="misleads")
    assert fooled(f"a large {wrong} {SHAPE} slides to the left in a room", said)
    assert not fooled(TRUE, said)
    assert not fooled(f"a large {wrong} {SHAPE} slides to the left", clip(subtitle="What a nice day."))
    assert fooled(f"a {COLOUR} {SHAPE} called {NAME}", clip(subtitle=f"I miss {NAME.capitalize()} so much."))


def test_text_helps_that_tells_what_is_there_and_nothing_false() -> None:
    assert (
        text_helps(clip(name=NAME))
        and text_helps(clip(place=world.PLACES[0]))
        and text_helps(clip(subtitle_kind="helps"))
    )
    assert not text_helps(clip()) and not text_helps(clip(subtitle_kind="chatter"))
    assert not text_helps(clip(name=NAME, subtitle_kind="misleads"))


def test_votes_go_to_the_true_caption_and_are_shared_by_equal_ones() -> None:
    other = next(shape for shape in ("ball", "cube") if shape != SHAPE)
    wrong = f"a small {COLOUR} {other} spins by the blue sea"
    clips = [dataclasses.replace(clip(), clip_id=f"c{i}") for i in range(20)]
    captions = {"mini_image": [[wrong] * 20], SELECTION: [[wrong] * 20], WITHOUT: [[TRUE] * 20], WITH: [[TRUE] * 20]}
    found = preference(captions, clips)
    assert found["mini_image"] == [0.0] and found[WITHOUT] == found[WITH] == [pytest.approx(0.5)]
    assert found[SELECTION] == [0.0]


def test_the_study_measures_each_seed_and_says_what_was_reached() -> None:
    other = next(shape for shape in ("ball", "cube") if shape != SHAPE)
    wrong = f"a large {COLOUR} {other} slides to the left in a room"
    clips = [dataclasses.replace(clip(name=NAME), clip_id=f"c{i}") for i in range(4)]
    captions = {
        "mini_text": [[wrong] * 4],
        SELECTION: [[TRUE] * 4],
        WITHOUT: [[TRUE] * 4, [wrong] * 4],
        WITH: [[TRUE.replace(SHAPE, f"{SHAPE} called {NAME}")] * 4] * 2,
    }
    found = study(captions, clips, lambda said, clips: {"words": float(len(said))})
    assert found.clips == (4, 4, 0) and found.readers == ("mini_text",)
    # size, colour, shape, action, direction and background are stated, the shape wrongly; the name would be a seventh
    assert found.lines[WITHOUT].figures["precision"] == (1.0, pytest.approx(5 / 6))
    assert found.lines[WITHOUT].figures["recall"] == (pytest.approx(6 / 7), pytest.approx(5 / 7))
    assert found.lines[WITH].told("recall") == "100.0 ± 0.0" and found.lines[WITH].told("words", 1) == "4.0 ± 0.0"
    reached = dict(verdicts(found))
    assert reached["without text it beats every single teacher (f1)"]
    assert reached["with text it beats without, where the text helps (f1)"]
    assert "behind all teachers + selection" in student_study.as_text(found)


def test_the_shipped_student_says_of_films_what_chance_does_not(tmp_path: Path) -> None:
    paths = [write_film(make_film(seed, "test"), tmp_path) for seed in (900, 901)]
    pairs = [pair for path in paths for pair in clip_rows_of(path)]
    rows = Dataset.from_list([row for row, _ in pairs], features=Features(schema.CLIP_ROW))
    said = apply(apply(rows, SampleFrames()), Describe(text=False))["student_caption"]
    scenes = [scene for _, scene in pairs]
    right = mean(score_caption(caption, scene).f1 for caption, scene in zip(said, scenes, strict=True))
    shifted = mean(
        score_caption(caption, scene).f1 for caption, scene in zip(said, scenes[3:] + scenes[:3], strict=True)
    )
    assert right > shifted + 0.2


def test_a_student_of_other_settings_clips_or_eyes_is_not_finished(tmp_path: Path) -> None:
    picks: Any = SimpleNamespace(name="clips", eyes=SimpleNamespace(tower=torch.nn.Linear(2, 2)))
    record, half, whole = tmp_path / "training.json", Course(work=tmp_path, steps_scale=0.5), Course(work=tmp_path)
    record.write_text(json.dumps({"states": states_name(picks, settings_of(1, 0.5))}), encoding="utf-8")
    assert is_finished(tmp_path, picks, 1, half) and not is_finished(tmp_path / "none", picks, 1, half)
    assert not is_finished(tmp_path, picks, 1, whole) and not is_finished(tmp_path, picks, 2, half)
    other: Any = SimpleNamespace(name="clips", eyes=SimpleNamespace(tower=torch.nn.Linear(2, 2)))
    assert not is_finished(tmp_path, other, 1, half)
    picks.name = "other clips"
    assert not is_finished(tmp_path, picks, 1, half)
    record.write_text('{"states": "cut sh', encoding="utf-8")
    assert not is_finished(tmp_path, picks, 1, half)


def test_no_shipped_checkpoint_holds_a_path_of_the_machine_it_was_made_on() -> None:
    for told in mini_folder().glob("*/*.json"):
        assert not re.search(r'"(/|[A-Z]:\\)[\w.-]+[/\\]', told.read_text(encoding="utf-8")), told


def test_the_shipped_student_is_small() -> None:
    assert sum(path.stat().st_size for path in (mini_folder() / "student").iterdir()) < 8_000_000


@pytest.mark.slow
def test_table_4_is_trained_measured_and_taken_up_again(tmp_path: Path) -> None:
    asked = ["mini", "table4", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    asked += ["--seeds", "2", "--steps-scale", "0.006", "--clips-scale", "0.01"]
    first = CliRunner().invoke(app, asked)
    assert first.exit_code == 0, first.output
    record = json.loads((tmp_path / "out" / "table4.json").read_text(encoding="utf-8"))
    assert record["clips"][0] == 150 and len(record["figures"]["student"]["f1"]) == 2
    assert set(teachers_of("mini")) < set(record["figures"])
    weights = tmp_path / "out" / "seed-1" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = CliRunner().invoke(app, asked)
    assert again.exit_code == 0 and weights.stat().st_mtime_ns == before
    assert "behind all teachers + selection" in again.output
