"""`DesirableFiltering`: one of the six labels of the release for each clip, by rules over measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets import Features, Value

from panda_hf.stage import Batch, Row, Stage, run_rows

LABELS = (
    "desirable",
    "0_low_desirable_score",
    "1_still_foreground_image",
    "2_tiny_camera_movement",
    "3_screen_in_screen",
    "4_computer_screen_recording",
)
"""As the release spells them (update of October 2024)."""


@dataclass(frozen=True, kw_only=True)
class DesirableFiltering(Stage):
    """Append `desirable_filtering`: ``desirable``, or which of the release's five faults a clip has.

    How the release found its labels was not published; these are rules of our own over the columns of
    :class:`~panda_hf.measuring.MeasureFrames`, and agree with the release's labels by name and intention, not clip by
    clip. The first that holds counts: a recorded screen (flat, written on, still for the most part), a screen in a
    screen, a picture in which nothing moves; for ``0_low_desirable_score``, where the release has a learned score, a
    picture that is blurred, dark, mostly border or mostly text; then one that moves as a whole and hardly. A clip of
    which no motion is known is judged by what is known::

        apply(apply(clips, MeasureFrames()), DesirableFiltering(least_sharpness=0.03))
    """

    screen_flat_area: float = 0.45
    """A recorded screen: so much of it is flat at least,"""
    screen_still_area: float = 0.6
    """so much never changes at least,"""
    screen_text_area: float = 0.02
    """and so much looks like text at least."""
    least_inset_area: float = 0.05
    """A screen in a screen takes so much of the picture at least."""
    still_area: float = 0.97
    """A still picture: so much never changes at least."""
    tiny_motion: float = 0.005
    """Tiny: the whole picture moves less than so many of its diagonals a second,"""
    tiny_own_motion: float = 0.001
    """and what moves by itself less than that."""
    least_sharpness: float = 0.015
    """Below it a picture is blurred."""
    least_brightness: float = 0.04
    """Below it a picture is dark."""
    most_black_border: float = 0.6
    """Above it a picture is mostly border."""
    most_text_area: float = 0.3
    """Above it a picture is mostly text."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Measures that every clip has."""
        return ("sharpness", "brightness", "black_border", "text_area", "flat_area")

    @property
    def uses(self) -> tuple[str, ...]:
        """Measures that want two frames."""
        return ("motion", "own_motion", "still_area", "inset_area")

    @property
    def appends(self) -> Features:
        """The column ``desirable_filtering``."""
        return Features({"desirable_filtering": Value("string")})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """One label for each clip."""
        return run_rows(lambda row: {"desirable_filtering": self.label(row)}, batch, list(self.appends))

    def provenance(self) -> dict[str, Any]:
        """That the labels are not the release's."""
        return {"labels": "rules over measures; the release's own classifier was not published"}

    def label(self, row: Row) -> str:
        """The label of a clip, by its measures."""
        desirable, low, still, tiny, inset, screen = LABELS
        if self._is_screen(row):
            return screen
        if _known(row["inset_area"], 0.0) >= self.least_inset_area:
            return inset
        if _known(row["still_area"], 0.0) >= self.still_area:
            return still
        if self._is_poor(row):
            return low
        is_tiny = (
            _known(row["motion"], 1.0) < self.tiny_motion and _known(row["own_motion"], 1.0) < self.tiny_own_motion
        )
        return tiny if is_tiny else desirable

    def _is_screen(self, row: Row) -> bool:
        return bool(
            row["flat_area"] >= self.screen_flat_area
            and row["text_area"] >= self.screen_text_area
            and _known(row["still_area"], 1.0) >= self.screen_still_area
        )

    def _is_poor(self, row: Row) -> bool:
        return bool(
            row["sharpness"] < self.least_sharpness
            or row["brightness"] < self.least_brightness
            or row["black_border"] > self.most_black_border
            or row["text_area"] > self.most_text_area
        )


def _known(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
