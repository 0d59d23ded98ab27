"""The frames of clips by their ids, from a dataset's frame packs or videos, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from datasets import Dataset

from panda_hf.errors import SourceError
from panda_hf.video.clip import clip_frames

SOURCES = ("frames", "clip", "video")
"""Columns that show a clip: a frame pack, a file of its own, or ``start`` to ``end`` of a long video, or all of it."""


class ClipFrames:
    """Frames of clips.

    Args:
        datasets: with ``clip_id`` and one of ``frames``, ``clip``, ``video``; the first that has a clip counts.
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self._rows: list[Dataset] = []
        self._places: dict[str, tuple[int, int]] = {}
        for rows in datasets:
            shown = [column for column in SOURCES if column in rows.column_names]
            if not shown or "clip_id" not in rows.column_names:
                continue
            for i, clip_id in enumerate(rows["clip_id"]):
                self._places.setdefault(clip_id, (len(self._rows), i))
            more = [column for column in ("start", "end") if column in rows.column_names]
            self._rows.append(rows.select_columns([*shown, *more]))

    def require(self, clip_ids: Iterable[str]) -> None:
        """Raise ``SourceError`` when a clip has no frames here, before any work."""
        asked = list(clip_ids)
        missing = [clip_id for clip_id in asked if clip_id not in self._places]
        if missing:
            raise SourceError(
                f"{len(missing):,} of {len(asked):,} clips have no pictures, such as {missing[0]!r}; the answers, or "
                f"the dataset given by --clips, need the columns clip_id and one of {', '.join(SOURCES)}"
            )

    def __call__(self, clip_id: str, count: int, drawn: Callable[[int], np.ndarray] | None = None) -> np.ndarray:
        """Frames uint8 (n, height, width, 3) of a clip, in order.

        Args:
            clip_id: which.
            count: of equal stretches of the clip; a frame is taken from each. A frame pack that holds no more is
                returned as it is.
            drawn: gives numbers in [0, 1), where in its stretch each frame lies; ``None``: in its middle.

        Raises:
            VideoError: when the video cannot be read.
        """
        number, i = self._places[clip_id]
        row = self._rows[number][i]
        inside = np.full(count, 0.5) if drawn is None else np.asarray(drawn(count))
        shares = (np.arange(count) + inside) / count
        return clip_frames(row, shares.tolist())
