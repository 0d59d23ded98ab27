"""`Funnel`: what became of the clips of a source, counted while they pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from panda_hf.errors import ContractError
from panda_hf.subsets.blocks import Block
from panda_hf.subsets.clip_rules import REASONS, Codes, lengths
from panda_hf.subsets.hashing import Hashes, hash_ids


@dataclass
class Funnel:
    """Counts of clips, videos and seconds."""

    clips: np.ndarray = field(default_factory=lambda: np.zeros(len(REASONS), np.int64))
    """By index of ``REASONS``."""
    seconds: float | None = 0.0
    """Of the clips that are kept; ``None`` where a clip's times are not known."""
    opt_outs: set[str] = field(default_factory=set)
    """Entries of the rule's opt-out list that named a clip."""
    _videos: list[Hashes] = field(default_factory=list)
    _kept_videos: list[Hashes] = field(default_factory=list)
    _has_videos: bool = True

    def add(self, block: Block, codes: Codes) -> None:
        """Count the clips of a block."""
        self.clips += np.bincount(codes, minlength=len(REASONS))
        kept = codes == 0
        if block.ids is None:
            self._has_videos = False
        else:
            hashes = hash_ids(block.ids, 0)
            self._videos.append(hashes)
            self._kept_videos.append(hashes[np.unique(block.runs[kept])])
        if self.seconds is not None and {"start", "end"} <= set(block.table.column_names):
            total = float(lengths(block.table)[kept].sum())
            self.seconds = None if np.isnan(total) else self.seconds + total
        else:
            self.seconds = None

    @property
    def clips_in(self) -> int:
        """Clips of the source."""
        return int(self.clips.sum())

    @property
    def clips_kept(self) -> int:
        """Clips that passed every rule."""
        return int(self.clips[0])

    @property
    def dropped(self) -> dict[str, int]:
        """Clips that did not pass, by reason."""
        return {reason: int(count) for reason, count in zip(REASONS[1:], self.clips[1:], strict=True) if count}

    @property
    def videos_in(self) -> int | None:
        """Videos of the source; ``None`` where it has no column of them."""
        return self._distinct(self._videos)

    @property
    def videos_kept(self) -> int | None:
        """Videos of which a clip is kept."""
        return self._distinct(self._kept_videos)

    def check(self, rows: int) -> None:
        """Raise ``ContractError`` unless every row of the source was counted once."""
        if self.clips_in != rows:
            raise ContractError(f"{self.clips_in} clips were counted, the source holds {rows}")

    def _distinct(self, parts: list[Hashes]) -> int | None:
        return len(np.unique(np.concatenate([np.zeros(0, np.uint64), *parts]))) if self._has_videos else None
