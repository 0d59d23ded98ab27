"""A selector's scores for annotated clips, and its choices."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from panda_hf.selection.answers import AnsweredClip
from panda_hf.selection.choose import Decision, Scored, decide
from panda_hf.selection.clip_frames import ClipFrames
from panda_hf.selection.scorer import Scorer
from panda_hf.selection.select import score_candidates, score_with_head


def scored_clips(
    scorer: Scorer, clips: Sequence[AnsweredClip], frames: ClipFrames, *, head: bool = False, top: int | None = None
) -> list[Scored]:
    """Scores of all candidates, clip by clip; each clip is encoded once.

    Args:
        scorer: with a matching head where ``head`` is asked for.
        clips: whose candidates.
        frames: of the clips; ``SourceError`` when one has none.
        head: also ask the matching head.
        top: of the ``top`` highest matching scores; ``None``: of all.
    """
    frames.require(clip.clip_id for clip in clips)
    found = []
    for clip in tqdm(clips, "clips", unit="clip", disable=None):
        seen = frames(clip.clip_id, scorer.processor.num_frames)
        if head:
            found.append(score_with_head(scorer, seen, clip.captions, top))
        else:
            found.append(Scored(score_candidates(scorer, seen, clip.captions), [None] * len(clip.captions)))
    return found


def decisions(scored: Sequence[Scored]) -> list[Decision]:
    """The choice for each clip; annotated clips have a candidate at least, so there always is one."""
    return [found for one in scored if (found := decide(one)) is not None]
