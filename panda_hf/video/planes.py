"""Reading every n-th sample of decoded planes, without conversion where the pixel format allows."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

_NEUTRAL_CHROMA = 128
_PLANAR = re.compile(r"yuvj?a?(?P<chroma>4\d\d)p(?P<bits>\d+)?(?P<order>le)?$")
_GRAY = re.compile(r"gray(?P<bits>\d+)?(?P<order>le)?$")
# pixel format: (chroma subsampling, bits of a word that count, which of the interleaved chroma samples is U)
_SEMIPLANAR = {
    "nv12": ("420", 8, 0),
    "nv21": ("420", 8, 1),
    "nv16": ("422", 8, 0),
    "nv24": ("444", 8, 0),
    "p010le": ("420", 16, 0),
    "p210le": ("422", 16, 0),
    "p016le": ("420", 16, 0),
}
# subsampling: (rows, columns) of luma per chroma sample, as powers of two
_CHROMA_SHIFTS = {"444": (0, 0), "440": (1, 0), "422": (0, 1), "420": (1, 1), "411": (0, 2), "410": (2, 2)}


class _Layout(NamedTuple):
    """Where a pixel format keeps its samples."""

    bits: int  # of a sample; more than 8 means 16-bit words
    shifts: tuple[int, int]
    chroma: tuple[tuple[int, int], ...]  # (plane, offset in it) of U and V; empty for grey
    interleaved: int  # words from one U to the next: 1 planar, 2 as in NV12


class _Pick(NamedTuple):
    """How one channel is read from its plane."""

    plane: int
    shape: tuple[int, int]
    offset: int  # bytes
    stride: int  # bytes from one sample of a row to the next
    at: Any  # index of the wanted samples


class _Plan(NamedTuple):
    word: np.dtype[Any]
    shift: int  # from the stored bit depth down to 8
    picks: tuple[_Pick, ...]


def yuv_samples(frame: VideoFrame, step: int, out: NDArray[np.uint8]) -> None:
    """Write every ``step``-th decoded sample of a frame to ``out`` [ceil(h/step), ceil(w/step), 3], as Y, U, V.

    Samples are as stored (limited or full range as the file has it), high bit depths shifted to 8. Formats other than
    planar or semi-planar YUV and grey are converted by libav, at the reduced size.
    """
    plan = _plan(frame.format.name, frame.height, frame.width, step)
    planes = frame.planes
    if plan is None or planes[0].line_size <= 0:
        _converted(frame, out)
        return
    word, shift, picks = plan
    for channel, (index, shape, offset, stride, at) in enumerate(picks):
        plane = planes[index]
        samples = np.ndarray(shape, word, memoryview(plane), offset, (plane.line_size, stride))[at]
        out[..., channel] = samples >> shift if shift else samples
    if len(picks) == 1:
        out[..., 1:] = _NEUTRAL_CHROMA


@lru_cache(maxsize=64)
def _plan(pixel_format: str, height: int, width: int, step: int) -> _Plan | None:
    layout = _layout(pixel_format)
    if layout is None:
        return None
    word = np.dtype("u1" if layout.bits == 8 else "<u2")
    row_shift, column_shift = layout.shifts
    shape = -(-height >> row_shift), -(-width >> column_shift)
    luma = _Pick(0, (height, width), 0, word.itemsize, _every(step, height, width, 0, 0))
    at = _every(step, height, width, row_shift, column_shift)
    stride = layout.interleaved * word.itemsize
    chroma = [_Pick(plane, shape, offset * word.itemsize, stride, at) for plane, offset in layout.chroma]
    return _Plan(word, layout.bits - 8, (luma, *chroma))


def _layout(pixel_format: str) -> _Layout | None:
    """The layout of a libav pixel format; ``None`` where it must be converted."""
    if match := _GRAY.match(pixel_format):
        return _Layout(_bits(match), (0, 0), (), 1) if _is_readable(match) else None
    if match := _PLANAR.match(pixel_format):
        if match["chroma"] not in _CHROMA_SHIFTS or not _is_readable(match):
            return None
        return _Layout(_bits(match), _CHROMA_SHIFTS[match["chroma"]], ((1, 0), (2, 0)), 1)
    if pixel_format in _SEMIPLANAR:
        subsampling, bits, first = _SEMIPLANAR[pixel_format]
        return _Layout(bits, _CHROMA_SHIFTS[subsampling], ((1, first), (1, 1 - first)), 2)
    return None


def _bits(match: re.Match[str]) -> int:
    return int(match["bits"] or 8)


def _is_readable(match: re.Match[str]) -> bool:
    return _bits(match) == 8 or (match["order"] == "le" and _bits(match) <= 16)


def _every(step: int, height: int, width: int, row_shift: int, column_shift: int) -> Any:
    """The index of every ``step``-th luma position in a plane subsampled by powers of two."""
    if step % (1 << row_shift) == 0 and step % (1 << column_shift) == 0:
        return slice(None, None, step >> row_shift), slice(None, None, step >> column_shift)
    return np.ix_(np.arange(0, height, step) >> row_shift, np.arange(0, width, step) >> column_shift)


def _converted(frame: VideoFrame, out: NDArray[np.uint8]) -> None:
    height, width = out.shape[:2]
    small = frame.reformat(width=width, height=height, format="yuv444p", interpolation="POINT")
    for channel, plane in enumerate(small.planes):
        out[..., channel] = np.ndarray((height, width), np.uint8, memoryview(plane), 0, (plane.line_size, 1))
