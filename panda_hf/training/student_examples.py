"""What a student learns from: clips with caption and words, in an order that depends on nothing but a seed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from torch.utils.data import Dataset

from panda_hf.errors import PandaError


@dataclass(frozen=True)
class StudentExample:
    """One clip to learn from.

    Attributes:
        frames: uint8 (n, height, width, 3); more than a student looks at are drawn from, or taken evenly.
        caption: what it shall write.
        subtitle, title, description: what is known of the clip; ``None`` where it is not.
        clip_id: for messages.
    """

    frames: np.ndarray
    caption: str
    subtitle: str | None = None
    title: str | None = None
    description: str | None = None
    clip_id: str | None = None

    def without_text(self, subtitle: bool = True, metadata: bool = True) -> StudentExample:
        """The same clip with less known of it."""
        known = replace(self, subtitle=None) if subtitle else self
        return replace(known, title=None, description=None) if metadata else known


@dataclass(frozen=True)
class Unread:
    """Stands for a clip that is not learned from, and why; ``reason`` ``None``: it is held out, no failure."""

    clip_id: str
    reason: str | None


class Clips(Protocol):
    """Clips by their numbers, read when they are asked for."""

    @property
    def parts(self) -> Sequence[int]:
        """How many clips lie together, such as in one file; the sum is their number."""

    def example(self, index: int, shares: Sequence[float]) -> StudentExample | Unread:
        """A clip with frames at these shares of its length, in [0, 1).

        Raises:
            PandaError: when it cannot be read.
        """


class ExampleClips:
    """The examples of any map-style dataset, such as one in memory, as :class:`Clips`.

    Args:
        examples: with more frames than wanted, those at the shares are taken.
    """

    def __init__(self, examples: Dataset[StudentExample]) -> None:
        self.examples = examples
        self.parts: Sequence[int] = (len(examples),)  # type: ignore[arg-type]

    def example(self, index: int, shares: Sequence[float]) -> StudentExample:
        """See :class:`Clips`."""
        found = self.examples[index]
        if len(found.frames) <= len(shares):
            return found
        return replace(found, frames=found.frames[(np.asarray(shares) * len(found.frames)).astype(int)])


class Order:
    """Which clip comes at which place of a training: a function of seed and place, so that any run can go on anywhere.

    Each epoch visits every clip once. Parts come in a new order; those of a window are mixed clip by clip.

    Args:
        parts: clips that lie together.
        seed: of the order.
        window: how many clips are mixed, at least; ``None``: all.
    """

    def __init__(self, parts: Sequence[int], seed: int, window: int | None = None) -> None:
        self.parts, self.seed = np.asarray(parts, dtype=np.int64), seed
        self.count = int(self.parts.sum())
        self.window = self.count if window is None else max(1, window)
        self._starts = np.concatenate([[0], self.parts.cumsum()])
        self._epoch: tuple[int, list[np.ndarray], list[int]] = (-1, [], [])
        self._mixed: tuple[tuple[int, int], np.ndarray] = ((-1, -1), np.empty(0, np.int64))

    def __call__(self, place: int) -> int:
        """The number of the clip at ``place``, counted from 0 over all epochs."""
        epoch, offset = divmod(place, self.count)
        windows, starts = self._windows(epoch)
        number = bisect_right(starts, offset) - 1
        if self._mixed[0] != (epoch, number):
            clips = np.concatenate([np.arange(self._starts[p], self._starts[p + 1]) for p in windows[number]])
            self._mixed = ((epoch, number), np.random.default_rng([self.seed, epoch, number]).permutation(clips))
        return int(self._mixed[1][offset - starts[number]])

    def _windows(self, epoch: int) -> tuple[list[np.ndarray], list[int]]:
        """The parts of each window of an epoch, and the place in the epoch at which it begins."""
        if self._epoch[0] != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.parts))
            windows, starts, held, seen = list[np.ndarray](), list[int](), list[int](), 0
            for part in order:
                if not held:
                    starts.append(seen)
                held.append(part)
                seen += int(self.parts[part])
                if seen - starts[-1] >= self.window:
                    windows.append(np.array(held))
                    held = []
            self._epoch = (epoch, [*windows, np.array(held)] if held else windows, starts)
        return self._epoch[1], self._epoch[2]


@dataclass(frozen=True)
class Lesson:
    """A clip as it is learned from at one place of the training, or measured with.

    Attributes:
        example: the clip, with the words that were not dropped; or why there is none.
        draw: seeds the crop; ``None``: whole pictures.
    """

    example: StudentExample | Unread
    draw: tuple[int, int] | None


class Lessons(Dataset[Lesson]):
    """The whole training, place by place: item ``i`` is the same in every run with the same seed.

    Args:
        clips: to learn from.
        count: places; clips come again when all have been visited.
        num_frames: drawn from each clip, anywhere in it (appendix D.2).
        seed: of order, frames, crops and dropped words.
        keep_text: probability with which the subtitle, and independently title and description, are kept.
        window: see :class:`Order`.
    """

    def __init__(
        self, clips: Clips, count: int, num_frames: int, seed: int, keep_text: float = 0.5, window: int | None = None
    ) -> None:
        self.clips, self.count, self.num_frames = clips, count, num_frames
        self.seed, self.keep_text = seed, keep_text
        self.order = Order(clips.parts, seed, window)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> Lesson:
        rng = np.random.default_rng([self.seed, place])
        shares, kept = np.sort(rng.random(self.num_frames)), rng.random(2) < self.keep_text
        found = read(self.clips, self.order(place), shares.tolist())
        if isinstance(found, StudentExample):
            found = found.without_text(subtitle=not kept[0], metadata=not kept[1])
        return Lesson(found, (self.seed, place))


class Measured(Dataset[Lesson]):
    """Clips to measure with: even frames from the first on, whole pictures.

    Args:
        clips: each once, in their order.
        num_frames: of each.
        text: whether what is known of them is told.
    """

    def __init__(self, clips: Clips, num_frames: int, *, text: bool) -> None:
        self.clips, self.num_frames, self.text = clips, num_frames, text

    def __len__(self) -> int:
        return sum(self.clips.parts)

    def __getitem__(self, index: int) -> Lesson:
        found = read(self.clips, index, [i / self.num_frames for i in range(self.num_frames)])
        if isinstance(found, StudentExample) and not self.text:
            found = found.without_text()
        return Lesson(found, None)


def read(clips: Clips, index: int, shares: Sequence[float]) -> StudentExample | Unread:
    """A clip; or, where it cannot be read, why."""
    try:
        found = clips.example(index, shares)
    except PandaError as error:
        return Unread(f"clip {index}", str(error))
    if isinstance(found, StudentExample) and not found.caption.strip():
        return Unread(found.clip_id or f"clip {index}", "it has no caption")
    return found
