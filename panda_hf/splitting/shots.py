"""Where shots begin and end: PySceneDetect's detectors, fed frame by frame with small images, and black frames."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Sequence
from typing import Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from scenedetect import FrameTimecode
from scenedetect.detector import FlashFilter

from panda_hf.splitting.descriptor import describe
from panda_hf.splitting.jumps import ALONE, FARTHER, SMALLER, is_calm_beside, is_other_view
from panda_hf.splitting.movement import is_movement
from panda_hf.splitting.scores import ADAPTIVE_REACH, OF_FLOOR, OF_THRESHOLD, content_scores, step, to_hsv
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.stitching import distance

Image = npt.NDArray[np.uint8]

SMALL_WIDTH = 80
"""Length that the longer side of small images comes near to. PySceneDetect scales every whole frame to 256; its scores
on every 4th and on every 8th sample of 640 x 360 differ by about 1 %."""

BLACK_SHARE = 0.98
"""So much of a black frame is dark: a station logo or a burnt-in time code does not make it a picture."""

NEAR_BLACK = 3.0
"""Pictures up to so many times as bright as black are all looked at."""

FADE_IN_RATE = 1.5
"""After black, as long as the picture gets brighter by this share of itself per second, it is still fading in: the
end of a linear fade of two thirds of a second."""

WINDOW = 2 * ADAPTIVE_REACH + 1
"""So many steps are held against each other."""

FLASH_SECONDS, AS_BEFORE = 0.4, 0.25
"""Two cuts no farther apart, after which the picture is as before (distance of the descriptors), are a flash."""


@dataclasses.dataclass(frozen=True)
class Boundary:
    """Something ends at a tick. ``cut``: a shot, and the next begins; ``black``: a shot, and black follows;
    ``gradual``: a shot, and a gradual transition follows; ``content``: the black with the fade out of it, or the
    transition."""

    tick: int
    kind: Literal["cut", "black", "gradual", "content"]


def small_step(width: int, height: int) -> int:
    """Every how many samples to take of a frame so that its longer side comes near ``SMALL_WIDTH``."""
    return max(1, round(max(width, height) / SMALL_WIDTH))


class ShotDetector:
    """Finds the boundaries of shots while frames come in; holds a few small frames, and what was found in the last
    half second, which a flash may take back.

    Args:
        settings: which detector, its threshold, and whether black frames are looked for.
        fps: mean frame rate; no length rule uses it.
        full_range: see :func:`~panda_hf.splitting.scores.is_full_range`.
    """

    def __init__(self, settings: SplitSettings, fps: float, full_range: bool = False) -> None:
        self._rule: Rule = (
            AdaptiveRule(settings, fps, full_range)
            if settings.detector == "adaptive"
            else ContentRule(settings, fps, full_range)
        )
        self._black = BlackWatch(settings, fps, full_range)
        self._looks_for_black = settings.black_luma is not None
        self._frames = 0
        self._ticks: deque[int] = deque(maxlen=self.lag + 1)
        self._found: list[Boundary] = []

    @property
    def lag(self) -> int:
        """A boundary is reported at most so many frames after it."""
        return max(self._rule.lag, int(self._looks_for_black))

    def feed(self, tick: int, yuv: Image) -> list[Boundary]:
        """Take the next frame; the boundaries that are certain now, in order of time.

        Args:
            tick: when the frame is shown, later than those before.
            yuv: the frame, small, uint8 [h, w, 3]; all frames of one video have one size.
        """
        self._ticks.append(tick)
        self._note(self._rule.feed(self._frames, yuv))
        self._found += self._black.feed(tick, yuv)
        self._frames += 1
        return self._told(self._ticks[0] if self._frames > self.lag else -1)

    def finish(self) -> list[Boundary]:
        """The boundaries still held back; no frame follows."""
        self._frames -= 1
        self._note(self._rule.finish())
        return self._told(self._ticks[-1]) if self._ticks else []

    def _note(self, cuts: Sequence[int]) -> None:
        self._found += [Boundary(self._ticks[cut - self._frames - 1], "cut") for cut in cuts]

    def _told(self, until: int) -> list[Boundary]:
        """What was found up to a tick, in order; a cut may be found later than the black after it."""
        told = [boundary for boundary in self._found if boundary.tick <= until]
        self._found = [boundary for boundary in self._found if boundary.tick > until]
        return sorted(told, key=lambda boundary: boundary.tick)


class Rule(Protocol):
    """Finds cuts between small frames."""

    @property
    def lag(self) -> int:
        """A cut is told at most so many frames late."""

    def feed(self, frame: int, yuv: Image) -> list[int]:
        """Take the next frame, the ``frame``-th; those at which shots begin that are certain now."""

    def finish(self) -> list[int]:
        """Those that were not certain before the end."""


class ContentRule:
    """PySceneDetect's ``ContentDetector``; its filter mode is set, for its default changed in 0.6.4.

    The score for its default weights comes from one call in place of twelve, a third of the whole pass.
    """

    def __init__(self, settings: SplitSettings, fps: float, full_range: bool) -> None:
        mode = FlashFilter.Mode[settings.flash_mode.upper()]
        self._filter = FlashFilter(mode, settings.min_shot_frames)
        self._threshold, self._zero = settings.detector_threshold, FrameTimecode(0, fps)
        self._full_range = full_range
        self._last: Image | None = None

    @property
    def lag(self) -> int:
        """See :class:`Rule`."""
        return self._filter.max_behind

    def feed(self, frame: int, yuv: Image) -> list[int]:
        """See :class:`Rule`."""
        hsv = to_hsv(yuv, self._full_range)
        score = 0.0 if self._last is None else step(self._last, hsv)
        self._last = hsv
        found = self._filter.filter(FrameTimecode(frame, self._zero), score >= self._threshold)
        return [cut.frame_num for cut in found if cut.frame_num > 0]

    def finish(self) -> list[int]:
        """See :class:`Rule`."""
        return []


class AdaptiveRule:
    """The rule of PySceneDetect's ``AdaptiveDetector``, that a score stands out from those around it, without flashes
    and movement before a background that rests.

    Holds the small frames of these scores, and the one before a cut that may begin a flash.
    """

    def __init__(self, settings: SplitSettings, fps: float, full_range: bool) -> None:
        self._settings, self._flash, self._full_range = settings, flash_frames(fps), full_range
        self._steps: deque[float] = deque(maxlen=max(WINDOW, self._flash + ADAPTIVE_REACH + 1))
        self._images: deque[Image] = deque(maxlen=WINDOW + 1)
        self._last_cut = 0
        self._held: list[_Held] = []

    @property
    def lag(self) -> int:
        """See :class:`Rule`."""
        return ADAPTIVE_REACH + self._flash

    def feed(self, frame: int, yuv: Image) -> list[int]:
        """See :class:`Rule`."""
        self._steps.append(step(self._images[-1], yuv) if self._images else 0.0)
        self._images.append(yuv)
        target = frame - ADAPTIVE_REACH
        certain = [held.cut for held in self._held if target - held.cut >= self._flash]
        self._held = [held for held in self._held[len(certain) :] if self._steps[-1] < held.limit]
        limit = self._limit() if len(self._images) >= WINDOW else None
        if limit is not None:
            before, after = list(self._images)[-ADAPTIVE_REACH - 2 : -ADAPTIVE_REACH]
            self._hold(_Held(target, before, limit), after)
        return certain

    def finish(self) -> list[int]:
        """See :class:`Rule`."""
        held, self._held = self._held, []
        return [each.cut for each in held]

    def _limit(self) -> float | None:
        """If the step in the middle is a cut, how big those of Y, U and V after it may be, lest it is none. Scores are
        computed where it stands out by these."""
        floor, threshold = self._settings.detector_floor, self._settings.detector_threshold
        steps = list(self._steps)
        if not _is_peak(steps[-WINDOW:], OF_FLOOR * floor, OF_THRESHOLD * threshold):
            return None
        scores = content_scores(self._images, self._full_range)[-WINDOW:].tolist()
        earlier, before, after, _, later = list(self._images)[-WINDOW:]
        if _is_peak(scores, floor, threshold) and not is_movement(earlier, before, after, later):
            return math.inf
        limit = ALONE * steps.pop(-1 - ADAPTIVE_REACH)
        is_far = max(steps) < limit and _is_peak(scores, SMALLER * floor, FARTHER * threshold)
        return limit if is_far and self._is_jump() else None

    def _is_jump(self) -> bool:
        earlier, before, after, later, _ = list(self._images)[-WINDOW:]
        if not is_other_view(before, after):
            return False
        return is_calm_beside(_apart(before, after), max(_apart(earlier, before), _apart(after, later)))

    def _hold(self, held: _Held, after: Image) -> None:
        """A cut was found; with the last one it may be a flash, or be too close to it."""
        if self._held and _apart(self._held[-1].before, after) < AS_BEFORE:
            self._held.pop()
            return
        if held.cut - self._last_cut >= self._settings.min_shot_frames:
            self._last_cut = held.cut
            self._held.append(held)


@dataclasses.dataclass(frozen=True, slots=True)
class _Held:
    """A cut that what follows may take back, the small frame before it, and how big no step after it may be."""

    cut: int
    before: Image
    limit: float


def _is_peak(steps: Sequence[float], least: float, factor: float) -> bool:
    """Whether the step in the middle is as big as ``least`` and ``factor`` times the mean of the others."""
    middle = steps[ADAPTIVE_REACH]
    return middle >= least and 2 * ADAPTIVE_REACH * middle >= factor * (sum(steps) - middle)


def flash_frames(fps: float) -> int:
    """The longest flash."""
    return max(1, round(FLASH_SECONDS * fps))


def _apart(one: Image, two: Image) -> float:
    return distance(describe(one), describe(two))


class BlackWatch:
    """Finds where black begins and, after it and the fade out of it, content."""

    def __init__(self, settings: SplitSettings, fps: float, full_range: bool = False) -> None:
        self._luma, self._full_range = settings.black_luma, full_range
        self._black = False
        self._brightness = 0.0
        self._brightest_black = 255 * (BLACK_SHARE * (self._luma or 0) + 1 - BLACK_SHARE)
        self._gain = 1 + FADE_IN_RATE / fps
        self._last_tick = 0

    @property
    def is_black(self) -> bool:
        """Whether the last frame was black, or still fading in."""
        return self._black

    def is_near(self, yuv: Image) -> bool:
        """Whether black goes on, or the last frame fed, or the next one, is so dark that it may begin or end there."""
        if self._luma is None:
            return False
        return self._black or min(self._brightness, self._light(yuv)) <= NEAR_BLACK * self._brightest_black

    def _light(self, yuv: Image) -> float:
        return cv2.mean(yuv)[0] - (0 if self._full_range else 16)

    def feed(self, tick: int, yuv: Image, step: int = 1) -> list[Boundary]:
        """Take the next frame; the boundary on it or on the frame before it, if there is one.

        Args:
            tick: when it is shown.
            yuv: the frame, small.
            step: how many frames after the last one it is.
        """
        if self._luma is None:
            return []
        last_tick, self._last_tick = self._last_tick, tick
        brightness = self._light(yuv)
        rises, self._brightness = brightness > self._brightness * self._gain**step, brightness
        black = brightness <= self._brightest_black and is_black(yuv, self._luma, self._full_range)
        if black == self._black or (self._black and rises):
            return []
        self._black = black
        return [Boundary(tick, "black") if black else Boundary(last_tick, "content")]


def is_black(yuv: Image, luma: float, full_range: bool = False) -> bool:
    """Whether next to nothing of a small YUV image is brighter than ``luma`` (0 black to 1 white)."""
    level = luma * 255 if full_range else 16 + luma * 219
    dark = np.count_nonzero(yuv[..., 0] <= level)
    return bool(dark >= BLACK_SHARE * yuv[..., 0].size)
