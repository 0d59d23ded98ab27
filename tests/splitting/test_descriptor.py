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
