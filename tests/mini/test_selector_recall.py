"""What a selector chooses on encoded clips: the same as from frames, and counted as annotators would."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from panda_hf.mini.selector_model import selector
from panda_hf.mini.selector_recall import choices, recall
from panda_hf.mini.truth import paraphrases
from panda_hf.mini.world import generator, random_scene
from panda_hf.selection.answers import AnsweredClip
from panda_hf.selection.scorer import Scorer
from panda_hf.training.selector import video_tokens


def _clip(number: int, captions: tuple[str, ...], *picks: set[int]) -> AnsweredClip:
    names = tuple(f"t{k}" for k in range(len(captions)))
    return AnsweredClip(f"validation.{number}", names, captions, {f"p{k}": frozenset(p) for k, p in enumerate(picks)})


def test_choices_on_tokens_are_those_on_frames() -> None:
    model, processor = selector()
    torch.nn.init.normal_(model.itm_head.weight, std=1.0)  # so that no two logits are nearly equal
    clips, frames = [], []
    for i in range(6):
        rng = generator(i, "validation", "test of recall")
        frames.append(rng.integers(0, 256, (8, 72, 72, 3), dtype=np.uint8))
        scenes = [random_scene(rng, "validation") for _ in range(3)]
        clips.append(_clip(i, tuple(paraphrases(scene, rng)[0] for scene in scenes), {0}))
    tokens = dict(zip((clip.clip_id for clip in clips), video_tokens(model.umt, processor, frames), strict=True))
    scorer = Scorer(model.eval().umt, processor, model)
    for clip, shown in zip(clips, frames, strict=True):
        nearest, matched = choices(model, processor, tokens, [clip])[clip.clip_id]
        scores, head = scorer.with_head(shown, clip.captions)
        assert scores[nearest] >= max(scores) - 1e-4
        assert head[matched] == pytest.approx(max(float(logit or 0) for logit in head), abs=1e-2)


def test_recall_counts_annotators_and_clips() -> None:
    asked = [_clip(0, ("a", "b", "c"), {0}, {0}, {1}), _clip(1, ("a", "b", "c"), {2}, set(), {1})]
    found = recall({"validation.0": (0, 1), "validation.1": (0, 2), "validation.9": (0, 0)}, asked)
    assert (found.one, found.any) == (pytest.approx(2 / 5), 0.5)
    assert (found.head_one, found.head_any) == (pytest.approx(2 / 5), 1.0)
