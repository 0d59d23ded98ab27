"""The Frechet distance between Gaussian fits of the features of real and of generated videos."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal

import datasets
import evaluate
import numpy as np

Encoder = Callable[[Any], Any]

_DESCRIPTION = "Frechet Video Distance: how far the features of generated videos lie from those of real ones."
_INPUTS = """
Args:
    predictions: features of the generated videos, one row each; or videos, where an encoder is given.
    references: the same of the real videos.
    encoder: a function from a batch of videos to features, or the path of a TorchScript file (for example the
        Kinetics I3D of StyleGAN-V and DIGAN). None: the inputs are features.
    batch_size: videos at a time for the encoder.
    covariance: "unbiased" (division by n - 1, as numpy.cov) or "biased" (by n).
    encoder_arguments: further keyword arguments of the encoder at each call.
"""


class FVD(evaluate.Metric):
    """Frechet Video Distance; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        features = {name: datasets.Sequence(datasets.Value("float64")) for name in ("predictions", "references")}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(features),
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any] | None:
        """As `evaluate` has it; both sets may differ in size, and are not written to Arrow first."""
        if predictions is None or references is None:
            return super().compute(predictions=predictions, references=references, **options)
        return self._compute(predictions, references, **options)

    def _compute(
        self,
        predictions: Any,
        references: Any,
        encoder: Encoder | str | None = None,
        batch_size: int = 8,
        covariance: Literal["unbiased", "biased"] = "unbiased",
        encoder_arguments: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        if encoder is not None:
            call = torchscript(encoder) if isinstance(encoder, str) else encoder
            extra = encoder_arguments or {}
            predictions = encode(predictions, lambda batch: call(batch, **extra), batch_size)  # type: ignore[call-arg]
            references = encode(references, lambda batch: call(batch, **extra), batch_size)  # type: ignore[call-arg]
        generated, real = _features(predictions, "predictions"), _features(references, "references")
        return {
            "fvd": frechet_distance(generated, real, covariance=covariance),
            "covariance": covariance,
            "dimensions": generated.shape[1],
            "num_predictions": len(generated),
            "num_references": len(real),
        }


def frechet_distance(generated: Any, real: Any, *, covariance: Literal["unbiased", "biased"] = "unbiased") -> float:
    """|mean difference|^2 + trace(A + B - 2 (A B)^(1/2)) of two sets of features, items x dimensions; 0 or more.

    Raises:
        ValueError: for fewer than two items, different dimensions, numbers that are not finite.
    """
    if covariance not in ("unbiased", "biased"):
        raise ValueError(f"covariance={covariance!r}: use 'unbiased' or 'biased'")
    left, right = _features(generated, "predictions"), _features(real, "references")
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"predictions have {left.shape[1]} dimensions, references {right.shape[1]}: use one encoder")
    if min(len(left), len(right)) <= left.shape[1]:
        warnings.warn(
            f"{min(len(left), len(right))} videos for {left.shape[1]} dimensions: the covariance is singular and the "
            "distance is biased upwards; compare only figures of the same numbers of videos",
            stacklevel=2,
        )
    ddof = 1 if covariance == "unbiased" else 0
    a, b = (np.atleast_2d(np.cov(one, rowvar=False, ddof=ddof)) for one in (left, right))
    gap = left.mean(axis=0) - right.mean(axis=0)
    return max(0.0, float(gap @ gap + np.trace(a) + np.trace(b) - 2 * trace_of_root(a, b)))


def trace_of_root(a: np.ndarray, b: np.ndarray) -> float:
    """Trace of (A B)^(1/2): the singular values of A^(1/2) B^(1/2), which stays real where A B is not symmetric."""
    return float(np.linalg.svd(_root(a) @ _root(b), compute_uv=False).sum())


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    # Rounding makes eigenvalues of a singular covariance slightly negative.
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def _features(features: Any, name: str) -> np.ndarray:
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or len(array) < 2:
        raise ValueError(f"{name} have the shape {array.shape}: expected two or more videos x dimensions of features")
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if wrong.size:
        raise ValueError(
            f"{name}: the features of video {wrong[0]} are not all finite; leave it out or encode it anew"
        )
    return array


def encode(videos: Iterable[Any], encoder: Encoder, batch_size: int = 8) -> np.ndarray:
    """Features of videos, batch by batch, so that no more than `batch_size` of them are in memory."""
    found, batch = [], []
    for video in videos:
        batch.append(video)
        if len(batch) == batch_size:
            found.append(_numbers(encoder(batch)))
            batch = []
    if batch:
        found.append(_numbers(encoder(batch)))
    if not found:
        raise ValueError("no videos to encode")
    return np.concatenate(found)


def _numbers(features: Any) -> np.ndarray:
    return np.asarray(features.detach().cpu() if hasattr(features, "detach") else features, dtype=np.float64)


def torchscript(path: str) -> Encoder:
    """The encoder in a TorchScript file, called with a float tensor (videos, channels, frames, height, width)."""
    import torch

    module = torch.jit.load(path, map_location="cpu").eval()

    def call(batch: Any, **arguments: Any) -> Any:
        with torch.inference_mode():
            tensors = [torch.as_tensor(np.asarray(video), dtype=torch.float32) for video in batch]
            return module(torch.stack(tensors), **arguments)

    return call
