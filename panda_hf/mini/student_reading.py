"""What the miniature's student reads before it captions anything: it says again what it was told.

The Llama that it starts from tells that something has a name, and guesses which: its words for names have become
nearly one and the same. So text branch and Llama first repeat single sentences out of titles, descriptions and
subtitles. They look at no clip while they do so, and nothing tells them the truth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import EvalPrediction, Trainer

from panda_hf.errors import PandaError
from panda_hf.mini.selector_teachers import Judged
from panda_hf.mini.speech import text_words
from panda_hf.mini.student_data import names_in
from panda_hf.mini.train_selector import Recipe, arguments
from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor
from panda_hf.models.student.modeling_student import IGNORED, caption_loss

REPEAT = Recipe(steps=300, batch=64, learning_rate=3e-3)
NAMED = 0.6
"""Share of the sentences that are taken from those that tell a name: rare as they are, names are learned last."""
ASKED_WITH, DRAWN_ANEW = 100, 64
"""Clips whose video tokens ask, and sentences to measure with."""


class Reading(NamedTuple):
    """What is known of a clip, and what is to be written."""

    subtitle: str | None
    title: str | None
    description: str | None
    answer: str


class Sentences(Dataset[Reading]):
    """Single sentences, to be repeated; the ``index``-th is always the same.

    Args:
        clips: out of whose titles, descriptions and subtitles they are taken.
        count, seed: how many, and which.

    Raises:
        PandaError: when nothing is said around any clip.
    """

    def __init__(self, clips: Sequence[Judged], count: int, seed: int) -> None:
        self.all = [
            (place, sentence.strip())
            for clip in clips
            for place, text in enumerate((clip.subtitle, clip.title, clip.description))
            for sentence in re.findall(r"[^.!?]+[.!?]?", text or "")
            if text_words(sentence)
        ]
        if not self.all:
            raise PandaError(f"none of {len(clips)} clips has a title, description or subtitle to learn reading from")
        self.naming = [one for one in self.all if names_in(one[1])]
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Reading:
        rng = np.random.default_rng([self.seed, index])
        pile = self.naming if self.naming and rng.random() < NAMED else self.all
        where, sentence = pile[int(rng.integers(len(pile)))]
        subtitle, title, description = (sentence if where == place else None for place in range(3))
        return Reading(subtitle, title, description, sentence)


class Reader(nn.Module):
    """A student that reads and writes without looking: after its start token come the text's tokens, then the answer.

    Args:
        student: whose text branch and language model learn.
        seen: video tokens (videos, tokens, width) of some clips, for the text branch to ask with; any will do.
    """

    def __init__(self, student: PandaStudentForConditionalGeneration, seen: Tensor) -> None:
        super().__init__()
        self.student, self.seen = student, seen

    def forward(
        self, prompt_ids: Tensor, prompt_mask: Tensor, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """The loss, and the likeliest words; arguments as of the student."""
        asking = self.seen[torch.randint(len(self.seen), (len(input_ids),))].to(input_ids.device)
        text, _ = self.student.get_text_features(asking, prompt_ids, prompt_mask)
        embed = self.student.get_input_embeddings()
        start = embed(torch.full_like(input_ids[:, :1], self.student.config.start_token_id))
        read = torch.cat([start, text.to(start.dtype), embed(input_ids)], dim=1)
        mask = torch.cat([attention_mask.new_ones(read.shape[0], 1 + text.shape[1]), attention_mask], dim=1)
        scores = self.student.language_model(inputs_embeds=read, attention_mask=mask, use_cache=False).logits
        scores = scores[:, text.shape[1] : -1]
        return {"loss": caption_loss(scores, labels), "logits": scores.argmax(dim=-1)}


def learn_to_read(
    student: PandaStudentForConditionalGeneration,
    processor: PandaStudentProcessor,
    clips: Sequence[Judged],
    work: Path,
    *,
    seed: int = 0,
    scale: float = 1.0,
) -> dict[str, float]:
    """The lesson, in place; what sees stays as it is.

    Args:
        student: whose video branch is ready.
        processor: of the student.
        clips: with the words around them.
        work: where ``Trainer`` may write; no state is kept.
        seed: of sentences and order.
        scale: multiplies steps; small for a trial.

    Returns:
        ``right``, the share of words, ends included, that it repeats rightly of sentences drawn anew, and ``loss``.
    """
    some = torch.stack([processor.prepare_video(clip.frames) for clip in clips[:ASKED_WITH]])
    with torch.no_grad():
        reader = Reader(student, student.get_video_features(some))
    student.freeze(("vision", "qformer", "video"))
    settings = arguments(work, REPEAT, scale, seed)
    settings.save_strategy, settings.eval_strategy, settings.remove_unused_columns = "no", "no", False
    trainer = Trainer(
        model=reader,
        args=settings,
        train_dataset=Sentences(clips, settings.max_steps * REPEAT.batch, seed),
        eval_dataset=Sentences(clips, DRAWN_ANEW, seed + 1_000_000),
        data_collator=lambda readings: collated(processor, readings),
        compute_metrics=words_right,
    )
    trainer.train()
    found = trainer.evaluate()
    return {name: float(found[f"eval_{name}"]) for name in ("right", "loss")}


def collated(processor: PandaStudentProcessor, readings: Sequence[Reading]) -> dict[str, Tensor]:
    """What :class:`Reader` takes."""
    return dict(
        processor(
            subtitles=[one.subtitle for one in readings],
            metadata=[(one.title, one.description) for one in readings],
            captions=[one.answer for one in readings],
        )
    )


def words_right(prediction: EvalPrediction) -> dict[str, float]:
    """The share of the words, ends included, that were the likeliest."""
    guesses, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    asked = labels != IGNORED
    return {"right": float((guesses == labels)[asked].mean())}
