"""Which steps between frames that were looked at are cuts, and which of them only all the frames can tell."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.jumps import ALONE, FARTHER, SMALLER, is_calm_beside, is_other_view
from panda_hf.splitting.looks import Look, apart, gaps_of
from panda_hf.splitting.movement import without_movement
from panda_hf.splitting.scores import ADAPTIVE_REACH, OF_FLOOR, OF_THRESHOLD, standing_out, step, steps_of, to_hsv
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

FARTHER_BETWEEN = 2.8
"""So much rather than ``FARTHER`` where frames were left out: of 116 steps between 1.4 and 2.2 times as far as other
cuts, in 140 films, one was a jump cut."""

BACK = 0.7
"""The step back after a flash is as big as the one into it, or nearly."""

STEPS_KEPT, SCORES_KEPT = 256, 32
"""Runs are judged more than once, by other thresholds or with frames after them: so many steps are kept, of Y, U and
V, and of hue, saturation and value, with the small frames that they join."""


class CutJudge:
    """Judges runs of frames, some of them left out.

    Args:
        settings: the rules.
        flash: the longest flash, in frames.
        full_range: whether luma runs from 0 to 255.
        seeks_cuts: whether the encoder put key frames where shots begin.
        alone: [n], whether each frame of the video is coded without others: where key frames would come too soon, it
            puts such ones on cuts.
        due: the key frames that had to come.
        leapt: frames that seemed jump cuts when they were tried; more may come.
    """

    def __init__(
        self,
        settings: SplitSettings,
        flash: int,
        full_range: bool,
        seeks_cuts: bool,
        alone: npt.NDArray[np.bool_],
        due: Container[int],
        leapt: Container[int] = (),
    ) -> None:
        self._settings, self._flash = settings, flash
        self._seeks_cuts, self._alone, self._due, self._leapt = seeks_cuts, alone, due, leapt
        self._step = lru_cache(STEPS_KEPT)(lambda one, two: step(one.yuv, two.yuv))
        self._score = lru_cache(SCORES_KEPT)(lambda one, two: step(self._hsv(one), self._hsv(two)))
        self._hsv = lru_cache(2 * ADAPTIVE_REACH)(lambda look: to_hsv(look.yuv, full_range))

    def forget(self) -> None:
        """Let go of the frames that are kept for later runs."""
        for kept in (self._step, self._score, self._hsv):
            kept.cache_clear()

    def cuts(self, run: Sequence[Look], ease: float = 1.0) -> list[int]:
        """Positions of the cuts in a run of frames, flashes and movement left out, by the rule of the detector in the
        settings; thresholds are multiplied by ``ease``.

        The rule of ``adaptive`` holds a score against up to two others on either side, fewer at the ends of the run.
        Of a step over several frames, movement like that around it is taken to be in all but one of them.
        """
        if self._settings.detector == "content":
            cuts = np.flatnonzero(steps_of(run, self._score) >= ease * self._settings.detector_threshold).tolist()
        else:
            big, far = self._standing_out(run, ease)
            steps = without_movement([look.yuv for look in run], big)
            cuts = sorted([*steps, *(i for i in far if i not in steps and self._is_jump(run, i))])
        for one, two in self._flashes(run, cuts):
            cuts = [cut for cut in cuts if cut not in (one, two)]
        return cuts

    def _flashes(self, run: Sequence[Look], cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Where flashes begin in a run and where they end: on the next cut, or before it with a step as big, which is
        none only because too little is known of what follows."""
        for cut in cuts:
            least = BACK * self._step(run[cut - 1], run[cut])
            for i in range(cut + 1, len(run)):
                if run[i].frame - run[cut].frame >= self._flash:
                    break
                is_cut = i in cuts
                if (is_cut or self._step(run[i - 1], run[i]) >= least) and apart(run[cut - 1], run[i]) < AS_BEFORE:
                    yield cut, i
                if is_cut:
                    break

    def _standing_out(self, run: Sequence[Look], ease: float) -> tuple[list[int], list[int]]:
        """Positions of steps that stand out; and of those, maybe smaller, that do as far as jump cuts. Scores are
        computed only around such as stand out by Y, U and V."""
        floor, threshold = ease * self._settings.detector_floor, ease * self._settings.detector_threshold
        gaps = gaps_of(run)
        steps = steps_of(run, self._step)
        big, far = [], []
        for i in np.flatnonzero(standing_out(steps, gaps, OF_FLOOR * floor, OF_THRESHOLD * threshold)).tolist():
            first = max(0, i - 1 - ADAPTIVE_REACH)
            near = slice(first, i + 1 + ADAPTIVE_REACH)
            scores = steps_of(run[near], self._score)
            if not standing_out(scores, gaps[near], SMALLER * floor, threshold)[i - first]:
                continue
            if standing_out(scores, gaps[near], floor, threshold)[i - first]:
                big.append(i)
            farther = FARTHER if gaps[i] == 1 or run[i].frame in self._leapt else FARTHER_BETWEEN
            if standing_out(scores, gaps[near], SMALLER * floor, farther * threshold)[i - first]:
                far.append(i)
        return big, far

    def _is_jump(self, run: Sequence[Look], at: int) -> bool:
        """Whether a step in a run is a jump cut; frames before it must be known, and after it if some between were
        left out. A step to a key frame that had to come is one from a picture that drifted, if any were."""
        last, here, behind = run[max(0, at - 2) : at], run[at], run[at + 1 : at + 2]
        if len(last) < 2 or (not behind and here.frame - last[1].frame > 1):
            return False
        if here.frame in self._due and here.frame - run[0].frame > at:
            return False
        if not is_other_view(last[1].yuv, here.yuv) or not self._is_alone(run, at):
            return False
        pairs = [last, [here, *behind]] if behind else [last]
        moved = max(apart(one, two) / (two.frame - one.frame) for one, two in pairs)
        return is_calm_beside(apart(last[1], here), moved)

    def _is_alone(self, run: Sequence[Look], at: int) -> bool:
        """Whether no step nearly as big, by the frame, is within a flash of one."""
        limit = ALONE * self._step(run[at - 1], run[at])
        near = [i for i in range(1, len(run)) if i != at and abs(run[i].frame - run[at].frame) <= self._flash]
        return all(self._step(run[i - 1], run[i]) < limit * (run[i].frame - run[i - 1].frame) for i in near)

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
        return self._ends_in_cut(run, UNCLEAR[0]) != self._ends_in_cut(run, UNCLEAR[1])

    def may_end_in_cut(self, run: Sequence[Look]) -> bool:
        """Whether there may be a cut on the last frame of a run, seen from those before it."""
        return self._ends_in_cut(run, UNCLEAR[0])

    def _ends_in_cut(self, run: Sequence[Look], ease: float) -> bool:
        last = run[-1 - LAST :]
        return len(last) - 1 in self.cuts(last, ease)

    def may_be_drift(self, before: Look, key: Look) -> bool:
        """Whether the step to a key frame may be one from a picture that drifted back to the true one."""
        return self._seeks_cuts and apart(before, key) < DRIFTS

    def _is_vague(self, run: Sequence[Look], gaps: npt.NDArray[np.int64], cut: int, is_likely: bool) -> bool:
        """Frames left out right before a cut may show that it was movement, those right after it that it was the
        beginning of a flash. Where the encoder looks for cuts, pictures that are alike are seldom of two shots."""
        if not self._seeks_cuts:
            return bool(gaps[cut] > 1)
        if not is_likely:
            may_be = run[cut].frame in self._leapt or apart(run[cut - 1], run[cut]) >= CLEAR
            return bool(gaps[cut] > 1) and may_be
        if gaps[cut - 1 : cut + 2].max() == 1:
            return False
        return not self._alone[run[cut].frame] or apart(run[cut - 1], run[cut]) < CLEAR
