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
SHARES = (0.4, 0.3, 0.3)
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
    image = cv2.resize(yuv, SIZE[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    strength, direction = _edges(image[..., 0])
    small = _edge_counts(strength, direction)
    cells = small.reshape(CELLS[0], FINER, CELLS[1], FINER, DIRECTIONS).sum(axis=(1, 3))
    parts = (_colours(image), np.sqrt(cells + QUIET).ravel(), np.sqrt(small + QUIET).ravel())
    whole = [np.sqrt(share) * part / np.linalg.norm(part) for share, part in zip(SHARES, parts, strict=True)]
    return np.concatenate(whole).astype(np.float32)


def _colours(image: Array) -> Array:
    chroma = (image[..., 1:] - 0.5) * CHROMA_GAIN + 0.5
    luma_counts = _soft_counts((image[..., 0],), LUMA_BINS)
    return np.sqrt(np.concatenate([luma_counts, _soft_counts((chroma[..., 0], chroma[..., 1]), CHROMA_BINS)]))


def _soft_counts(channels: tuple[Array, ...], bins: int) -> Array:
    """Joint histogram, in each quarter, of channels in [0, 1]; each value is shared between its two nearest bins."""
    length = QUARTERS[0] * QUARTERS[1] * bins ** len(channels)
    shares: list[tuple[npt.NDArray[np.intp], Array]] = [(_cells(QUARTERS), np.ones(SIZE, np.float32))]
    for channel in channels:
        position = np.clip(channel, 0, 1) * (bins - 1)
        low = np.minimum(position.astype(np.intp), bins - 2)
        upper = position - low
        shares = [
            (cell * bins + low + turn, share * (upper if turn else 1 - upper))
            for cell, share in shares
            for turn in (0, 1)
        ]
    return np.sum([np.bincount(cell.ravel(), share.ravel(), length) for cell, share in shares], axis=0)


@cache
def _cells(grid: tuple[int, int]) -> npt.NDArray[np.intp]:
    """For each pixel the number of the cell of a grid it lies in."""
    rows = np.arange(SIZE[0])[:, None] * grid[0] // SIZE[0]
    columns = np.arange(SIZE[1]) * grid[1] // SIZE[1]
    return rows * grid[1] + columns


def _edges(luma: Array) -> tuple[Array, Array]:
    """Strength and direction (0 to ``DIRECTIONS``, which is 0 again) of the edge at each pixel."""
    dx, dy = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(dx, dy)
    return np.asarray(strength, np.float32), np.asarray(angle, np.float32) * (DIRECTIONS / (2 * np.pi))


def _edge_counts(strength: Array, direction: Array) -> Array:
    """Edges by small cell and direction, each shared between the two nearest directions; [rows * columns * 8]."""
    cell = _cells(SMALL_CELLS) * DIRECTIONS
    low = direction.astype(np.intp)
    upper = strength * (direction - low)
    places = np.stack([cell + low % DIRECTIONS, cell + (low + 1) % DIRECTIONS])
    weights = np.stack([strength - upper, upper])
    counts = np.bincount(places.ravel(), weights.ravel(), SMALL_CELLS[0] * SMALL_CELLS[1] * DIRECTIONS)
    return np.asarray(counts, np.float64)
