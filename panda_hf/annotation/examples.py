"""`AnnotatedClips`: exported answers as the examples that a selector is fine-tuned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch.utils.data import Dataset

from panda_hf import schema
from panda_hf.captioning.frames import fit_short_side, middle_times
from panda_hf.errors import SourceError
from panda_hf.training.selector import SelectorExample
from panda_hf.video import probe, sample_frames

Several = Literal["answers", "shares"]
"""A clip with several answers: one example per answer, or one example with the shares of the answers."""


@dataclass(frozen=True, kw_only=True)
class ExampleCounts:
    """What became of the answers.

    Attributes:
        clips: with an answer.
        answers: to them.
        all_bad_answers: that found no caption good: they teach nothing about which is best, and are left out.
        all_bad_clips: all of whose answers did: left out too.
        examples: what is left.
    """

    clips: int
    answers: int
    all_bad_answers: int
    all_bad_clips: int
    examples: int


@dataclass(frozen=True)
class _Item:
    row: int
    captions: tuple[str, ...]
    targets: tuple[float, ...]


class AnnotatedClips(Dataset[SelectorExample]):
    """Answers as examples; pictures are decoded when an example is asked for.

    Example::

        train = AnnotatedClips("annotations/dataset")
        print(train.counts)
        train_on_candidates(model, processor, train, validation, arguments)
    """

    def __init__(
        self,
        dataset: str,
        split: str = "train",
        *,
        several: Several = "answers",
        num_frames: int = 12,
        size: int = 224,
        random_frames: bool = False,
        seed: int = 0,
    ) -> None:
        """Load an export.

        Args:
            dataset: folder of an export, or the Hub id of one.
            split: of it.
            several: what becomes of a clip with several answers.
            num_frames: of each clip (the paper: 12).
            size: of the shorter side, pixels; the aspect is kept.
            random_frames: take a random moment of each interval instead of its middle, another one at every visit, as
                the paper does in training.
            seed: of the random moments.

        Raises:
            SourceError: when it cannot be loaded, is no export, or has no answer but "all bad".
        """
        self.num_frames, self.size = num_frames, size
        self._rng = np.random.default_rng(seed) if random_frames else None
        self._rows = _loaded(dataset, split)
        by_clip: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for i, row in enumerate(self._rows.select_columns(list(schema.ANSWER_ROW))):
            by_clip.setdefault(row["clip_id"], []).append((i, row))
        self._items = [item for given in by_clip.values() for item in _items(given, several)]
        self.counts = _counted([[row for _, row in given] for given in by_clip.values()], len(self._items))
        if not self._items:
            raise SourceError(f"{dataset}, {split}: no answer but 'all bad' ({self.counts}); annotate more clips")

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> SelectorExample:
        """Decode one clip.

        Raises:
            VideoError: when its bytes are no video.
        """
        item = self._items[index]
        return SelectorExample(self._frames(self._rows[item.row]["clip"]), item.captions, item.targets)

    def clip_id(self, index: int) -> str:
        """Of which clip an example is."""
        return str(self._rows.select_columns(["clip_id"])[self._items[index].row]["clip_id"])

    def _frames(self, video: Any) -> np.ndarray:
        info = probe(video)
        length = info.duration or 1.0
        times = middle_times(0.0, length, self.num_frames)
        if self._rng is not None:
            times = times + self._rng.uniform(-0.5, 0.5, len(times)) * length / self.num_frames
        return sample_frames(video, times.tolist(), size=fit_short_side(info.height, info.width, self.size))


def _loaded(dataset: str, split: str) -> Any:
    from datasets import load_dataset

    try:
        rows: Any = load_dataset(str(dataset), split=split)
    except (OSError, ValueError) as error:
        raise SourceError(f"{dataset} has no answers in a split {split!r} that load: {error}") from error
    missing = sorted({*schema.ANSWER_ROW, "clip"} - set(rows.column_names))
    if missing:
        raise SourceError(f"{dataset} is no export of answers: it lacks {missing}. Make one with annotate --export.")
    return rows


def _items(given: Sequence[tuple[int, dict[str, Any]]], several: Several) -> list[_Item]:
    """The examples of one clip; equal captions of several teachers are one caption again."""
    each = [_Item(i, *_shares(row)) for i, row in given if row["picked"]]
    if several == "answers" or not each:
        return each
    totals = dict.fromkeys(each[0].captions, 0.0)
    for item in each:
        for caption, share in zip(item.captions, item.targets, strict=True):
            totals[caption] += share / len(each)
    return [_Item(each[0].row, tuple(totals), tuple(totals.values()))]


def _shares(row: dict[str, Any]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    captions = [candidate["caption"] for candidate in row["candidates"]]
    chosen = {captions[k] for k in row["picked"]}
    different = tuple(dict.fromkeys(captions))
    return different, tuple((caption in chosen) / len(chosen) for caption in different)


def _counted(clips: list[list[dict[str, Any]]], examples: int) -> ExampleCounts:
    given = [[bool(row["picked"]) for row in rows] for rows in clips]
    return ExampleCounts(
        clips=len(given),
        answers=sum(map(len, given)),
        all_bad_answers=sum(said.count(False) for said in given),
        all_bad_clips=sum(not any(said) for said in given),
        examples=examples,
    )
