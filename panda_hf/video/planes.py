"""Reading every n-th sample of decoded planes, without conversion where the pixel format allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

_NEUTRAL_CHROMA = 128
_PLANAR = re.compile(r"yuvj?a?(?P<chroma>4\d\d)p(?P<bits>\d+)?(?P<order>le)?$")
_GRAY = re.compile(r"gray(?P<bits>\d+)?(?P<order>le)?$")
_SEMIPLANAR = {"nv12": ("420", 8, 0), "nv21": ("420", 8, 1), "nv16": ("422", 8, 0), "nv24": ("444", 8, 0)}
_SEMIPLANAR |= {"p010le": ("420", 16, 0), "p210le": ("422", 16, 0), "p016le": ("420", 16, 0)}
_CHROMA_SHIFTS = {"444": (0, 0), "440": (1, 0), "422": (0, 1), "420": (1, 1), "411": (0, 2), "410": (2, 2)}


@dataclass(frozen=True)
class Layout:
    """Where a pixel format keeps its samples."""

    bits: int  # of a sample; more than 8 means 16-bit words
    row_shift: int  # chroma rows = luma rows >> row_shift
    column_shift: int
    chroma: tuple[tuple[int, int], ...]  # (plane, offset in it) of U and V; empty for grey
    interleaved: int  # chroma samples between two U: 1 planar, 2 as in NV12


def yuv_samples(frame: VideoFrame, step: int, out: NDArray[np.uint8]) -> None:
    """Write every ``step``-th decoded sample of a frame to ``out`` [ceil(h/step), ceil(w/step), 3], as Y, U, V.

    Samples are as stored (limited or full range as the file has it), high bit depths shifted to 8. Formats other than
    planar or semi-planar YUV and grey are converted by libav, at the reduced size.
    """
    layout = layout_of(frame.format.name)
    planes = frame.planes
    if layout is None or any(plane.line_size <= 0 for plane in planes):
        _converted(frame, out)
        return
    height, width = frame.height, frame.width
    out[..., 0] = _samples(planes[0], layout.bits, height, width, step, 0, 0, 0, 1)
    if not layout.chroma:
        out[..., 1:] = _NEUTRAL_CHROMA
    shifts = (layout.row_shift, layout.column_shift)
    for channel, (plane, offset) in enumerate(layout.chroma, start=1):
        out[..., channel] = _samples(
            planes[plane], layout.bits, height, width, step, *shifts, offset, layout.interleaved
        )


@lru_cache(maxsize=64)
def layout_of(pixel_format: str) -> Layout | None:
    """The layout of a libav pixel format; ``None`` where it must be converted."""
    if match := _GRAY.match(pixel_format):
        return Layout(_bits(match), 0, 0, (), 1) if _readable(match) else None
    if match := _PLANAR.match(pixel_format):
        if match["chroma"] not in _CHROMA_SHIFTS or not _readable(match):
            return None
        return Layout(_bits(match), *_CHROMA_SHIFTS[match["chroma"]], ((1, 0), (2, 0)), 1)
    if pixel_format in _SEMIPLANAR:
        chroma, bits, first = _SEMIPLANAR[pixel_format]
        return Layout(bits, *_CHROMA_SHIFTS[chroma], ((1, first), (1, 1 - first)), 2)
    return None


def _bits(match: re.Match[str]) -> int:
    return int(match["bits"] or 8)


def _readable(match: re.Match[str]) -> bool:
    return _bits(match) == 8 or (match["order"] == "le" and _bits(match) <= 16)


def _samples(
    plane: VideoPlane,
    bits: int,
    height: int,
    width: int,
    step: int,
    row_shift: int,
    column_shift: int,
    offset: int,
    interleaved: int,
) -> NDArray[np.uint8]:
    rows = -((-height) >> row_shift)
    columns = -((-width) >> column_shift)
    word = np.dtype("u1") if bits == 8 else np.dtype("<u2")
    grid = np.ndarray(
        (rows, columns),
        dtype=word,
        buffer=memoryview(plane),
        offset=offset * word.itemsize,
        strides=(plane.line_size, interleaved * word.itemsize),
    )
    picked = grid[_every(step, height, row_shift)][:, _every(step, width, column_shift)]
    return picked if bits == 8 else (picked >> (bits - 8)).astype(np.uint8)


def _every(step: int, length: int, shift: int) -> slice | NDArray[np.intp]:
    if step % (1 << shift) == 0:
        return slice(None, None, step >> shift)
    return np.arange(0, length, step) >> shift


def _converted(frame: VideoFrame, out: NDArray[np.uint8]) -> None:
    height, width = out.shape[:2]
    small = frame.reformat(width=width, height=height, format="yuv444p", interpolation="POINT")
    for channel, plane in enumerate(small.planes):
        out[..., channel] = np.ndarray((height, width), np.uint8, memoryview(plane), 0, (plane.line_size, 1))
