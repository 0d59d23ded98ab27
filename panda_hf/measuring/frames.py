"""`MeasureFrames`: numbers of the frames that a clip carries, by which clips may be chosen later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from datasets import Features, Value

from panda_hf.measuring.border import BLACK_BORDER
from panda_hf.measuring.measure import Look, Measure
from panda_hf.measuring.motion import MOTION
from panda_hf.measuring.picture import BRIGHTNESS, SHARPNESS
from panda_hf.measuring.screens import SCREENS
from panda_hf.measuring.text import TEXT_AREA
from panda_hf.stage import Batch, Row, Stage, run_rows
from panda_hf.video import unpack_frames

MEASURES: dict[str, Measure] = {
    "motion": MOTION,
    "sharpness": SHARPNESS,
    "brightness": BRIGHTNESS,
    "black_border": BLACK_BORDER,
    "text_area": TEXT_AREA,
    "screens": SCREENS,
}
"""The measures by their names."""


@dataclass(frozen=True, kw_only=True)
class MeasureFrames(Stage):
    """Append the columns of some measures of a clip's frames; nothing is decoded and nothing is filtered.

    A value is ``None`` where a clip carries too few frames for it. ``panda-hf measure`` prints which share of the
    clips each limit would keep, ``Subset(limits=...)`` sets them::

        apply(clips, MeasureFrames(measures=("motion", "sharpness")))
    """

    measures: tuple[str, ...] = tuple(MEASURES)
    """Names of measures."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", tuple(self.measures))
        wrong = [name for name in self.measures if name not in MEASURES]
        if wrong or not self.measures or len(set(self.measures)) != len(self.measures):
            raise ValueError(f"measures={self.measures}: choose among {', '.join(MEASURES)}, each once")

    @property
    def reads(self) -> tuple[str, ...]:
        """Frame packs."""
        return ("frames",)

    @property
    def appends(self) -> Features:
        """One number for each column of each measure."""
        return Features({c.name: Value("float32") for name in self.measures for c in MEASURES[name].columns})

    def transform(self, batch: Batch, rank: int | None) -> Batch:
        """The numbers of each clip; a pack that shows nothing becomes a failure."""
        return run_rows(self._measure, batch, list(self.appends))

    def _measure(self, row: Row) -> Row:
        look = Look(unpack_frames(row["frames"]), np.asarray(row["frames"]["times"], np.float64))
        found = {column: value for name in self.measures for column, value in MEASURES[name].of(look).items()}
        # A stream is not cast to the type of its columns, so that the values have its precision already.
        return {column: None if value is None else float(np.float32(value)) for column, value in found.items()}
