"""What the miniature selector learns from: mirrors, likely candidates, near misses, facts, judged captions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from panda_hf.mini import selector_teachers
from panda_hf.mini.parsing import parse_caption
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.selector_data import Clips, LikelyCandidates, NearMisses, likely_candidate, mirrored, shaken
from panda_hf.mini.selector_eyes import _renormalised, _shrunk
from panda_hf.mini.selector_model import selector
from panda_hf.mini.selector_sight import KINDS, UNKNOWN, FactReader, fact_labels
from panda_hf.mini.selector_teachers import (
    TEACHERS,
    Judged,
    JudgedCandidates,
    fingerprint,
    judged_clips,
    mean_scores,
)
from panda_hf.mini.teacher_models import MEAN, STD
from panda_hf.mini.truth import canonical_caption, score_caption
from panda_hf.mini.world import Scene, Thing, combinations, generator, random_scene
from panda_hf.models.checkpoints import shipped


def _scene(**changes) -> Scene:
    subject = Thing("ball", "red", "large", "striped")
    scene = Scene(subject, "rolls left", "snow", 0.0, 4.0, look=5, camera="pans right", name="pip")
    return dataclasses.replace(scene, **changes)


def _scenes(count: int) -> list[Scene]:
    rng = generator(0, "train", "test of the selector")
    return [random_scene(rng, "train") for _ in range(count)]


def _clips(count: int) -> Clips:
    frames = np.random.default_rng(0).integers(0, 256, (count, 8, 72, 72, 3), dtype=np.uint8)
    return Clips(_scenes(count), lambda i: frames[i])


def test_a_mirror_turns_left_into_right_and_nothing_else():
    action, (shape, colour) = "slides right", combinations("train")["slides right"][0]
    scene = _scene(
        subject=Thing(shape, colour), action="slides left", relation="left of", second=Thing("cube", "pink")
    )
    turned = dataclasses.replace(scene, action=action, relation="right of", camera="pans left")
    assert mirrored(scene) == turned


def test_a_mirror_never_shows_what_only_other_splits_may_show():
    pairs = combinations("test")["slides right"]
    hidden = [_scene(subject=Thing(shape, colour), action="slides left") for shape, colour in pairs]
    assert all(mirrored(scene) is None for scene in hidden)


def test_a_mirrored_scene_is_a_scene_of_the_training_split():
    for scene in filter(None, map(mirrored, _scenes(200))):
        assert (scene.subject.shape, scene.subject.colour) in combinations("train")[scene.action]


def test_mirrored_frames_are_those_of_the_mirrored_scene_to_the_eye():
    """The brighter half changes sides with the picture; the drawing itself has other details."""
    frames = render_scene_frames(_scene(), [1.0, 2.0], (72, 72))
    clips = Clips([_scene(action="slides left", subject=Thing("ball", "red"))], lambda i: frames)
    seen = [clips.either_way(0, np.random.default_rng(seed)) for seed in range(20)]
    for shown, scene in seen:
        expected = frames if scene.action == "slides left" else frames[:, :, ::-1]
        assert np.array_equal(shown, expected)
    assert len({scene.action for _, scene in seen}) == 2


def test_likely_candidates_are_seldom_perfect_and_seldom_nonsense():
    rng = np.random.default_rng(0)
    scores = [score_caption(likely_candidate(scene, rng), scene).f1 for scene in _scenes(60) for _ in range(5)]
    assert 0.5 < np.mean(scores) < 0.9
    assert min(scores) < 0.5 and max(scores) > 0.95


def test_names_in_likely_candidates_are_always_right():
    rng = np.random.default_rng(1)
    for scene in _scenes(80):
        for fact in parse_caption(likely_candidate(scene, rng)):
            if fact.kind in ("name", "place"):
                assert fact.value == getattr(scene, fact.kind)


def test_targets_follow_the_fact_scores():
    clips = _clips(12)
    data = LikelyCandidates(clips, candidates=6, seed=0)
    for i in range(12):
        example = data[i]
        truths = [clips.scenes[i], mirrored(clips.scenes[i])]
        scores = [[score_caption(c, truth).f1 for c in example.captions] for truth in truths if truth]
        orders = [np.argsort(row, kind="stable").tolist() for row in scores]
        assert np.argsort(np.round(example.targets, 9), kind="stable").tolist() in orders
        assert sum(example.targets) == pytest.approx(1)


def test_near_misses_differ_from_the_truth_and_come_again_the_same():
    data = NearMisses(_clips(12))
    for i, scene in enumerate(data.clips.scenes):
        first, *wrong = data[i].captions
        assert data[i].captions == (first, *wrong)
        assert score_caption(first, scene, "video").f1 == 1
        assert all(parse_caption(caption) != parse_caption(first) for caption in wrong)


def test_fact_labels_say_what_can_be_seen():
    labels = dict(zip(KINDS, fact_labels(_scene(relation="above", second=Thing("star", "pink"))), strict=True))
    said = {kind: KINDS[kind][index] for kind, index in labels.items()}
    assert said["shape"] == "ball" and said["action"] == "rolls" and said["direction"] == "left"
    assert said["relation"] == "above" and said["second_shape"] == "star" and said["camera"] == "pans right"
    grows = dict(zip(KINDS, fact_labels(_scene(action="grows")), strict=True))
    assert grows["size"] == UNKNOWN and KINDS["direction"][grows["direction"]] == ""


def test_a_glance_shows_whole_frames_at_their_own_places():
    model, _ = selector()
    reader = FactReader(model, frames=2)
    masked = reader._masked(5, 8).unflatten(1, (8, -1))
    assert (masked.all(dim=2) | ~masked.any(dim=2)).all()
    assert (~masked[:, :, 0]).sum(dim=1).tolist() == [2] * 5
    pixels = torch.randn(1, 8, 3, 72, 72)
    embeddings = model.vision_model.embeddings
    hidden = torch.ones(1, 8, reader.patches, dtype=torch.bool)
    hidden[:, [2, 6]] = False
    with torch.no_grad():
        shown = embeddings(pixels, hidden.flatten(1))
        everything = embeddings(pixels).unflatten(1, (8, -1))
    torch.testing.assert_close(shown.unflatten(1, (2, -1)), everything[:, [2, 6]])


def test_augmentation_keeps_shape_and_motion():
    frames = render_scene_frames(_scene(), list(np.arange(8) / 2), (72, 72))
    changed = shaken(frames, np.random.default_rng(0))
    assert changed.shape == frames.shape and changed.dtype == np.uint8
    assert 0 < np.abs(changed.astype(int) - frames).mean() < 40


def test_judged_captions_become_targets_and_means():
    frames = np.zeros((8, 72, 72, 3), np.uint8)
    clips = [Judged(frames, ("a", "b", "c"), (0.2, 0.8, 0.8)), Judged(frames, ("a", "b", "c"), (1.0, 0.0, 0.6))]
    assert JudgedCandidates(clips)[0].targets == (0.0, 0.5, 0.5)
    found = mean_scores(clips)
    assert found == {
        "mini_image": pytest.approx(0.6),
        "mini_video": pytest.approx(0.4),
        "mini_text": pytest.approx(0.7),
        "best": pytest.approx(0.9),
    }


def test_the_tokenizer_knows_every_word_of_the_world_and_spells_others():
    _, processor = selector()
    for scene in _scenes(30):
        words = canonical_caption(scene).split()
        assert processor.tokenizer.tokenize(canonical_caption(scene)) == words
    assert "[UNK]" not in processor.tokenizer.tokenize("zebra 42")


def test_borrowed_eyes_see_the_pixels_the_teacher_saw():
    """The same picture, each normalised its own way, gives the same patches when patches are equally large."""
    _, processor = selector()
    kernel, bias = torch.randn(5, 3, 4, 4), torch.randn(5)
    pixels = torch.rand(1, 3, 8, 8)
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (processor.image_mean, processor.image_std))
    old_mean, old_deviation = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    expected = F.conv2d((pixels - old_mean) / old_deviation, kernel, bias, stride=4)
    found = F.conv2d((pixels - mean) / deviation, *_renormalised(_shrunk(kernel, 4), bias, processor), stride=4)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_smaller_patch_of_an_even_surface_gives_the_same():
    kernel = torch.randn(5, 3, 1, 1).expand(5, 3, 14, 14)
    torch.testing.assert_close(_shrunk(kernel, 9).sum(dim=(2, 3)), kernel.sum(dim=(2, 3)))


@pytest.mark.skipif(not set(TEACHERS) <= {f"mini_{name[5:]}" for name in shipped()}, reason="no teachers yet")
def test_judged_clips_are_captioned_once_by_the_same_teachers(tmp_path, monkeypatch):
    monkeypatch.setattr(selector_teachers, "BATCH", 3)
    first = judged_clips("validation", 3, tmp_path, 72)
    monkeypatch.setattr(selector_teachers, "_judge", lambda *_: pytest.fail("captioned again"))
    again = judged_clips("validation", 3, tmp_path, 72)
    assert [clip.captions for clip in first] == [clip.captions for clip in again]
    assert all(clip.frames.shape == (8, 72, 72, 3) and len(clip.scores) == 3 for clip in first)
    assert all(0 <= score <= 1 for clip in first for score in clip.scores)
    (folder,) = tmp_path.iterdir()
    assert folder.name == fingerprint() != fingerprint(TEACHERS[:2])
