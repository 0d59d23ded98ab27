"""Where shots begin and end: PySceneDetect's detectors, fed frame by frame with small images, and black frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode
from scenedetect.detector import FlashFilter, SceneDetector

from panda_hf.splitting.settings import SplitSettings

Image = npt.NDArray[np.uint8]

SMALL_WIDTH = 80
"""Length that the longer side of small images comes near to. PySceneDetect scales every whole frame to 256; its scores
on every 4th and on every 8th sample of 640 x 360 differ by about 1 %."""

BLACK_SHARE = 0.98
"""So much of a black frame is dark: a station logo or a burnt-in time code does not make it a picture."""

FADE_IN_RATE = 1.5
"""After black, as long as the picture gets brighter by this share of itself per second, it is still fading in: the
end of a linear fade of two thirds of a second."""

ADAPTIVE_REACH = 2
"""PySceneDetect's ``AdaptiveDetector`` holds a frame against so many on either side."""

# from Y, U, V to B, G, R by BT.601; the last column is what the offsets of Y, U and V come to
_LIMITED = np.array([[1.1644, 2.0172, 0, -276.83], [1.1644, -0.3918, -0.813, 135.58], [1.1644, 0, 1.596, -222.92]])
_FULL = np.array([[1.0, 1.772, 0, -226.82], [1.0, -0.3441, -0.7141, 135.45], [1.0, 0, 1.402, -179.46]])


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


def is_full_range(pixel_format: str) -> bool:
    """Whether luma runs from 0 to 255 (JPEG) rather than from 16 to 235 (television)."""
    return pixel_format.startswith("yuvj")


def to_bgr(yuv: Image, full_range: bool = False) -> Image:
    """A small YUV image as the BGR image that PySceneDetect's detectors expect (BT.601); uint8 [h, w, 3]."""
    return np.asarray(cv2.transform(yuv, _FULL if full_range else _LIMITED), np.uint8)


class ShotDetector:
    """Finds the boundaries of shots while frames come in; holds one small frame and never looks back further.

    Args:
        settings: which detector, its threshold, and whether black frames are looked for.
        fps: mean frame rate; no length rule uses it.
        full_range: see :func:`is_full_range`.
    """

    def __init__(self, settings: SplitSettings, fps: float, full_range: bool = False) -> None:
        self._detector = make_detector(settings)
        self._zero = FrameTimecode(0, fps)
        self._full_range = full_range
        self._black = BlackWatch(settings, fps, full_range)
        self._looks_for_black = settings.black_luma is not None
        self._frames = 0
        self._ticks: list[int] = []

    @property
    def lag(self) -> int:
        """A boundary is reported at most so many frames after it."""
        return max(self._detector.event_buffer_length, int(self._looks_for_black))

    def feed(self, tick: int, yuv: Image) -> list[Boundary]:
        """Take the next frame; the boundaries that are certain now, in order of time.

        Args:
            tick: when the frame is shown.
            yuv: the frame, small, uint8 [h, w, 3]; all frames of one video have one size.
        """
        self._ticks = [*self._ticks[-self.lag :], tick]
        timecode = FrameTimecode(self._frames, self._zero)
        cuts = self._detector.process_frame(timecode, to_bgr(yuv, self._full_range))
        found = [Boundary(self._tick_of(cut), "cut") for cut in cuts if cut.frame_num > 0]
        self._frames += 1
        return found + self._black.feed(tick, yuv)

    def _tick_of(self, cut: FrameTimecode) -> int:
        return self._ticks[cut.frame_num - self._frames - 1]


class BlackWatch:
    """Finds where black begins and, after it and the fade out of it, content."""

    def __init__(self, settings: SplitSettings, fps: float, full_range: bool = False) -> None:
        self._luma, self._full_range = settings.black_luma, full_range
        self._black = False
        self._brightness = 0.0
        self._brightest_black = 255 * (BLACK_SHARE * (self._luma or 0) + 1 - BLACK_SHARE)
        self._gain = 1 + FADE_IN_RATE / fps
        self._last_tick = 0

    def feed(self, tick: int, yuv: Image) -> list[Boundary]:
        """Take the next frame; the boundary on it or on the frame before it, if there is one."""
        if self._luma is None:
            return []
        last_tick, self._last_tick = self._last_tick, tick
        brightness = cv2.mean(yuv)[0] - (0 if self._full_range else 16)
        rises, self._brightness = brightness > self._brightness * self._gain, brightness
        black = brightness <= self._brightest_black and is_black(yuv, self._luma, self._full_range)
        if black == self._black or (self._black and rises):
            return []
        self._black = black
        return [Boundary(tick, "black") if black else Boundary(last_tick, "content")]


class _QuickScore(ContentDetector):
    """The score of PySceneDetect for its default weights by one call in place of twelve, a third of the whole pass.

    The method is private there; should it be renamed, the slower one runs again and finds the same cuts.
    """

    _last_hsv: Image | None = None

    def _calculate_frame_score(self, timecode: FrameTimecode, frame_img: Image) -> float:
        hsv = np.asarray(cv2.cvtColor(frame_img, cv2.COLOR_BGR2HSV), np.uint8)
        last, self._last_hsv = self._last_hsv, hsv
        return 0.0 if last is None else cv2.norm(last, hsv, cv2.NORM_L1) / hsv.size


class _Content(_QuickScore, ContentDetector):
    pass


class _Adaptive(_QuickScore, AdaptiveDetector):
    pass


def make_detector(settings: SplitSettings) -> SceneDetector:
    """PySceneDetect's detector for these settings; the filter mode is set, for its default changed in 0.6.4."""
    if settings.detector == "adaptive":
        floor = settings.detector_floor
        return _Adaptive(settings.detector_threshold, min_scene_len=settings.min_shot_frames, min_content_val=floor)
    mode = FlashFilter.Mode[settings.flash_mode.upper()]
    return _Content(settings.detector_threshold, settings.min_shot_frames, filter_mode=mode)


def content_scores(images: Sequence[Image], full_range: bool = False) -> npt.NDArray[np.float64]:
    """For each small YUV image how far it is from the one before, as PySceneDetect counts it; the first has 0."""
    hsv = [cv2.cvtColor(to_bgr(image, full_range), cv2.COLOR_BGR2HSV) for image in images]
    return np.array([0.0, *(cv2.norm(one, two, cv2.NORM_L1) / one.size for one, two in pairwise(hsv))])


def cuts_of(scores: npt.NDArray[np.float64], settings: SplitSettings) -> list[int]:
    """Positions of the cuts in a run of consecutive frames, by the rule of the detector in the settings.

    The rule of ``adaptive`` holds a score against up to two others on either side, fewer at the ends of the run.
    """
    if settings.detector == "content":
        return np.flatnonzero(scores >= settings.detector_threshold).tolist()
    high = np.flatnonzero(scores >= settings.detector_floor)
    return [i for i in high.tolist() if scores[i] >= settings.detector_threshold * _around(scores, i)]


def _around(scores: npt.NDArray[np.float64], i: int) -> float:
    near = [*scores[max(1, i - ADAPTIVE_REACH) : i], *scores[i + 1 : i + 1 + ADAPTIVE_REACH]]
    return float(np.mean(near)) if near else 0.0


def is_black(yuv: Image, luma: float, full_range: bool = False) -> bool:
    """Whether next to nothing of a small YUV image is brighter than ``luma`` (0 black to 1 white)."""
    level = luma * 255 if full_range else 16 + luma * 219
    dark = np.count_nonzero(yuv[..., 0] <= level)
    return bool(dark >= BLACK_SHARE * yuv[..., 0].size)
