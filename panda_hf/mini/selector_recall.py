"""What a selector chooses on clips that were encoded before, and how often annotators chose the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from panda_hf.models.umt import UMTForVideoTextRetrieval, UMTProcessor
from panda_hf.models.umt.modeling_umt import similarity
from panda_hf.models.umt.retrieval_umt import MATCH
from panda_hf.selection import measures
from panda_hf.selection.answers import AnsweredClip


@dataclass(frozen=True)
class Recall:
    """Recall at 1 of a model over held-aside clips: against one annotator, against any; in [0, 1].

    Attributes:
        one, any: the highest matching score chooses.
        head_one, head_any: the matching head chooses among all candidates.
    """

    one: float
    any: float
    head_one: float
    head_any: float


Choices = dict[str, tuple[int, int]]
"""By clip id, the place of the candidate that the matching score prefers, and of the matching head's."""


@torch.inference_mode()
def choices(
    model: UMTForVideoTextRetrieval,
    processor: UMTProcessor,
    tokens: Mapping[str, np.ndarray],
    clips: Sequence[AnsweredClip],
) -> Choices:
    """What a model chooses of each clip's candidates, as ``Select`` does, but for tokens of half precision.

    Args:
        model: is put into evaluation mode.
        processor: of the model.
        tokens: of the model's vision tower, (frames, patches, hidden), by clip id.
        clips: with candidates.
    """
    umt, found = model.eval().umt, {}
    for clip in clips:
        words = processor.prepare_text(clip.captions)
        mask = words["attention_mask"]
        seen, frames = umt.seen(None, torch.from_numpy(np.array(tokens[clip.clip_id])).float()[None])
        hidden = umt.encode_text(words["input_ids"], mask)
        texts = F.normalize(umt.text_proj(hidden[:, 0]).float(), dim=-1)
        scores = similarity(umt.project_video(frames), texts)[0]
        head = model.matching_logits(hidden, mask, seen.expand(len(texts), -1, -1))[:, MATCH]
        found[clip.clip_id] = (int(scores.argmax()), int(head.argmax()))
    return found


def recall(chosen: Choices, asked: Sequence[AnsweredClip]) -> Recall:
    """How choices compare with the annotators'.

    Args:
        chosen: of all clips of ``asked``, and maybe others.
        asked: with at least one answer that is a caption.
    """
    columns = zip(*(chosen[clip.clip_id] for clip in asked), strict=True)
    shares = [measures.share(of(asked, list(column))) for column in columns for of in _MEASURES]
    return Recall(*(share or 0.0 for share in shares))


_MEASURES = (measures.recall_one, measures.recall_any)
