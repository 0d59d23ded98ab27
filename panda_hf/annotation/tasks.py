"""The clips of a dataset that can be judged: each with its different captions, in the dataset's order."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from panda_hf.annotation.answers import Answer
from panda_hf.annotation.tables import Place, Tables
from panda_hf.errors import SourceError

log = logging.getLogger(__name__)

NO_MEDIA, FEW_CAPTIONS, NO_ID, TWICE = "media not found", "fewer than two captions", "no clip_id", "clip_id twice"
"""Why a clip is skipped."""
_LIGHT = ("clip_id", "video_id", "candidates", "clip_path", "clip.path", "video.path")
MEDIA = ("clip_path", "clip", "video", "start", "end")
"""The columns that say where a clip's pictures are."""


@dataclass(frozen=True)
class Task:
    """One clip to judge.

    Attributes:
        clip_id: its name.
        video_id: of the video it was cut from; ``None``: unknown.
        captions: the different texts among its candidates, at least two; equal ones are one caption.
        teachers: for each caption who wrote it.
    """

    clip_id: str
    video_id: str | None
    captions: tuple[str, ...]
    teachers: tuple[tuple[str, ...], ...]

    @property
    def digest(self) -> str:
        """Sixteen digits that change when a caption does: an answer to other captions counts no more."""
        return hashlib.sha256(json.dumps(self.captions).encode()).hexdigest()[:16]


class Tasks:
    """All clips of a split that can be judged; only where they are is kept in memory.

    Example::

        tasks = Tasks.open("panda-out")
        tasks.task(tasks.clip_ids[0]).captions
    """

    def __init__(self, tables: Tables) -> None:
        """Go over the rows once, without reading videos.

        Raises:
            SourceError: when the dataset has no clips with candidates, or none that can be judged.
        """
        self.tables = tables
        self.skipped: Counter[str] = Counter()
        self._places: dict[str, Place] = {}
        self._digests: dict[str, str] = {}
        for number, group, table, has_bytes in tables.groups(_LIGHT):
            _check_columns(tables.dataset, table.column_names)
            for i, row in enumerate(table.to_pylist()):
                self._add(row, (number, group, i), has_bytes)
        if not self._places:
            raise SourceError(
                f"{tables.dataset} holds no clip that can be judged: {self.told_skipped() or 'it is empty'}. "
                f"`panda-hf curate --export-clips` gives clips with media; two or more teachers give a choice."
            )

    @classmethod
    def open(cls, dataset: str, config: str | None = None, split: str = "train") -> Tasks:
        """The clips of a dataset folder or Hub dataset; see :meth:`Tables.find`."""
        return cls(Tables.find(dataset, config, split))

    @property
    def clip_ids(self) -> list[str]:
        """All clips, in the dataset's order."""
        return list(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._places

    def task(self, clip_id: str) -> Task:
        """One clip.

        Raises:
            KeyError: when there is no such clip.
        """
        task = _task(self.tables.row(self._places[clip_id], ("clip_id", "video_id", "candidates")))
        assert task is not None, "what was counted as a task stays one"
        return task

    def is_answered_by(self, answer: Answer) -> bool:
        """Whether an answer is to a clip that is here, with the captions that it has here."""
        return answer.clip_id in self and self._digests.get(answer.clip_id) == answer.candidates

    def media(self, clip_id: str) -> dict[str, Any]:
        """The columns ``MEDIA`` of one clip, ``None`` where there is none. Bytes are read here, and only here."""
        return {**dict.fromkeys(MEDIA), **self.tables.row(self._places[clip_id], MEDIA)}

    def skip(self, clip_id: str, reason: str = NO_MEDIA) -> None:
        """Leave out a clip of which it turned out that it cannot be shown."""
        if self._places.pop(clip_id, None) is not None:
            self.skipped[reason] += 1
            log.warning("clip %r skipped: %s", clip_id, reason)

    def told_skipped(self) -> str:
        """What was skipped, in words; empty when nothing was."""
        return ", ".join(f"{count:,} × {reason}" for reason, count in sorted(self.skipped.items()))

    def _add(self, row: Mapping[str, Any], place: Place, has_bytes: bool) -> None:
        task = _task(row)
        reason = self._reason_against(row, task, has_bytes)
        if reason is None and task is not None:
            self._places[task.clip_id], self._digests[task.clip_id] = place, task.digest
        else:
            self.skipped[reason or FEW_CAPTIONS] += 1

    def _reason_against(self, row: Mapping[str, Any], task: Task | None, has_bytes: bool) -> str | None:
        if not row["clip_id"]:
            return NO_ID
        if row["clip_id"] in self._places:
            return TWICE
        if task is None:
            return FEW_CAPTIONS
        named = (row.get("clip_path"), (row.get("clip") or {}).get("path"), (row.get("video") or {}).get("path"))
        found = has_bytes or any(name and self.tables.located(name) for name in named)
        return None if found else NO_MEDIA


def captions_of(candidates: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The different captions among candidates, in their order, and who wrote each; blank ones are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for candidate in candidates:
        text = " ".join((candidate.get("caption") or "").split())
        if text:
            found[text] = (*found.get(text, ()), str(candidate.get("teacher") or ""))
    return found


def _task(row: Mapping[str, Any]) -> Task | None:
    found = captions_of(row["candidates"] or ())
    if len(found) < 2:
        return None
    return Task(row["clip_id"], row.get("video_id"), tuple(found), tuple(found.values()))


def _check_columns(dataset: str, columns: list[str]) -> None:
    missing = sorted({"clip_id", "candidates"} - set(columns))
    if missing:
        raise SourceError(
            f"{dataset} lacks the column(s) {missing}; it has {sorted(columns)} of those that are looked for. "
            f"Give a dataset of clips with candidates, as `panda-hf curate` makes."
        )
