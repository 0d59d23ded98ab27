"""The Select stage: a retrieval model scores each teacher's caption against the clip; the best becomes the caption."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Features

from panda_hf import schema
from panda_hf.errors import MissingColumnError
from panda_hf.selection.choose import choose
from panda_hf.stage import Batch, Row, Stage, run_rows
from panda_hf.video import unpack_frames

if TYPE_CHECKING:
    from panda_hf.selection.scorer import Scorer


@dataclass(frozen=True, kw_only=True)
class Select(Stage):
    """Append ``caption``, ``caption_teacher``, ``matching_score`` and all ``candidates`` with their scores.

    The score is the mean over frames of the cosine between frame and caption, undivided by the temperature, as in
    the released dataset. A candidate that is ``None`` or blank stays among the candidates with the score ``None``; a
    clip without any caption becomes an error row that says why each teacher has none.

    Example::

        apply(clips, Select(teachers=("mini_image", "mini_video")))
    """

    teachers: tuple[str, ...]
    """Whose captions to choose among: teacher ``x`` wrote the column ``caption_x``. On equal scores the first wins."""

    selector: str = "mini/selector"
    """Checkpoint of a :class:`~panda_hf.models.umt.UMTModel`: ``mini/...``, a folder, or a Hub id."""

    revision: str | None = None
    """Branch, tag or commit of a Hub checkpoint."""

    num_frames: int | None = None
    """Frames the selector looks at; ``None``: as many as its processor was saved with."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        object.__setattr__(self, "teachers", tuple(self.teachers))
        if not self.teachers or len(set(self.teachers)) != len(self.teachers):
            raise ValueError(f"teachers must be different names, at least one, got {self.teachers}")
        if self.num_frames is not None and self.num_frames < 1:
            raise ValueError(f"num_frames must be at least 1, got {self.num_frames}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Frame packs."""
        return ("frames",)

    @property
    def uses(self) -> tuple[str, ...]:
        """The captions; one of them may be ``None`` in a row, since a teacher may fail on a clip."""
        return (*self._columns, schema.CAPTION_ERRORS)

    @property
    def _columns(self) -> tuple[str, ...]:
        return tuple(schema.caption_column(teacher) for teacher in self.teachers)

    @property
    def appends(self) -> Features:
        """The selected caption and all candidates."""
        return schema.SELECT_COLUMNS

    def check_columns(self, columns: Sequence[str]) -> None:
        """Also every teacher's column must exist: a teacher that never ran is a mistake, not an absent caption."""
        super().check_columns(columns)
        missing = [column for column in self._columns if column not in columns]
        if missing:
            raise MissingColumnError(
                f"{self.name} chooses among the teachers {list(self.teachers)}, but the dataset lacks the column(s) "
                f"{missing}. Run Caption for these teachers first, or leave them out of `teachers`."
            )

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Score and choose, one clip at a time: a clip's scores do not depend on its batch mates."""
        from panda_hf.selection.scorer import load_scorer

        scorer = load_scorer(self.selector, self.revision, self.num_frames, rank)
        return run_rows(functools.partial(self._select, scorer), batch, list(self.appends))

    def _select(self, scorer: Scorer, row: Row) -> Row:
        captions = [row[column] for column in self._columns]
        scores = score_candidates(scorer, unpack_frames(row["frames"]), captions)
        choice = choose(scores)
        if choice is None:
            raise ValueError(f"none of the teachers {list(self.teachers)} wrote a caption for this clip{_why(row)}")
        return {
            "caption": captions[choice.index],
            "caption_teacher": self.teachers[choice.index],
            "matching_score": choice.score,
            "candidates": [
                {"teacher": teacher, "caption": caption, "score": score}
                for teacher, caption, score in zip(self.teachers, captions, scores, strict=True)
            ],
        }


def _why(row: Row) -> str:
    reasons = [f"{note['teacher']}: {note['message']}" for note in row[schema.CAPTION_ERRORS] or ()]
    return f" ({'; '.join(reasons)})" if reasons else ""


def score_candidates(scorer: Any, frames: np.ndarray, captions: Sequence[str | None]) -> list[float | None]:
    """Matching scores of one clip's candidates; ``None`` for those that are ``None`` or blank.

    Args:
        scorer: called with the frames and the captions to score, returns one float for each.
        frames: uint8 (n, height, width, 3).
        captions: the candidates.
    """
    present = [i for i, caption in enumerate(captions) if caption is not None and caption.strip()]
    scores: list[float | None] = [None] * len(captions)
    if present:
        for i, score in zip(present, scorer(frames, [captions[i] for i in present]), strict=True):
            scores[i] = score
    return scores
