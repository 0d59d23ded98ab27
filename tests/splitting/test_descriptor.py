"""What the descriptor must tell apart and what not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from panda_hf.splitting.descriptor import describe

from .films import moving, textured


def feature(rgb: np.ndarray) -> np.ndarray:
    return describe(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV))


def apart(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.linalg.norm(feature(one) - feature(two)))


@pytest.mark.parametrize("shape", [(1, 1, 3), (45, 80, 3), (160, 90, 3), (96, 160, 3)])
def test_it_is_a_unit_vector_for_any_size(shape: tuple[int, int, int]):
    for image in (np.zeros(shape, np.uint8), np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)):
        vector = describe(image)
        assert vector.dtype == np.float32 and vector.ndim == 1
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def by_the_book(yuv: np.ndarray) -> np.ndarray:
    """The same descriptor, pixel by pixel."""
    rows, columns = 36, 48
    image = cv2.resize(yuv, (columns, rows), interpolation=cv2.INTER_AREA)
    dx, dy = (cv2.Sobel(image[..., 0], cv2.CV_64F, *order) / 255 for order in ((1, 0), (0, 1)))
    luma, chroma = np.zeros((2, 2, 8)), np.zeros((2, 2, 6, 6))
    cells, small = np.full((3, 4, 8), 0.3), np.full((6, 8, 8), 0.3)
    for row, column in np.ndindex(rows, columns):
        quarter, pixel = (row // 18, column // 24), image[row, column] / 255
        place = pixel[0] * 7
        luma[quarter] += np.maximum(0, 1 - np.abs(place - np.arange(8)))
        u, v = (np.clip((each - 0.5) * 2.5 + 0.5, 0, 1) * 5 for each in pixel[1:])
        chroma[quarter] += np.outer(*(np.maximum(0, 1 - np.abs(each - np.arange(6))) for each in (u, v)))
        x, y = dx[row, column], dy[row, column]
        direction = np.arctan2(y, x) / (2 * np.pi) * 8 % 8
        share = direction % 1
        for bin_, part in ((int(direction), 1 - share), (int(direction) + 1, share)):
            small[row // 6, column // 6, bin_ % 8] += part * np.hypot(x, y)
            cells[row // 12, column // 12, bin_ % 8] += part * np.hypot(x, y)
    parts = [np.concatenate([luma.ravel(), chroma.ravel()]), cells.ravel(), small.ravel()]
    return np.concatenate(
        [np.sqrt(share * part / part.sum()) for share, part in zip((0.4, 0.3, 0.3), parts, strict=True)]
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_it_counts_colours_and_edges(seed: int):
    yuv = cv2.cvtColor(cv2.GaussianBlur(textured(seed), (9, 9), 3), cv2.COLOR_RGB2YUV)
    yuv[:40] = yuv[:1]  # edges of one direction alone, too
    assert describe(yuv) == pytest.approx(by_the_book(yuv), abs=1e-4)


def test_the_same_picture_in_another_size_is_near():
    large = cv2.resize(textured(1), (320, 192), interpolation=cv2.INTER_NEAREST)
    assert apart(textured(1), large) < 0.1


def test_noise_moves_it_less_than_an_object_does_and_another_scene_more():
    first, *_, last = moving(1, 30)
    noisy = np.clip(first + np.random.default_rng(0).normal(0, 1, first.shape), 0, 255).astype(np.uint8)
    assert apart(first, noisy) < 0.04 < apart(first, last) < apart(first, textured(2))


def test_a_small_object_on_a_plain_ground_counts():
    one, two = (np.full((96, 160, 3), 120, np.uint8) for _ in range(2))
    one[40:56, 20:36] = two[40:56, 60:76] = (200, 40, 30)
    assert apart(one, two) > 0.1
