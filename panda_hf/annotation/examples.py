"""`AnnotatedClips`: exported answers as the examples that a selector is fine-tuned on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch.utils.data import Dataset

from panda_hf.captioning.frames import fit_short_side, middle_times
from panda_hf.errors import SourceError
from panda_hf.training.selector import SelectorExample
from panda_hf.video import probe, sample_frames

if TYPE_CHECKING:
    import datasets

Several = Literal["answers", "shares"]
"""A clip with several answers: one example per answer, or one example with the shares of the answers."""


@dataclass(frozen=True, kw_only=True)
class ExampleCounts:
    """What became of the answers.

    Attributes:
        clips: in the split.
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


class AnnotatedClips(Dataset[SelectorExample]):
    """Answers as examples; pictures are decoded when an example is asked for.

    Example::

        train = AnnotatedClips("annotations/dataset", "train")
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
            split: ``train`` or ``validation``.
            several: what becomes of a clip with several answers.
            num_frames: of each clip (the paper: 12).
            size: of the shorter side, pixels; the aspect is kept.
            random_frames: take a random moment of each interval instead of its middle, another one at every visit, as
                the paper does in training.
            seed: of the random moments.

        Raises:
            SourceError: when it cannot be loaded, is no export, or has no answer but "all bad".
        """
        self.several, self.num_frames, self.size = several, num_frames, size
        self._rng = np.random.default_rng(seed) if random_frames else None
        self._rows = _loaded(dataset, split)
        light = self._rows.select_columns(["answers", "captions"])
        self._items = [(i, t) for i, row in enumerate(light) for t in _targets(row, several)]
        self.counts = _counted(light, len(self._items))
        if not self._items:
            raise SourceError(f"{dataset}, {split}: no answer but 'all bad' ({self.counts}); annotate more clips")

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> SelectorExample:
        """Decode one clip.

        Raises:
            VideoError: when its bytes are no video.
        """
        row, targets = self._items[index]
        return SelectorExample(self._frames(row), tuple(self._rows[row]["captions"]), targets)

    def clip_id(self, index: int) -> str:
        """Of which clip an example is."""
        return str(self._rows.select_columns(["clip_id"])[self._items[index][0]]["clip_id"])

    def _frames(self, row: int) -> np.ndarray:
        video = self._rows[row]["clip"]
        info = probe(video)
        length = info.duration or 1.0
        times = middle_times(0.0, length, self.num_frames)
        if self._rng is not None:
            times = times + self._rng.uniform(-0.5, 0.5, len(times)) * length / self.num_frames
        return sample_frames(video, times.tolist(), size=fit_short_side(info.height, info.width, self.size))


def _loaded(dataset: str, split: str) -> datasets.Dataset:
    from datasets import Dataset as Table
    from datasets import load_dataset

    try:
        rows: Any = load_dataset(str(dataset), "clips", split=split)
    except (OSError, ValueError) as error:
        raise SourceError(f"{dataset} has no answers in a split {split!r} that load: {error}") from error
    assert isinstance(rows, Table)
    missing = sorted({"clip_id", "clip", "captions", "answers"} - set(rows.column_names))
    if missing:
        raise SourceError(
            f"{dataset} is no export of answers: it lacks {missing}. `panda-hf annotate --export` makes one."
        )
    return rows


def _targets(row: dict[str, Any], several: Several) -> list[tuple[float, ...]]:
    """One distribution over the captions per example of a clip."""
    chosen = [answer["chosen"] for answer in row["answers"] if answer["chosen"]]
    each = [[(k in places) / len(places) for k in range(len(row["captions"]))] for places in chosen]
    if several == "shares" and each:
        each = [[sum(column) / len(each) for column in zip(*each, strict=True)]]
    return [tuple(shares) for shares in each]


def _counted(rows: Any, examples: int) -> ExampleCounts:
    given = [[bool(answer["chosen"]) for answer in row["answers"]] for row in rows]
    return ExampleCounts(
        clips=len(given),
        answers=sum(map(len, given)),
        all_bad_answers=sum(said.count(False) for said in given),
        all_bad_clips=sum(not any(said) for said in given),
        examples=examples,
    )
