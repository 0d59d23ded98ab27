"""Turning decoded pictures upright: the display matrix of phones and cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """How a decoded picture becomes the picture shown: first transposed, then flipped."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """What the display matrix of a decoded frame asks for, rounded to quarter turns; upright where there is none.

        libav's matrix maps a decoded point (x, y), y down, to the shown point (a*x + c*y, b*x + d*y).
        """
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        (a, b), (c, d) = np.frombuffer(data, "=i4").reshape(3, 3)[:2, :2].tolist()  # type: ignore[call-overload]
        if abs(a) >= abs(b):
            return cls(False, d < 0, a < 0)
        return cls(True, b < 0, c < 0)

    @property
    def is_upright(self) -> bool:
        """Whether nothing needs to be done."""
        return not (self.transpose or self.flip_rows or self.flip_columns)

    @property
    def clockwise_degrees(self) -> int:
        """The turn in degrees clockwise: 0, 90, 180 or 270. A mirrored video counts as its turn before mirroring."""
        if self.transpose:
            return 90 if self.flip_columns else 270
        return 180 if self.flip_rows else 0

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) as shown of a picture decoded at ``height`` and ``width``; its own inverse."""
        return (width, height) if self.transpose else (height, width)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture [h, w, ...] as shown; a view, nothing is copied."""
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        return picture[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
