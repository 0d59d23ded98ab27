"""Every threshold of the splitter, each with its source, and the named sets of them."""

from __future__ import annotations

import dataclasses
from typing import Literal

Detector = Literal["content", "adaptive"]
Effort = Literal["doubtful", "all"]
FlashMode = Literal["suppress", "merge"]
GradualMode = Literal["trim", "learned", "ignore"]
Preset = Literal["default", "panda70m", "official-code", "paper", "learned"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """The rules of step 1. A bare ``SplitSettings()`` is the preset ``default``, made for the embedded descriptor.

    Its four distances are what ``panda-hf calibrate ../shared/data/videos`` prints; with a vision model take
    :meth:`preset` ``panda70m``, whose distances hold for ImageBind and CLIP ViT-H, or calibrate.

    Distances are Euclidean between unit vectors, so they lie in [0, 2]; they belong to the frame embedder in use. All
    comparisons are strict, as in the official code (the paper writes "at most" in two places; no real distance is
    exactly on a threshold).

    Sources: "code" is ``splitting/cutscene_detect.py`` and ``splitting/event_stitching.py`` of the official
    repository, "paper" is appendix A.
    """

    effort: Effort = "doubtful"
    """Which frames are decoded: ``all`` (code), or key frames and those that leave ``doubtful`` what happened, by
    their bytes and the key frames around them. Files of which that cannot be told are decoded in full either way."""

    detector: Detector = "adaptive"
    """Which of PySceneDetect's detectors finds the cuts: ``content`` (code) or ``adaptive``, which wants a cut to
    stand out from the frames around it, so that fast movement is none."""

    detector_threshold: float = 2.8
    """The detector's own threshold: of ``content``, a score (code: 25; PySceneDetect's default: 27); of ``adaptive``,
    how many times the mean score around it (PySceneDetect's default: 3)."""

    detector_floor: float = 20.0
    """The least score of a cut by ``adaptive`` (PySceneDetect's default: 15)."""

    min_shot_frames: int = 8
    """After a cut, none is reported for so many frames (code: 15; 8 finds what lies closer, and stitching mends what
    is found twice)."""

    flash_mode: FlashMode = "suppress"
    """What the ``content`` detector does with cuts closer than that: ``suppress`` ignores the later ones, as every
    PySceneDetect up to 0.6.3 did, with which the dataset was made; ``merge`` is PySceneDetect's default since 0.6.4.
    The ``adaptive`` detector always suppresses."""

    black_luma: float | None = 0.06
    """Frames in which no more than 2 % of the pixels are brighter than this (luma, 0 black to 1 white) are black:
    they end a shot and belong to none. ``None`` (code, paper): black is not looked for."""

    gradual: GradualMode = "trim"
    """What is done with dissolves, wipes and fades: ``trim`` finds them, so that they end a shot and belong to none,
    as black does; ``learned`` adds those that TransNetV2 finds where the rules are in doubt, at several times the
    cost of all else (``pip install 'panda_hf[transnet]'``; runs on the CPU); ``ignore`` (code, paper) does not look
    for them."""

    forced_cut_seconds: float = 5.0
    """Length of the pieces that a shot without cuts is cut into (code and paper)."""

    forced_cut_slack_seconds: float = 2.0
    """Only what is longer than ``forced_cut_seconds`` plus this is cut (code: 2; paper: 0)."""

    probe_fraction: float = 0.05
    """The two frames that stand for a piece lie at this fraction from its ends (code: 0.05; paper: 0.1)."""

    max_transition_distance: float = 0.67
    """A piece whose two probe frames are farther apart holds a transition and is dropped (code and paper: 1.0)."""

    max_stitch_distance: float = 0.42
    """Neighbouring pieces are one event unless the last probe of the one and the first probe of the next are farther
    apart than this (code and paper: 0.6)."""

    min_seconds: float = 2.5
    """Shorter events are dropped, before trimming (the released dataset: 2.5; active code line and paper: 2)."""

    still_distance: float = 0.02
    """An event whose first and last probe are closer is a still picture and is dropped (code and paper: 0.15); 0: off.
    """

    redundancy_distance: float = 0.11
    """An event whose mean feature is closer than this to that of an earlier kept event repeats it and is dropped
    (the released dataset and paper: 0.3; active code line: 0, off)."""

    max_seconds: float = 60.0
    """Longer events keep their beginning (the released dataset and paper: 60; active code line: 1200)."""

    trim_fraction: float = 0.1
    """Cut off both ends of what is left (the released dataset and paper: 0.1; active code line: 0)."""

    def __post_init__(self) -> None:
        check_choice("effort", self.effort, ("doubtful", "all"))
        check_choice("detector", self.detector, ("content", "adaptive"))
        check_choice("flash_mode", self.flash_mode, ("suppress", "merge"))
        check_choice("gradual", self.gradual, ("trim", "learned", "ignore"))
        check_range("detector_threshold", self.detector_threshold, 0, 255)
        check_range("detector_floor", self.detector_floor, 0, 255)
        check_range("min_shot_frames", self.min_shot_frames, 1, 10**6)
        if self.black_luma is not None:
            check_range("black_luma", self.black_luma, 0, 1)
        check_range("forced_cut_seconds", self.forced_cut_seconds, 0.1, 3600)
        check_range("forced_cut_slack_seconds", self.forced_cut_slack_seconds, 0, 3600)
        check_range("probe_fraction", self.probe_fraction, 0, 0.5)
        for name in ("max_transition_distance", "max_stitch_distance", "still_distance", "redundancy_distance"):
            check_range(name, getattr(self, name), 0, 2)
        check_range("min_seconds", self.min_seconds, 0, self.max_seconds)
        check_range("max_seconds", self.max_seconds, 0.1, 10**6)
        check_range("trim_fraction", self.trim_fraction, 0, 0.49)

    @classmethod
    def preset(cls, name: Preset) -> SplitSettings:
        """One of the named sets: ``default``, ``panda70m``, ``official-code``, ``paper``, ``learned``.

        Raises:
            ValueError: for another name.
        """
        check_choice("preset", name, tuple(PRESETS))
        return PRESETS[name]


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ``ValueError`` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name}={value!r}: choose one of {', '.join(choices)}")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ``ValueError`` unless ``low <= value <= high`` (NaN is outside)."""
    if not low <= value <= high:
        raise ValueError(f"{name}={value!r}: expected a number from {low} to {high}")


DEFAULT = SplitSettings()
"""The rules of ``panda70m`` with what the calibration found for the embedded descriptor."""

PANDA70M = SplitSettings(
    effort="all",
    detector="content",
    detector_threshold=25.0,
    min_shot_frames=15,
    black_luma=None,
    gradual="ignore",
    max_transition_distance=1.0,
    max_stitch_distance=0.6,
    still_distance=0.15,
    redundancy_distance=0.3,
)
"""What made the released dataset: the line that the official code carries as a comment."""

OFFICIAL_CODE = dataclasses.replace(
    PANDA70M,
    min_seconds=2.0,
    max_seconds=1200.0,
    redundancy_distance=0.0,
    trim_fraction=0.0,
)
"""The line that is active in the official code."""

PAPER = dataclasses.replace(
    PANDA70M,
    forced_cut_slack_seconds=0.0,
    probe_fraction=0.1,
    min_seconds=2.0,
)
"""What appendix A of the paper describes."""

LEARNED = dataclasses.replace(DEFAULT, gradual="learned")
"""The default with a learned detector of gradual transitions, which is an extra."""

PRESETS: dict[str, SplitSettings] = {
    "default": DEFAULT,
    "panda70m": PANDA70M,
    "official-code": OFFICIAL_CODE,
    "paper": PAPER,
    "learned": LEARNED,
}
"""The named sets, by the words the command line takes."""
