"""FVD against scipy's matrix square root, and distances that follow from arithmetic."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

evaluate = pytest.importorskip("evaluate")
from panda_hf.metrics.fvd.fvd import frechet_distance  # noqa: E402

METRIC = str(Path(__file__).parents[2] / "panda_hf/metrics/fvd")


def features(seed: int, count: int = 200, size: int = 12) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, size)) @ generator.normal(size=(size, size)) + seed


@pytest.mark.parametrize("covariance, ddof", [("unbiased", 1), ("biased", 0)])
def test_the_distance_equals_the_one_with_scipys_matrix_root(covariance, ddof: int) -> None:
    linalg = pytest.importorskip("scipy.linalg")
    one, two = features(0), features(1, count=150)
    a, b = np.cov(one.T, ddof=ddof), np.cov(two.T, ddof=ddof)
    gap = one.mean(0) - two.mean(0)
    expected = gap @ gap + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert frechet_distance(one, two, covariance=covariance) == pytest.approx(expected, rel=1e-8)


def test_the_same_features_have_no_distance_and_a_shift_has_its_square() -> None:
    one = features(2)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(one + 3, one) == pytest.approx(9 * 12, rel=1e-8)


def test_in_one_dimension_it_is_the_difference_of_means_and_of_deviations() -> None:
    one, two = np.array([[0.0], [2.0]]), np.array([[5.0], [11.0]])
    assert frechet_distance(one, two) == pytest.approx((8 - 1) ** 2 + (18**0.5 - 2**0.5) ** 2)


def test_fewer_videos_than_dimensions_warn_and_stay_finite() -> None:
    with pytest.warns(UserWarning, match="singular"):
        assert np.isfinite(frechet_distance(features(0, count=5), features(1, count=5)))


def test_videos_go_through_any_encoder_and_sets_may_differ_in_size() -> None:
    videos = np.random.default_rng(0).normal(size=(30, 3, 4, 2, 2))
    metric = evaluate.load(METRIC)

    def encoder(batch):
        return np.stack([video.mean(axis=(1, 2, 3)) for video in batch])

    found = metric.compute(predictions=videos[:20], references=videos[10:], encoder=encoder, batch_size=7)
    plain = videos.mean(axis=(2, 3, 4))
    assert found["fvd"] == frechet_distance(plain[:20], plain[10:])
    assert (found["covariance"], found["num_predictions"], found["dimensions"]) == ("unbiased", 20, 3)


def test_a_torchscript_file_is_an_encoder(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Mean(torch.nn.Module):
        def forward(self, videos):
            return videos.mean(dim=(2, 3, 4))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Mean()).save(str(tmp_path / "mean.pt"))
        videos = np.random.default_rng(0).normal(size=(12, 3, 4, 2, 2)).astype("float32")
        found = evaluate.load(METRIC).compute(
            predictions=videos[:6], references=videos[6:], encoder=str(tmp_path / "mean.pt")
        )
    plain = videos.mean(axis=(2, 3, 4))
    assert found["fvd"] == pytest.approx(frechet_distance(plain[:6], plain[6:]), rel=1e-4)


def test_wrong_features_are_named() -> None:
    with pytest.raises(ValueError, match="video 1 are not all finite"):
        frechet_distance([[0.0], [float("nan")]], [[0.0], [1.0]])
    with pytest.raises(ValueError, match="use one encoder"):
        frechet_distance(features(0), features(0, size=3))
