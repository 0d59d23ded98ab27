"""A language model that sees no frame: it writes from title, description and subtitle alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from panda_hf.captioning.prompts import ASK
from panda_hf.captioning.registry.card import Decoding, TeacherCard
from panda_hf.captioning.teachers.base import ClipInput, Reply, load_whole, prompt_for
from panda_hf.captioning.teachers.generating import generate, replies
from panda_hf.captioning.teachers.local import LocalTeacher
from panda_hf.models.loading import Loading
from panda_hf.stage import Failure

ANSWER = "\nAnswer:"
"""What a model without a chat template completes."""
WORDING = (ANSWER,)
"""All that the hash of the prompt covers beside the template."""
NOTHING = Failure("CandidateError", "the clip has no title, description or subtitle that the teacher may read")


@dataclasses.dataclass(frozen=True)
class TextOnlyTeacher(LocalTeacher):
    """Any `AutoModelForCausalLM`, asked in its chat template where it has one, else to complete the prompt.

    Its processor is the tokenizer.
    """

    def prepare(self, clips: Sequence[ClipInput], processor: Any) -> tuple[list[int], Any]:
        """The places of those clips about which there is something to read, and the prompts of these as tokens."""
        prompts = {i: words for i, clip in enumerate(clips) if (words := self._prompt(clip, processor)) is not None}
        if not prompts:
            return [], None
        # A chat template writes its own first token: the tokenizer must not add another.
        plain = processor.chat_template is None
        batch = processor(list(prompts.values()), padding=True, return_tensors="pt", add_special_tokens=plain)
        return list(prompts), batch

    def write(self, clips: Sequence[ClipInput], inputs: tuple[list[int], Any], decoding: Decoding) -> list[Reply]:
        """One reply per clip; a ``Failure`` for one without words: the model could only make something up."""
        places, batch = inputs
        out: list[Reply] = [NOTHING] * len(clips)
        if places:
            told = [clips[i] for i in places]
            ids = generate(self.model, batch, self.card.name, told, decoding)
            for i, reply in zip(places, replies(self.model, self.processor, ids, decoding), strict=True):
                out[i] = reply
        return out

    def _prompt(self, clip: ClipInput, processor: Any) -> str | None:
        words = prompt_for(self.card, clip, processor)
        if words == ASK:
            return None
        if processor.chat_template is None:
            return words + ANSWER
        turn = {"role": "user", "content": words}
        return str(processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False))


def load(card: TeacherCard, device: str, loading: Loading) -> TextOnlyTeacher:
    """Build a teacher of any causal language model.

    Raises:
        CheckpointError: see :func:`~panda_hf.captioning.teachers.base.load_whole`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = load_whole(AutoModelForCausalLM, card, device, loading, AutoTokenizer)
    tokenizer.padding_side = "left"  # generation continues at the right end of every row
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return TextOnlyTeacher(card, model, tokenizer)
