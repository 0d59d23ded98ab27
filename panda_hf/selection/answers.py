"""What annotators answered: which of a clip's candidates each of them picked, read from datasets and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import datasets
from datasets import Dataset

from panda_hf import schema
from panda_hf.errors import MissingColumnError, SourceError
from panda_hf.stage import undecoded

BUILDERS = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json"}


@dataclass(frozen=True)
class AnsweredClip:
    """A clip's candidates and what each annotator said of them.

    Attributes:
        clip_id: of which clip.
        teachers, captions: the candidates, in the order of the first answer; blank ones are left out.
        picks: by annotator, positions among the candidates; an empty set where all are bad.
    """

    clip_id: str
    teachers: tuple[str, ...]
    captions: tuple[str, ...]
    picks: Mapping[str, frozenset[int]]

    @property
    def wanted(self) -> frozenset[int]:
        """What any annotator picked."""
        return frozenset().union(*self.picks.values())

    def targets(self) -> tuple[float, ...] | None:
        """The share of the annotators' choices that each candidate got, an annotator who picked several dividing one
        choice among them; ``None`` where everybody found all of them bad."""
        chosen = [picked for picked in self.picks.values() if picked]
        if not chosen:
            return None
        return tuple(
            sum((k in picked) / len(picked) for picked in chosen) / len(chosen) for k in range(len(self.captions))
        )


def load_rows(source: str | os.PathLike[str], split: str = "train") -> Dataset:
    """The rows of a ``.parquet``, ``.json`` or ``.jsonl`` file, a dataset folder, or a Hub id; videos as references.

    Raises:
        SourceError: when they cannot be loaded.
    """
    name = os.fspath(source)
    builder = BUILDERS.get(Path(name).suffix.casefold())
    try:
        if builder is not None:
            return undecoded(datasets.load_dataset(builder, data_files=name, split="train"))
        return undecoded(datasets.load_dataset(name, split=split))
    except Exception as error:  # load_dataset raises what the libraries under it raise
        raise SourceError(f"{name}: load_dataset cannot load split {split!r}: {error}") from error


def answered_clips(*answers: Dataset) -> list[AnsweredClip]:
    """Answers gathered clip by clip, in the order in which the clips first come.

    Annotators may have met the candidates in different orders; the same annotator's later answer replaces the earlier.

    Args:
        answers: rows of :data:`panda_hf.schema.ANSWER_ROW`, in one dataset or several; other columns are not read.

    Raises:
        MissingColumnError: when a column is missing.
        SourceError: for a row that makes no sense, or two rows of one clip with other candidates.
    """
    wanted = list(schema.ANSWER_ROW)
    gathered: dict[str, _Gathered] = {}
    for rows in answers:
        missing = sorted(set(wanted) - set(rows.column_names))
        if missing:
            raise MissingColumnError(f"annotated answers lack the column(s) {missing}; there are {rows.column_names}")
        for number, row in enumerate(rows.select_columns(wanted)):
            _add(gathered, row, f"answers, row {number}")
    return [one.clip(clip_id) for clip_id, one in gathered.items()]


@dataclass
class _Gathered:
    candidates: list[tuple[str, str]]
    picks: dict[str, frozenset[int]] = field(default_factory=dict)

    def clip(self, clip_id: str) -> AnsweredClip:
        teachers, captions = zip(*self.candidates, strict=True)
        return AnsweredClip(clip_id, teachers, captions, self.picks)


def _add(gathered: dict[str, _Gathered], row: Mapping[str, Any], place: str) -> None:
    clip_id, annotator, candidates, picked = (row.get(column) for column in schema.ANSWER_ROW)
    if not isinstance(clip_id, str) or not clip_id or not candidates or picked is None:
        raise SourceError(f"{place}: an answer needs a clip_id, one candidate or more, and the list `picked`")
    if any(not isinstance(k, int) or not 0 <= k < len(candidates) for k in picked):
        raise SourceError(f"{place}: picked {picked} must be positions among {len(candidates)} candidates")
    offered = [(str(one.get("teacher") or f"candidate {k}"), one.get("caption")) for k, one in enumerate(candidates)]
    chosen = {offered[k] for k in picked}
    if any(not caption or not caption.strip() for _, caption in chosen):
        raise SourceError(f"{place}: picked {picked} names a candidate without a caption")
    kept = [(teacher, caption) for teacher, caption in offered if caption and caption.strip()]
    if not kept or len(set(kept)) != len(kept):
        raise SourceError(f"{place}: candidates must be one or more, no two with the same teacher and caption")
    known = gathered.setdefault(clip_id, _Gathered(kept))
    if sorted(known.candidates) != sorted(kept):
        raise SourceError(
            f"{place}: clip {clip_id!r} has other candidates here than in an earlier row; answers to other captions "
            f"cannot be put together"
        )
    places = {one: k for k, one in enumerate(known.candidates)}
    known.picks[str(annotator or "")] = frozenset(places[one] for one in chosen)


class HasClip(Protocol):
    """Anything about a clip."""

    @property
    def clip_id(self) -> str:
        """``<video_id>.<index>``."""


Clip = TypeVar("Clip", bound=HasClip)


def held_out(clips: Sequence[Clip], share: float) -> tuple[list[Clip], list[Clip]]:
    """Clips to learn from and clips to measure with; all clips of a video (``<video_id>.<index>``) go to one side.

    Which side is decided by a hash of the video's id, so that more answers never move a clip.

    Raises:
        SourceError: when one side is empty.
    """
    sides: tuple[list[Clip], list[Clip]] = ([], [])
    for clip in clips:
        sides[_place(clip.clip_id) < share].append(clip)
    if not all(sides):
        raise SourceError(
            f"{len(clips)} clips, of which a share of {share} is held out by their videos, leave {len(sides[0])} to "
            f"learn from and {len(sides[1])} to measure with; annotate clips of more videos, or change the share"
        )
    return sides


def _place(clip_id: str) -> float:
    return place_of(clip_id.rpartition(".")[0] or clip_id)


def place_of(video_id: str) -> float:
    """Where a video lies in [0, 1), by a hash of its id: it is held out where that is less than the share."""
    return int.from_bytes(hashlib.sha256(video_id.encode()).digest()[:8]) / 2**64
