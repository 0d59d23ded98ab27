"""What the miniature selector is pre-trained on: mirrors, true captions, near misses, facts."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from panda_hf.mini.parsing import parse_caption
from panda_hf.mini.places import places
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.selector_clips import Clips, mirrored, shaken
from panda_hf.mini.selector_data import NearMisses, TruePairs
from panda_hf.mini.selector_model import selector
from panda_hf.mini.selector_sight import KINDS, UNKNOWN, FactReader, fact_labels
from panda_hf.mini.truth import canonical_caption, score_caption
from panda_hf.mini.world import Scene, Thing, combinations, generator, random_scene


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


def test_a_generic_pair_is_a_true_caption_in_ever_new_words():
    clips = _clips(20)
    pairs = TruePairs(clips, seed=0)
    said = []
    for i, scene in enumerate(clips.scenes):
        (caption,) = pairs[i].captions
        assert score_caption(caption, scene).precision == 1.0 and pairs[i].targets == (1.0,)
        assert not {fact.kind for fact in parse_caption(caption)} & {"name", "place"}
        said.append(caption)
    again = [pairs[i].captions[0] for i in range(20)]
    assert sum(one != other for one, other in zip(said, again, strict=True)) > 10


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


def test_the_reader_guesses_every_kind_of_fact_of_every_clip():
    model, processor = selector()
    scenes = _scenes(3)
    labels = torch.tensor([fact_labels(scene) for scene in scenes])
    known = [places(scene, np.linspace(0, scene.duration, 8)) for scene in scenes]
    where = torch.from_numpy(np.stack([one.where for one in known]))
    kinds = torch.from_numpy(np.stack([one.kinds for one in known]))
    size = processor.image_size
    found = FactReader(model.umt)(torch.randn(3, processor.num_frames, 3, size, size), where, kinds, labels)
    assert found["logits"].shape == (3, len(KINDS)) and found["loss"].isfinite()
    assert all((found["logits"][:, i] < len(values)).all() for i, values in enumerate(KINDS.values()))


def test_augmentation_keeps_shape_and_motion():
    frames = render_scene_frames(_scene(), list(np.arange(8) / 2), (72, 72))
    changed = shaken(frames, np.random.default_rng(0))
    assert changed.shape == frames.shape and changed.dtype == np.uint8
    assert 0 < np.abs(changed.astype(int) - frames).mean() < 40


def test_the_tokenizer_knows_every_word_of_the_world_and_spells_others():
    _, processor = selector()
    for scene in _scenes(30):
        words = canonical_caption(scene).split()
        assert processor.tokenizer.tokenize(canonical_caption(scene)) == words
    assert "[UNK]" not in processor.tokenizer.tokenize("zebra 42")
