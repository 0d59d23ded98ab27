"""VideoChat Text as a pipeline: models look at the frames and at the motion, a language model writes the sentence.

The original's parts (VideoChat, arXiv 2305.06355, section 3.1) are not in transformers; the roles are filled by
Florence-2 (a caption and tags per frame, regions of the middle one), or any captioner of images (a caption per frame),
a video classifier (the action) and any causal language model.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from panda_hf.captioning.prompts import cut_tokens, neutral
from panda_hf.captioning.registry.card import Decoding, TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, Reply, load_whole, pick_frames, prompt_for
from panda_hf.captioning.teachers.chat import one_turn
from panda_hf.captioning.teachers.generating import decode, generate, pad_for_generation, replies
from panda_hf.errors import CheckpointError
from panda_hf.models.loading import Loading

FRAMES = 8
"""Frames that are looked at where the card does not say."""
CAPTION, TAGS, REGIONS = "<CAPTION>", "<OD>", "<DENSE_REGION_CAPTION>"
SIGHT = Decoding(max_new_tokens=50, num_beams=3)
"""Of the model that looks at frames, as Tag2Text in the original (beams 3, length 50)."""
MAX_TAGS, MAX_REGIONS, SEEN_TOKENS = 12, 6, 300
"""How much of what was seen the writer is told."""
ACTION_CHANCE = 0.3
"""A less likely action is not told."""

_PLACE = re.compile(r"(?:\s*<loc_\d+>)+")
_MARK = re.compile(r"</?\w+>")

LOOK = "Notes on a video, made frame by frame."
FRAME = "Frame {number}: {caption}"
THINGS = "Things in it: {tags}"
PLACES = "In the middle frame: {regions}"
ACTION = "Likely action: {action}"
WORDING = (
    LOOK,
    FRAME,
    THINGS,
    PLACES,
    ACTION,
    CAPTION,
    TAGS,
    REGIONS,
    str((MAX_TAGS, MAX_REGIONS, SEEN_TOKENS)),
    str(SIGHT),
)
"""Own wording, as in :mod:`panda_hf.captioning.prompts`, whose last line is the same."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What was seen in one clip."""

    captions: tuple[str, ...]  # one per frame
    tags: tuple[str, ...]  # of all frames, the most frequent first
    regions: tuple[str, ...]  # of the middle frame
    action: str | None  # None: no likely one


@dataclasses.dataclass(frozen=True)
class VideoChatTextTeacher:
    """Three models and their processors; ``processor`` is the writer's tokenizer."""

    card: TeacherCard
    model: Any
    processor: Any
    sight: tuple[Any, Any]
    motion: tuple[Any, Any] | None  # None: the card names no classifier

    def caption(self, clips: Sequence[ClipInput], decoding: Decoding) -> list[Reply]:
        """Caption each clip; see :class:`~panda_hf.captioning.teachers.base.Teacher`."""
        prompts = [self.prompt(clip, self.see(clip)) for clip in clips]
        turns = [in_template(self.processor, prompt) for prompt in prompts]
        inputs = self.processor(turns, padding=True, add_special_tokens=False, return_tensors="pt")
        ids = generate(self.model, inputs, self.card.name, clips, decoding, tokenizer=self.processor)
        return replies(self.model, self.processor, ids, decoding)

    def see(self, clip: ClipInput) -> Seen:
        """Look at the frames of a clip, all of them in one batch, and at its motion."""
        frames = pick_frames(clip, self.card.num_frames or FRAMES)
        captions = tuple(neutral(text) for text in self._look(clip, frames, CAPTION))
        tags, regions = self._things(clip, frames) if has_tasks(self.sight[0]) else ((), ())
        return Seen(captions, tags, regions, self._action(clip))

    def _things(self, clip: ClipInput, frames: np.ndarray) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Tags of all frames and regions of the middle one."""
        # Not a set: its order, and with it that of equally frequent tags, differs from process to process.
        tags = Counter(neutral(tag) for labels in self._look(clip, frames, TAGS) for tag in dict.fromkeys(labels))
        (regions,) = self._look(clip, frames[len(frames) // 2 :][:1], REGIONS)
        return (
            tuple(_said(tag for tag, _ in tags.most_common(MAX_TAGS))),
            tuple(_said(neutral(region) for region in regions[:MAX_REGIONS])),
        )

    def prompt(self, clip: ClipInput, seen: Seen) -> str:
        """Notes of what was seen, then the four-part prompt: spoken, described, the request."""
        lines = [FRAME.format(number=i + 1, caption=text) for i, text in _changes(seen.captions)]
        lines += [THINGS.format(tags=", ".join(seen.tags))] if seen.tags else []
        lines += [PLACES.format(regions="; ".join(seen.regions))] if seen.regions else []
        lines += [ACTION.format(action=seen.action)] if seen.action else []
        notes = cut_tokens(self.processor, "\n".join(lines), SEEN_TOKENS)
        asked = prompt_for(self.card, clip, self.processor)
        return "\n".join([LOOK, notes, asked])

    def _look(self, clip: ClipInput, frames: np.ndarray, task: str) -> list[Any]:
        """What the frames' model says to a task: a string per frame, or a list of labels per frame."""
        model, processor = self.sight
        asked = task if has_tasks(model) else ""
        inputs = processor(images=list(frames), text=[asked] * len(frames), return_tensors="pt")
        ids = generate(model, inputs, self.card.name, [clip] * len(frames), SIGHT)
        if task == CAPTION:
            return decode(processor, ids)
        return [labels_of(text) for text in processor.batch_decode(ids, skip_special_tokens=False)]

    def _action(self, clip: ClipInput) -> str | None:
        if self.motion is None:
            return None
        model, processor = self.motion
        return likely_action(model, processor, pick_frames(clip, model.config.num_frames))


def likely_action(model: Any, processor: Any, frames: np.ndarray) -> str | None:
    """What a video classifier calls the frames; ``None`` where it is not sure enough (``ACTION_CHANCE``)."""
    import torch

    pixels = processor(list(frames), return_tensors="pt").to(model.device, model.dtype)
    with torch.inference_mode():
        chances = model(**pixels).logits[0].float().softmax(dim=-1)
    best = int(chances.argmax())
    return neutral(str(model.config.id2label[best])) if chances[best] >= ACTION_CHANCE else None


def has_tasks(model: Any) -> bool:
    """Whether the model of the frames knows Florence-2's tasks; any other only writes captions."""
    return str(model.config.model_type) == "florence2"


def labels_of(text: str) -> list[str]:
    """The labels in an answer of Florence-2 to a task with regions, without their places.

    Example:
        >>> labels_of("</s><s>a car<loc_3><loc_9><loc_90><loc_99>a dog<loc_1><loc_2><loc_3><loc_4></s>")
        ['a car', 'a dog']
    """
    pieces = [_MARK.sub("", piece).strip() for piece in _PLACE.split(text)]
    return [piece for piece in pieces if piece]


def in_template(tokenizer: Any, prompt: str) -> str:
    """One user turn by the tokenizer's chat template; the prompt as it is where there is none."""
    if not tokenizer.chat_template:
        return f"{tokenizer.bos_token or ''}{prompt}\n"
    return one_turn(tokenizer, prompt)


def _changes(captions: Sequence[str]) -> Iterable[tuple[int, str]]:
    """The captions that say something else than the frame before did, with their frame's number from 0."""
    return [(i, text) for i, text in enumerate(captions) if text and (i == 0 or text != captions[i - 1])]


def _said(words: Iterable[str]) -> list[str]:
    return [word for word in words if word]


def load(card: TeacherCard, device: str, loading: Loading) -> VideoChatTextTeacher:
    """Build the pipeline of a card: ``parts`` names the models for ``frames`` and ``action``.

    Raises:
        CheckpointError: when the card names no model for the frames, or one cannot be loaded whole.
    """
    from transformers import (
        AutoImageProcessor,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
        AutoModelForVideoClassification,
        AutoTokenizer,
    )

    def part(role: str, model_class: Any, processor_class: Any = None) -> tuple[Any, Any]:
        where = dataclasses.replace(card, checkpoint=card.part(role), revision=None)
        return load_whole(model_class, where, device, loading, processor_class)

    if not card.part("frames"):
        raise CheckpointError(f"teacher {card.name!r}: its parts {card.parts} name no checkpoint for 'frames'")
    writer, tokenizer = load_whole(AutoModelForCausalLM, card, device, loading, AutoTokenizer)
    pad_for_generation(writer, tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    sight = part("frames", AutoModelForImageTextToText)
    motion = part("action", AutoModelForVideoClassification, AutoImageProcessor) if card.part("action") else None
    return VideoChatTextTeacher(card, writer, tokenizer, sight, motion)
