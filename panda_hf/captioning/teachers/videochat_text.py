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
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.errors import CheckpointError
from panda_hf.models.loading import Loading

FRAMES = 8
"""Frames that are looked at where the card does not say."""
CAPTION, TAGS, REGIONS = "<CAPTION>", "<OD>", "<DENSE_REGION_CAPTION>"
SIGHT = Decoding(max_new_tokens=50, num_beams=3)
"""Of the model that looks at frames, as Tag2Text in the original (beams 3, length 50)."""
MAX_TAGS, MAX_REGIONS, SEEN_TOKENS = 12, 6, 300
"""How much of what was seen the writer is told."""
FRAMES_AT_ONCE = 32
"""Frames that are looked at in one batch, of one clip or of several."""
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


@dataclasses.dataclass(frozen=True, eq=False)
class Processors:
    """What prepares the inputs of the three models."""

    tokenizer: Any  # of the writer
    frames: Any = None
    action: Any = None  # None: there is no classifier


@dataclasses.dataclass(frozen=True)
class Looks:
    """Clips as the models that look at them take them."""

    frames: dict[str, Any]  # pixels; the frames of the first clip, then those of the second
    asked: dict[str, dict[str, Any]]  # by task: the words, the same for each frame
    action: dict[str, Any] | None  # pixels of each clip; None: there is no classifier


@dataclasses.dataclass(frozen=True)
class VideoChatTextTeacher(LocalTeacher):
    """Three models and their processors; ``model`` is the writer."""

    processor: Processors
    sight: Any = None
    motion: Any = None  # None: the card names no classifier

    @property
    def count(self) -> int:
        """Frames of a clip that are looked at."""
        return self.card.num_frames or FRAMES

    def prepare(self, clips: Sequence[ClipInput], processor: Processors) -> Looks:
        """The frames of all clips, and the words of each task."""
        frames = [frame for clip in clips for frame in pick_frames(clip, self.count)]
        known = has_tasks(self.sight)
        pixels, words = _inputs(processor.frames, frames, CAPTION if known else "")
        more = {task: _inputs(processor.frames, frames[:1], task)[1] for task in (TAGS, REGIONS) if known}
        return Looks(pixels, {CAPTION: words, **more}, self._motion_inputs(clips, processor))

    def _motion_inputs(self, clips: Sequence[ClipInput], processor: Processors) -> dict[str, Any] | None:
        if self.motion is None:
            return None
        import torch

        shown = [pick_frames(clip, self.motion.config.num_frames) for clip in clips]
        each = [processor.action(list(frames), return_tensors="pt") for frames in shown]
        return {name: torch.cat([one[name] for one in each]) for name in each[0]}

    def write(self, clips: Sequence[ClipInput], inputs: Looks, decoding: Decoding) -> list[Reply]:
        """One reply per clip, from what the other models saw in it."""
        prompts = [self.prompt(clip, seen) for clip, seen in zip(clips, self.see(clips, inputs), strict=True)]
        tokenizer = self.processor.tokenizer
        turns = [in_template(tokenizer, prompt) for prompt in prompts]
        words = tokenizer(turns, padding=True, add_special_tokens=False, return_tensors="pt")
        ids = generate(self.model, words, self.card.name, clips, decoding, tokenizer=tokenizer)
        return replies(self.model, tokenizer, ids, decoding)

    def see(self, clips: Sequence[ClipInput], looks: Looks) -> list[Seen]:
        """Look at the frames of the clips, many in one batch, and at their motion."""
        captions = [tuple(map(neutral, said)) for said in self._by_clip(self._look(CAPTION, clips, looks))]
        things = self._things(clips, looks) if has_tasks(self.sight) else [((), ())] * len(clips)
        actions = likely_actions(self.motion, looks.action) if looks.action else [None] * len(clips)
        return [Seen(said, *found, action) for said, found, action in zip(captions, things, actions, strict=True)]

    def _things(self, clips: Sequence[ClipInput], looks: Looks) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Of each clip tags of all frames and regions of the middle one."""
        found = []
        labels = self._by_clip(self._look(TAGS, clips, looks))
        for of_frames, regions in zip(labels, self._look(REGIONS, clips, looks), strict=True):
            # Not a set: its order, and with it that of equally frequent tags, differs from process to process.
            tags = Counter(neutral(tag) for of_frame in of_frames for tag in dict.fromkeys(of_frame))
            found.append(
                (
                    tuple(_said(tag for tag, _ in tags.most_common(MAX_TAGS))),
                    tuple(_said(neutral(region) for region in regions[:MAX_REGIONS])),
                )
            )
        return found

    def _by_clip(self, of_frames: Sequence[Any]) -> list[Sequence[Any]]:
        return [of_frames[start : start + self.count] for start in range(0, len(of_frames), self.count)]

    def prompt(self, clip: ClipInput, seen: Seen) -> str:
        """Notes of what was seen, then the four-part prompt: spoken, described, the request."""
        lines = [FRAME.format(number=i + 1, caption=text) for i, text in _changes(seen.captions)]
        lines += [THINGS.format(tags=", ".join(seen.tags))] if seen.tags else []
        lines += [PLACES.format(regions="; ".join(seen.regions))] if seen.regions else []
        lines += [ACTION.format(action=seen.action)] if seen.action else []
        notes = cut_tokens(self.processor.tokenizer, "\n".join(lines), SEEN_TOKENS)
        asked = prompt_for(self.card, clip, self.processor.tokenizer)
        return "\n".join([LOOK, notes, asked])

    def _look(self, task: str, clips: Sequence[ClipInput], looks: Looks) -> list[Any]:
        """What the frames' model says to a task: a string per frame, or a list of labels.

        It is asked for regions in the middle frame of each clip alone, for all else in every frame.
        """
        each, those = (1, slice(self.count // 2, None, self.count)) if task == REGIONS else (self.count, slice(None))
        shown = [clip for clip in clips for _ in range(each)]
        found: list[Any] = []
        for start in range(0, len(shown), FRAMES_AT_ONCE):
            rows = slice(start, start + FRAMES_AT_ONCE)
            inputs = {name: values[those][rows] for name, values in looks.frames.items()}
            inputs |= {name: words.repeat(len(shown[rows]), 1) for name, words in looks.asked[task].items()}
            ids = generate(self.sight, inputs, self.card.name, shown[rows], SIGHT)
            found += self._answers(task, ids)
        return found

    def _answers(self, task: str, ids: Any) -> list[Any]:
        if task == CAPTION:
            return decode(self.processor.frames, ids)
        return [labels_of(text) for text in self.processor.frames.batch_decode(ids, skip_special_tokens=False)]


def likely_actions(model: Any, inputs: Any) -> list[str | None]:
    """What a video classifier calls each clip; ``None`` where it is not sure enough (``ACTION_CHANCE``).

    Args:
        model: the classifier.
        inputs: pixels of a batch of clips, as its processor makes them.
    """
    import torch
    from transformers import BatchFeature

    pixels = BatchFeature(dict(inputs)).to(model.device, model.dtype)
    with torch.inference_mode():
        chances = model(**pixels).logits.float().softmax(dim=-1)
    best = zip(*(values.tolist() for values in chances.max(dim=-1)), strict=True)
    return [neutral(str(model.config.id2label[which])) if chance >= ACTION_CHANCE else None for chance, which in best]


def _inputs(processor: Any, frames: list[np.ndarray], asked: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Frames as pixels, and the words that each of them is asked."""
    made = processor(images=frames, text=[asked] * len(frames), return_tensors="pt")
    words = {name: made[name][:1] for name in processor.tokenizer.model_input_names if name in made}
    return {name: values for name, values in made.items() if name not in words}, words


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
    sight, frames = part("frames", AutoModelForImageTextToText)
    motion, action = (None, None)
    if card.part("action"):
        motion, action = part("action", AutoModelForVideoClassification, AutoImageProcessor)
    return VideoChatTextTeacher(card, writer, Processors(tokenizer, frames, action), sight, motion)
