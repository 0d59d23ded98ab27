"""The selector's eyes are asked about places that the drawn pixels bear out."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from transformers import TrainingArguments

from panda_hf.mini import world
from panda_hf.mini.places import NOTHING, Places, covered, places
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.selector_clips import Clips, Shake, training_clips, validation_clips
from panda_hf.mini.selector_look import FramePairs, FrameReader, learn_to_look
from panda_hf.mini.selector_model import selector
from panda_hf.mini.selector_patches import PatchReader
from panda_hf.mini.selector_sight import SeenFacts, fact_labels
from panda_hf.mini.world import Scene, Thing

SIDE = 96
SCENE = Scene(Thing("ball", "red", "large"), "slides right", "snow", 0.0, 4.0, look=5)


def _red(frame: np.ndarray) -> np.ndarray:
    """Where a picture is redder than anything of a snowy backdrop."""
    red, green, blue = (frame[..., k].astype(int) for k in range(3))
    return (red - green > 60) & (red - blue > 60)


@pytest.mark.parametrize("camera", ["static", "pans right", "zooms in"])
def test_the_subject_is_where_its_colour_is(camera):
    scene = dataclasses.replace(SCENE, camera=camera)
    times = [0.4, 1.6, 2.8, 3.6]
    frames = render_scene_frames(scene, times, (SIDE, SIDE))
    for frame, (x, y, width, height, opacity) in zip(frames, places(scene, times).where[:, 0], strict=True):
        rows, columns = np.nonzero(_red(frame))
        assert (columns.mean() + 0.5) / SIDE == pytest.approx(x, abs=0.03)
        assert (rows.mean() + 0.5) / SIDE == pytest.approx(y, abs=0.03)
        assert np.ptp(columns) / SIDE == pytest.approx(2 * width, abs=0.05) and opacity == 1
        assert np.ptp(rows) / SIDE == pytest.approx(2 * height, abs=0.06)


def test_covered_patches_are_those_full_of_the_subject():
    times = [1.0, 3.0]
    known = places(SCENE, times)
    shown = covered(known.where, np.stack([known.kinds] * 2), 8)[:, 0]
    frames = render_scene_frames(SCENE, times, (SIDE, SIDE))
    for frame, patches in zip(frames, shown, strict=True):
        share = _red(frame).reshape(8, 12, 8, 12).mean(axis=(1, 3)).ravel()
        assert patches[share > 0.8].all() and not patches[share < 0.05].any()


def test_a_thing_in_front_hides_what_is_behind():
    where = np.zeros((3, 5), np.float32)
    where[:2] = (0.5, 0.5, 0.3, 0.3, 1.0)
    kinds = np.array([[0, 0, 0], [1, 1, 1], [NOTHING] * 3])
    front, behind = covered(where, kinds, 8)[1], covered(where, kinds, 8)[0]
    assert front.sum() > 10 and not behind.any() and not covered(where, kinds, 8)[2].any()


def test_what_faded_away_is_nowhere():
    gone = dataclasses.replace(SCENE, action="disappears")
    known = places(gone, [0.1, 3.9])
    shown = covered(known.where, np.stack([known.kinds] * 2), 8)[:, 0]
    assert shown[0].any() and not shown[1].any()


def test_a_shaken_picture_takes_its_things_along():
    frames = render_scene_frames(SCENE, [2.0], (SIDE, SIDE))
    shake = Shake(down=7, right=-9, light=1.0, noise=0.0, grain=0)
    x, y = places(SCENE, [2.0]).moved(shake.right / SIDE, shake.down / SIDE).where[0, 0, :2]
    rows, columns = np.nonzero(_red(shake(frames)[0]))
    assert (columns.mean() + 0.5) / SIDE == pytest.approx(x, abs=0.02)
    assert (rows.mean() + 0.5) / SIDE == pytest.approx(y, abs=0.02)


def _clips(size: int = 112) -> Clips:
    times = list(np.linspace(0.2, 3.8, 8))
    return Clips([SCENE] * 3, lambda i: render_scene_frames(SCENE, times, (size, size)), [times] * 3)


def test_augmented_frames_and_places_still_fit():
    """In a mirror too: about half of the visits."""
    data = FramePairs(_clips(), varied=True)
    first = []
    for _ in range(12):
        frames, numbers, known = data[0]
        assert frames.shape == (2, 112, 112, 3) and (np.diff(numbers) >= 3).all()
        for frame, (x, y, *_) in zip(frames, known.where[:, 0], strict=True):
            rows, columns = np.nonzero(_red(frame))
            if 0.35 < x < 0.65:
                assert (columns.mean() + 0.5) / 112 == pytest.approx(x, abs=0.04)
            assert (rows.mean() + 0.5) / 112 == pytest.approx(y, abs=0.04)
        first.append(known.where[0, 0, 0])
    assert len(set(first)) > 6


def test_facts_of_a_mirrored_clip_are_those_of_its_picture():
    data = SeenFacts(_clips(), varied=True)
    directions = set()
    for _ in range(12):
        _, known, labels = data[0]
        goes_right = known.where[-1, 0, 0] > known.where[0, 0, 0]
        mirrored_labels = fact_labels(dataclasses.replace(SCENE, action="slides left"))
        assert labels == (fact_labels(SCENE) if goes_right else mirrored_labels)
        directions.add(bool(goes_right))
    assert directions <= {True, False} and True in directions


def test_patches_of_the_subject_vote():
    reader = PatchReader(width=4, side=2)
    with torch.no_grad():
        for head in reader.kinds.values():
            head.weight.zero_()
            head.bias.zero_()
        reader.kinds["shape"].weight[3, 0] = 9.0  # the first coordinate of a token speaks for shape 3
    tokens = torch.zeros(1, 2, 4, 4)
    tokens[0, :, 0, 0] = 1.0
    where = torch.zeros(1, 2, 3, 5)
    where[0, :, 0] = torch.tensor([0.25, 0.25, 0.2, 0.2, 1.0])  # the upper left patch
    kinds = torch.full((1, 3, 3), NOTHING)
    kinds[0, 0] = torch.tensor([3, 1, 2])
    right, guesses = reader(tokens, where, kinds)
    assert guesses[0, 0] == 3
    kinds[0, 0, 0] = 4
    assert reader(tokens, where, kinds)[0] > right + 5
    kinds[0, 0] = NOTHING
    loss, guesses = reader(tokens, where, kinds)
    assert loss.isfinite() and guesses.tolist() == [[-1, -1, -1]]


def test_motion_counts_only_between_frames_that_show_the_subject():
    torch.manual_seed(0)
    reader = PatchReader(width=4, side=2)
    where = torch.zeros(1, 2, 3, 5)
    where[0, :, 0] = torch.tensor([0.25, 0.25, 0.2, 0.2, 1.0])
    kinds = torch.full((1, 3, 3), NOTHING)
    kinds[0, 0] = 0
    tokens = torch.randn(1, 2, 4, 4)
    still = reader(tokens, where, kinds)[0]
    moved = where.clone()
    moved[0, 1, 0, 0] = 0.75
    assert reader(tokens, moved, kinds)[0] != still
    reader.motion.bias.data += 100.0
    assert reader(tokens, where, kinds)[0] > still + 100
    hidden = where.clone()
    hidden[0, 1, 0, 4] = 0.0
    assert reader(tokens, hidden, kinds)[0] < 50


def test_frames_stand_where_they_stand_in_the_clip():
    """Asked about frames 0 to 7 one by one, the reader sees what the tower makes of the whole clip's embeddings."""
    model, _ = selector()
    reader = FrameReader(model.umt)
    pixels = torch.randn(1, 8, 3, 112, 112)
    whole = model.umt.vision_model.embeddings(pixels).unflatten(1, (8, -1))
    patches = model.umt.vision_model.embeddings.patch_embeddings(pixels).unflatten(1, (8, -1))
    torch.testing.assert_close(whole - patches, reader.table[None].expand_as(whole).to(whole), atol=1e-5, rtol=0)


def test_the_lessons_teach_the_tower_alone(tmp_path):
    model, processor = selector()
    before = copy.deepcopy(model.state_dict())
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=12,
        per_device_train_batch_size=3,
        learning_rate=2e-3,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        save_strategy="no",
    )
    found = learn_to_look(model.umt, processor, _clips(), _clips(), arguments)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("umt.vision_model.") for name in changed)
    assert found["eval_colour"] == 1.0  # all clips show the same red ball


def test_drawn_clips_are_kept_and_show_the_scenes_of_the_training_world(tmp_path, monkeypatch):
    monkeypatch.setattr("panda_hf.mini.selector_clips.SHARD", 2)
    clips = training_clips(tmp_path, 3)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(clips) == 3 and len(written) == 2 and clips.frames(2).shape == (8, 112, 112, 3)
    again = training_clips(tmp_path, 3)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    assert np.array_equal(again.frames(2), clips.frames(2))
    drawn = render_scene_frames(clips.scenes[2], list(clips.times[2]), (112, 112))
    assert np.abs(drawn.astype(int) - clips.frames(2)).mean() < 6
    assert isinstance(clips.places(2), Places) and clips.scenes[0].subject.colour in world.COLOURS


def test_unseen_clips_are_of_the_validation_split():
    clips = validation_clips(2)
    assert all((s.subject.shape, s.subject.colour) in world.combinations("validation")[s.action] for s in clips.scenes)
    assert clips.frames(1).shape == (8, 112, 112, 3) and len(clips.times[1]) == 8
