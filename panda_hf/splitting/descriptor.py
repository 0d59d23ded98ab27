"""A description of an image without learned weights: which colours, and which way the edges run, in which part."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.floating]

SIZE = (72, 96)
"""Rows and columns every image is brought to first, its shape ignored."""

LUMA_BINS, CHROMA_BINS, DIRECTIONS = 8, 6, 8
QUARTERS, CELLS, SMALL_CELLS = (2, 2), (3, 4), (6, 8)
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
    parts = (_colours(image), _histogram(strength, direction, CELLS), _histogram(strength, direction, SMALL_CELLS))
    whole = [np.sqrt(share) * part / np.linalg.norm(part) for share, part in zip(SHARES, parts, strict=True)]
    return np.concatenate(whole).astype(np.float32)


def _colours(image: Array) -> Array:
    chroma = (image[..., 1:] - 0.5) * CHROMA_GAIN + 0.5
    rows = np.array_split(np.arange(SIZE[0]), QUARTERS[0])
    columns = np.array_split(np.arange(SIZE[1]), QUARTERS[1])
    quarters = [np.ix_(r, c) for r in rows for c in columns]
    counts = [
        histogram
        for quarter in quarters
        for histogram in (
            _soft_counts(image[..., 0][quarter].ravel()[:, None], LUMA_BINS),
            _soft_counts(chroma[quarter].reshape(-1, 2), CHROMA_BINS),
        )
    ]
    return np.sqrt(np.concatenate(counts))


def _soft_counts(values: Array, bins: int) -> Array:
    """Histogram of points [n, d] in [0, 1]^d, each shared between its neighbouring bins; flat, bins ** d long."""
    position = np.clip(values, 0, 1) * (bins - 1)
    low = np.minimum(position.astype(int), bins - 2)
    upper_share = position - low
    counts = np.zeros(bins ** values.shape[1])
    for corner in np.ndindex(*(2,) * values.shape[1]):
        share = np.where(corner, upper_share, 1 - upper_share).prod(axis=1)
        index = np.ravel_multi_index(tuple((low + corner).T), (bins,) * values.shape[1])
        counts += np.bincount(index, share, len(counts))
    return counts


def _edges(luma: Array) -> tuple[Array, Array]:
    """Strength and direction (0 to ``DIRECTIONS``, which is 0 again) of the edge at each pixel."""
    dx, dy = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(dx, dy)
    return np.asarray(strength, np.float32), np.asarray(angle, np.float32) * (DIRECTIONS / (2 * np.pi))


def _histogram(strength: Array, direction: Array, grid: tuple[int, int]) -> Array:
    """Edges by cell and direction, each shared between the two nearest directions."""
    rows = np.arange(SIZE[0])[:, None] * grid[0] // SIZE[0]
    columns = np.arange(SIZE[1]) * grid[1] // SIZE[1]
    cell = (rows * grid[1] + columns) * DIRECTIONS
    low = direction.astype(np.intp)
    upper_share = direction - low
    counts = np.full(grid[0] * grid[1] * DIRECTIONS, QUIET)
    for turn, share in ((low, 1 - upper_share), (low + 1, upper_share)):
        counts += np.bincount((cell + turn % DIRECTIONS).ravel(), (strength * share).ravel(), len(counts))
    return np.sqrt(counts)
