"""A description of an image without learned weights: which colours, and which way the edges run, in which part."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.floating]

SIZE = (36, 48)
"""Rows and columns every image is brought to first, its shape ignored."""

LUMA_BINS, CHROMA_BINS, DIRECTIONS = 8, 6, 8
QUARTERS, CELLS, FINER = (2, 2), (3, 4), 2
SMALL_CELLS = CELLS[0] * FINER, CELLS[1] * FINER
_COLUMNS = 8  # of tables of bins; those without a bin hold zeros, for to multiply six takes twice as long
SHARES = (0.2, 0.2, 0.3, 0.3)
"""Weights of colours in quarters, edges in cells, edges in small cells. They sum to 1: the vector has length 1."""

QUIET = 0.3
"""Added to every edge histogram, so that the noise of a plain picture is no edge (full contrast is 4)."""

CHROMA_GAIN = 2.5
"""Chroma rarely leaves the middle of its range: the bins divide this fraction of it."""


def describe(yuv: Image) -> npt.NDArray[np.float32]:
    """A unit vector for one image; the nearer two are (Euclidean, at most 2), the more alike the images.

    Colours are counted in the quarters of the image, edge directions in a coarse and in a fine grid. Histograms enter
    as square roots, which makes distances Hellinger distances: a small object on a plain ground still counts.

    Args:
        yuv: uint8 [h, w, 3] of any size; 80 x 45 is enough.
    """
    image = np.asarray(cv2.resize(yuv, SIZE[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    luma = np.asarray(cv2.extractChannel(image, 0), np.uint8)
    small = _edge_counts(*_edges(luma)).reshape(CELLS[0], FINER, CELLS[1], FINER, DIRECTIONS)
    cells = small.sum(axis=3).sum(axis=1)
    parts = *_colours(image), cells + QUIET, small + QUIET
    edges = float(cells.sum())
    sums = (SIZE[0] * SIZE[1],) * 2 + tuple(edges + QUIET * part.size for part in (cells, small))
    whole = [part.ravel() * (share / total) for part, share, total in zip(parts, SHARES, sums, strict=True)]
    return np.sqrt(np.concatenate(whole, dtype=np.float32))


def _colours(image: Image) -> tuple[Array, Array]:
    """The counts, in each quarter, of luma, and of the two chroma values together."""
    rows, columns = QUARTERS
    quarters = image.reshape(rows, SIZE[0] // rows, columns, SIZE[1] // columns, 3).transpose(4, 0, 2, 1, 3)
    luma, u, v = np.ascontiguousarray(quarters).reshape(3, rows * columns, -1)
    values = np.bincount((luma + 256 * np.arange(len(luma))[:, None]).ravel(), minlength=256 * len(luma))
    chroma_shares = _shares_of_bins(CHROMA_BINS, CHROMA_GAIN)
    u_shares, v_shares = np.take(chroma_shares, u, axis=0), np.take(chroma_shares, v, axis=0)
    pairs = u_shares.transpose(0, 2, 1) @ v_shares
    return values.reshape(-1, 256) @ _shares_of_bins(LUMA_BINS), pairs[:, :CHROMA_BINS, :CHROMA_BINS]


@cache
def _shares_of_bins(bins: int, gain: float = 1.0) -> npt.NDArray[np.float32]:
    """[256, 8]: how each value is shared between its two nearest bins."""
    position = np.clip((np.arange(256) / 255 - 0.5) * gain + 0.5, 0, 1) * (bins - 1)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(_COLUMNS))).astype(np.float32)


@cache
def _places() -> npt.NDArray[np.intp]:
    """For each pixel where its small cell begins among the counts of edges, one more than directions for each."""
    rows = np.arange(SIZE[0])[:, None] * SMALL_CELLS[0] // SIZE[0]
    columns = np.arange(SIZE[1]) * SMALL_CELLS[1] // SIZE[1]
    return (rows * SMALL_CELLS[1] + columns) * (DIRECTIONS + 1)


def _edges(luma: Image) -> tuple[Array, Array]:
    """Strength and direction (0 to ``DIRECTIONS``, which is 0 again) of the edge at each pixel."""
    dx, dy = (cv2.Sobel(luma, cv2.CV_32F, *order, scale=1 / 255) for order in ((1, 0), (0, 1)))
    strength, angle = cv2.cartToPolar(dx, dy)
    return np.asarray(strength, np.float32), np.asarray(angle, np.float32) * (DIRECTIONS / (2 * np.pi))


def _edge_counts(strength: Array, direction: Array) -> Array:
    """Edges by small cell and direction, each shared between the two nearest directions; [rows * columns, 8]."""
    low = direction.astype(np.intp)
    place, length = (_places() + low).ravel(), SMALL_CELLS[0] * SMALL_CELLS[1] * (DIRECTIONS + 1)
    upper = np.bincount(place, (strength * (direction - low)).ravel(), length)
    counts = np.bincount(place, strength.ravel(), length) - upper
    counts[1:] += upper[:-1]
    counts = counts.reshape(-1, DIRECTIONS + 1)
    counts[:, 0] += counts[:, DIRECTIONS]
    return np.asarray(counts[:, :DIRECTIONS], np.float64)
