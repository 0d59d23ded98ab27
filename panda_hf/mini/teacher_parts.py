"""The small parts of the pipeline teacher before training: what names the action, and what writes from notes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from torch import nn
from transformers import (
    LlamaForCausalLM,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEImageProcessor,
)

from panda_hf.captioning.teachers import videochat_text as pipeline
from panda_hf.mini import speech, wording, world
from panda_hf.mini.teacher_models import MEAN, SPREAD, STD, VIDEO_SIZE, Pair, small_llama, word_tokenizer
from panda_hf.mini.teacher_warmth import take_frame_eyes, take_words

FRAMES = 8


def action_labels() -> tuple[str, ...]:
    """Every action under every camera that the world has for it, as a caption says them; the order is the label."""
    return tuple(_label(action, camera) for action, camera in _motions())


def motion_label(scene: world.Scene) -> int:
    """The label of what moves in a scene."""
    return _motions().index((scene.action, scene.camera))


def action_part(eyes: Path) -> Pair:
    """TimeSformer: eight frames of 72 pixels, one of the world's actions and cameras.

    A VideoMAE of this size did not learn to tell any motion in the time that this one takes to tell most: it can start
    from eyes for single frames and learns only what happens between frames.

    Args:
        eyes: a LLaVA whose vision tower it starts from.
    """
    labels = action_labels()
    config = TimesformerConfig(
        image_size=VIDEO_SIZE,
        patch_size=18,
        num_frames=FRAMES,
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=384,
        hidden_act="gelu_pytorch_tanh",
        layer_norm_eps=1e-6,
        initializer_range=SPREAD,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    model: Any = TimesformerForVideoClassification(config)
    take_frame_eyes(model, eyes)
    nn.init.normal_(model.timesformer.embeddings.time_embeddings, std=0.3)
    nn.init.normal_(model.timesformer.embeddings.cls_token, std=0.3)
    nn.init.zeros_(model.classifier.weight)
    square = {"height": VIDEO_SIZE, "width": VIDEO_SIZE}
    return model, VideoMAEImageProcessor(size=square, do_center_crop=False, image_mean=MEAN, image_std=STD)


def writer_part(words: Path) -> Pair:
    """A small Llama and its tokenizer: from notes and the words around a clip to a sentence.

    Args:
        words: a LLaVA whose Llama it starts from.
    """
    tokenizer = word_tokenizer((*speech.TEXT_VOCABULARY, *_note_words()))
    model = LlamaForCausalLM(small_llama(tokenizer))
    take_words(model, tokenizer, words)
    return model, tokenizer


def _motions() -> tuple[tuple[world.Action, world.Camera], ...]:
    pairs = itertools.product(world.ACTIONS, world.CAMERAS)
    return tuple(pair for pair in pairs if _possible(*pair))


def _possible(action: world.Action, camera: world.Camera) -> bool:
    """Whether the world films an action so (``world.random_scene``)."""
    if camera == "static":
        return True
    if action in world.TRAVELS:
        return False
    return action not in world.RESIZES or camera in world.CAMERAS[1:3]


def _label(action: world.Action, camera: world.Camera) -> str:
    verb, direction = wording.action_parts(action)
    phrase = wording.ACTION_WORDS[verb][0][0]
    phrase += f" {wording.DIRECTION_WORDS[direction][0]}" if direction else ""
    return phrase if camera == "static" else f"{phrase} as the {wording.CAMERA_WORDS[camera][0]}"


def _note_words() -> tuple[str, ...]:
    words = " ".join(pipeline.WORDING).lower()
    return (*"".join(c if c.isalnum() else " " for c in words).split(), *"0123456789")
