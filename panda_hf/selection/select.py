"""The Select stage: a retrieval model scores each teacher's caption against the clip; the best becomes the caption."""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from datasets import Features, Value

from panda_hf import schema
from panda_hf.errors import MissingColumnError
from panda_hf.models.checkpoints import MINI_PREFIX
from panda_hf.selection.choose import Scored, decide
from panda_hf.selection.sanity import sanity_set
from panda_hf.stage import Batch, Resources, Row, Stage, run_rows
from panda_hf.video import unpack_frames

if TYPE_CHECKING:
    from transformers import BatchFeature

    from panda_hf.selection.scorer import Scorer

Item = TypeVar("Item")
Result = TypeVar("Result")

TOO_LOW = "all captions bad"
"""What the reasons of rows that were set aside for their score begin with."""


@dataclass(frozen=True, kw_only=True)
class Select(Stage):
    """Append ``caption``, ``caption_teacher``, ``matching_score`` and all ``candidates`` with their scores.

    The matching score is the mean over frames of the cosine between frame and caption, undivided by the temperature,
    as in the released dataset. It decides, unless ``rerank`` lets the matching head decide; ``matching_margin`` says
    by how much, ``head_agrees`` whether both would have taken the same candidate. A candidate that is ``None`` or
    blank stays among the candidates with the score ``None``; a clip without any caption becomes an error row that says
    why each teacher has none.

    Example::

        apply(clips, Select(teachers=("mini_image", "mini_video")))
        apply(clips, Select(teachers=TEACHERS, selector="my/umt", rerank="all", min_score=0.43))
    """

    teachers: tuple[str, ...]
    """Whose captions to choose among: teacher ``x`` wrote the column ``caption_x``. On equal scores the first wins."""

    selector: str = "mini/selector"
    """Checkpoint of a :class:`~panda_hf.models.umt.UMTModel`, or with ``rerank`` of a
    :class:`~panda_hf.models.umt.UMTForVideoTextRetrieval`: ``mini/...``, a folder, or a Hub id."""

    revision: str | None = None
    """Branch, tag or commit of a Hub checkpoint."""

    num_frames: int | None = None
    """Frames the selector looks at; ``None``: as many as its processor was saved with."""

    rerank: int | Literal["all"] | None = None
    """Let the matching head decide among all candidates, or among so many of the highest matching scores; ``None``:
    the matching score decides."""

    min_score: float | None = None
    """Below it the best candidate is bad too: the row gets a reason in ``filtered``. On the scale of the score that
    decides: cosine, or the head's logit. ``panda-hf selector calibrate`` finds it; ``None``: nothing is set aside."""

    sanity: Literal["check", "skip"] = "check"
    """Whether a selector at chance on the sanity set of its preset is refused; only the shipped ones have one."""

    version: int = 2

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        object.__setattr__(self, "teachers", tuple(self.teachers))
        if not self.teachers or len(set(self.teachers)) != len(self.teachers):
            raise ValueError(f"teachers must be different names, at least one, got {self.teachers}")
        if self.num_frames is not None and self.num_frames < 1:
            raise ValueError(f"num_frames must be at least 1, got {self.num_frames}")
        number = isinstance(self.rerank, int) and not isinstance(self.rerank, bool) and self.rerank >= 1
        if not (self.rerank in (None, "all") or number):
            raise ValueError(f"rerank must be 'all', a number of candidates, or None, got {self.rerank!r}")
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise ValueError(f"min_score must be a finite number or None, got {self.min_score}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Frame packs."""
        return ("frames",)

    @property
    def uses(self) -> tuple[str, ...]:
        """The captions; one of them may be ``None`` in a row, since a teacher may fail on a clip."""
        return (*self._columns, schema.CAPTION_ERRORS, *self._marks)

    @property
    def _columns(self) -> tuple[str, ...]:
        return tuple(schema.caption_column(teacher) for teacher in self.teachers)

    @property
    def _marks(self) -> tuple[str, ...]:
        return () if self.min_score is None else ("filtered",)

    @property
    def appends(self) -> Features:
        """The selected caption and all candidates; with ``min_score`` also why a clip is set aside."""
        return Features({**schema.SELECT_COLUMNS, **{column: Value("string") for column in self._marks}})

    @property
    def resources(self) -> Resources:
        """A GPU for each worker; the shipped selectors need none."""
        return Resources() if self.selector.startswith(MINI_PREFIX) else Resources(num_gpus=1.0)

    def check_columns(self, columns: Sequence[str]) -> None:
        """Also every teacher's column must exist: a teacher that never ran is a mistake, not an absent caption.

        Raises:
            CheckpointError: when ``rerank`` is asked of a selector without matching head.
        """
        super().check_columns(columns)
        missing = [column for column in self._columns if column not in columns]
        if missing:
            raise MissingColumnError(
                f"{self.name} chooses among the teachers {list(self.teachers)}, but the dataset lacks the column(s) "
                f"{missing}. Run Caption for these teachers first, or leave them out of `teachers`."
            )
        self._require_head()

    def _require_head(self) -> None:
        if self.rerank is not None:
            from panda_hf.selection.scorer import require_head

            require_head(self.selector, self.revision)

    def provenance(self) -> Row:
        """Whether the selector was tried on a sanity set; a run that re-ranks without a head ends here."""
        self._require_head()
        if sanity_set(self.selector) is None:
            return {"sanity_set": "none exists for this selector"}
        return {"sanity_set": "passed" if self.sanity == "check" else "skipped"}

    def undone(self, row: Row) -> Row:
        """Also what this stage, perhaps with another ``min_score``, said in ``filtered``."""
        low = (row.get("filtered") or "").startswith(TOO_LOW)
        return {**super().undone(row), **({"filtered": None} if low else {})}

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """Score and choose, one clip at a time: a clip's scores do not depend on its batch mates."""
        from panda_hf.selection.scorer import load_scorer

        head, sanity = self.rerank is not None, self.sanity == "check"
        scorer = load_scorer(self.selector, self.revision, self.num_frames, rank, head=head, sanity=sanity)
        with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:
            clips = zip(batch["frames"], *(batch[column] for column in self._columns), strict=True)
            seen = in_advance(pool, lambda clip: scorer.prepare(unpack_frames(clip[0]), _written(clip[1:])), clips)
            return run_rows(functools.partial(self._select, scorer, seen), batch, list(self.appends))

    def _select(self, scorer: Scorer, seen: Iterator[Future[BatchFeature]], row: Row) -> Row:
        captions = [row[column] for column in self._columns]
        scored = self._scored(scorer, next(seen).result(), captions)
        decision = decide(scored)
        if decision is None:
            raise ValueError(f"none of the teachers {list(self.teachers)} wrote a caption for this clip{_why(row)}")
        choice = decision.choice
        return {
            "caption": captions[choice.index],
            "caption_teacher": self.teachers[choice.index],
            "matching_score": scored.similarity[choice.index],
            "matching_margin": None if choice.margin is None else float(np.float32(choice.margin)),  # as it is stored
            "head_agrees": decision.head_agrees,
            "candidates": [
                {"teacher": teacher, "caption": caption, "score": score, "head_score": head}
                for teacher, caption, score, head in zip(
                    self.teachers, captions, scored.similarity, scored.head, strict=True
                )
            ],
            **({} if self.min_score is None else {"filtered": row["filtered"] or self._too_low(choice.score)}),
        }

    def _scored(self, scorer: Scorer, frames: BatchFeature, captions: Sequence[str | None]) -> Scored:
        if self.rerank is None:
            return Scored(score_candidates(scorer, frames, captions), [None] * len(captions))
        return score_with_head(scorer, frames, captions, None if self.rerank == "all" else int(self.rerank))

    def _too_low(self, score: float) -> str | None:
        if self.min_score is None or score >= self.min_score:
            return None
        kind = "matching score" if self.rerank is None else "head score"
        return f"{TOO_LOW}: the best {kind} is below {self.min_score:g}"


def _why(row: Row) -> str:
    reasons = [f"{note['teacher']}: {note['message']}" for note in row[schema.CAPTION_ERRORS] or ()]
    return f" ({'; '.join(reasons)})" if reasons else ""


def in_advance(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 2
) -> Iterator[Future[Result]]:
    """The results of ``function`` in order, up to ``ahead`` of them worked out before they are asked for."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting


def score_candidates(
    scorer: Any, frames: np.ndarray | BatchFeature, captions: Sequence[str | None]
) -> list[float | None]:
    """Matching scores of one clip's candidates; ``None`` for those that are ``None`` or blank.

    Args:
        scorer: called with the frames and the captions to score, returns one float for each.
        frames: uint8 (n, height, width, 3), or what the scorer prepared of them and of the captions that are not
            blank.
        captions: the candidates.
    """
    present = _present(captions)
    found = scorer(frames, _written(captions)) if present else []
    return _placed(present, found, len(captions))


def score_with_head(
    scorer: Any, frames: np.ndarray | BatchFeature, captions: Sequence[str | None], top: int | None = None
) -> Scored:
    """Matching scores and head scores of one clip's candidates; ``None`` as in :func:`score_candidates`.

    Args:
        scorer: a ``Scorer`` with a head.
        frames: uint8 (n, height, width, 3), or what the scorer prepared of them and of the captions that are not
            blank.
        captions: the candidates.
        top: the head looks at so many of the highest matching scores; ``None``: at all.
    """
    present = _present(captions)
    if not present:
        return Scored([None] * len(captions), [None] * len(captions))
    scores, head = scorer.with_head(frames, _written(captions), top)
    return Scored(_placed(present, scores, len(captions)), _placed(present, head, len(captions)))


def _written(captions: Sequence[str | None]) -> list[str]:
    """The captions that are not blank."""
    return [caption for caption in captions if caption is not None and caption.strip()]


def _present(captions: Sequence[str | None]) -> list[int]:
    """The places of the captions that are not blank."""
    return [i for i, caption in enumerate(captions) if caption is not None and caption.strip()]


def _placed(places: list[int], values: Sequence[float | None], count: int) -> list[float | None]:
    found: list[float | None] = [None] * count
    for i, value in zip(places, values, strict=True):
        found[i] = value
    return found
