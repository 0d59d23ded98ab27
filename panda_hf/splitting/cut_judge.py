"""Which steps between frames that were looked at are cuts, and which of them only all the frames can tell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.looks import Look, apart, gaps_of
from panda_hf.splitting.movement import without_movement
from panda_hf.splitting.scores import cuts_of
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import AS_BEFORE

DIFFERS = 0.25
"""Descriptors of two frames that are farther apart show two shots, or much movement."""

EASE = 0.8
"""Between two frames that others refer to, a cut may be hidden by so much."""

DRIFTS = 0.35
"""Descriptors so far apart are of two shots, however much a picture drifted from the true one because only some frames
were decoded: of 100 steps to key frames five turned out to be none, the farthest over 0.31."""

CLEAR = 0.5
"""So far apart they are if the second frame was coded alone too, whatever happens in frames that were left out."""

UNCLEAR, LAST = (0.6, 1.5), 6
"""Where a cut on a key frame depends on whether its thresholds are multiplied by the one or the other, seen from the
last frames before it, those after it are looked at too."""


class CutJudge:
    """Judges runs of frames, some of them left out.

    Args:
        settings: the rules.
        flash: the longest flash, in frames.
        full_range: whether luma runs from 0 to 255.
        seeks_cuts: whether the encoder put key frames where shots begin.
        alone: [n], whether each frame of the video is coded without others: where key frames would come too soon, it
            puts such ones on cuts.
    """

    def __init__(
        self,
        settings: SplitSettings,
        flash: int,
        full_range: bool,
        seeks_cuts: bool,
        alone: npt.NDArray[np.bool_],
    ) -> None:
        self._settings, self._flash, self._full_range = settings, flash, full_range
        self._seeks_cuts, self._alone = seeks_cuts, alone

    def cuts(self, run: Sequence[Look], ease: float = 1.0) -> list[int]:
        """Positions of the cuts in a run of frames, flashes and movement left out; see :func:`cuts_of`."""
        images = [look.yuv for look in run]
        cuts = cuts_of(images, self._settings, self._full_range, gaps_of(run), ease)
        if self._settings.detector == "adaptive":
            cuts = without_movement(images, cuts)
        for one, two in pairwise(list(cuts)):
            is_short = run[two].frame - run[one].frame < self._flash
            if is_short and apart(run[one - 1], run[two]) < AS_BEFORE:
                cuts = [cut for cut in cuts if cut not in (one, two)]
        return cuts

    def vague(self, run: Sequence[Look]) -> list[int]:
        """Positions in a run at which a cut may lie that can only be told, or not on its frame, by all frames up to
        there."""
        gaps = gaps_of(run)
        if gaps.max() == 1:
            return []
        cuts = self.cuts(run, EASE)
        likely = self.cuts(run) if cuts else []
        return [cut for cut in cuts if self._is_vague(run, gaps, cut, cut in likely)]

    def needs_more(self, run: Sequence[Look]) -> bool:
        """Whether frames after a run are needed to judge its last frame: somewhat less or more asked of a cut there
        would change the answer."""
        last = run[-1 - LAST :]
        return len({len(last) - 1 in self.cuts(last, ease) for ease in UNCLEAR}) > 1

    def may_be_drift(self, before: Look, key: Look) -> bool:
        """Whether the step to a key frame may be one from a picture that drifted back to the true one."""
        return self._seeks_cuts and apart(before, key) < DRIFTS

    def _is_vague(self, run: Sequence[Look], gaps: npt.NDArray[np.int64], cut: int, is_likely: bool) -> bool:
        """Frames left out right before a cut may show that it was movement, those right after it that it was the
        beginning of a flash. Where the encoder looks for cuts, pictures that are alike are seldom of two shots."""
        if not self._seeks_cuts:
            return bool(gaps[cut] > 1)
        if not is_likely:
            return bool(gaps[cut] > 1) and apart(run[cut - 1], run[cut]) >= CLEAR
        if gaps[cut - 1 : cut + 2].max() == 1:
            return False
        return not self._alone[run[cut].frame] or apart(run[cut - 1], run[cut]) < CLEAR
