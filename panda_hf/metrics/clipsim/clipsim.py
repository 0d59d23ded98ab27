"""CLIPSIM: the mean cosine between a text and each frame of the video made for it (GODIVA's definition)."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np

_DESCRIPTION = "CLIPSIM: mean text-frame cosine of generated videos, averaged over the frames, then over the videos."
_INPUTS = """
Args:
    predictions: one video per text: its frames as pictures, or their embeddings (frames x dimensions).
    references: the texts, or their embeddings.
    model: a folder or a Hub id of a CLIP-class model (not needed where all inputs are embeddings).
    batch_size: texts or frames at a time. device: where the model runs.
"""


class CLIPSIM(evaluate.Metric):
    """CLIPSIM; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Sequence(datasets.Image()), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(features),
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any] | None:
        """As `evaluate` has it; frames and embeddings given at once are not written to Arrow first."""
        if predictions is None:
            return super().compute(**options)
        return self._compute(predictions, references, **options)

    def _compute(
        self, predictions: Any, references: Any, model: str | None = None, batch_size: int = 32, device: str = "cpu"
    ) -> dict[str, Any]:
        if references is None or len(predictions) != len(references) or not len(references):
            raise ValueError(f"{len(predictions)} videos: give as many texts, one or more")
        encoder = Encoder(model, batch_size=batch_size, device=device) if model else None
        texts = unit(_texts(references, encoder), "texts")
        per_item = [
            _similarity(video, text, i, encoder)
            for i, (video, text) in enumerate(zip(predictions, texts, strict=True))
        ]
        return {"clipsim": float(np.mean(per_item)), "clipsims": per_item, "model": model}


def _similarity(video: Any, text: np.ndarray, index: int, encoder: Encoder | None) -> float:
    """Mean over the frames of the cosine with the text."""
    if not len(video):
        raise ValueError(f"video {index} has no frames")
    if np.asarray(video[0]).ndim == 1:
        frames = np.asarray(video, dtype=np.float64)
    elif encoder is None:
        raise ValueError(f"video {index} holds pictures: name a model, or give embeddings of its frames")
    else:
        frames = encoder.images(list(video))
    if frames.shape[1] != len(text):
        raise ValueError(f"frames of video {index} have {frames.shape[1]} numbers, its text {len(text)}")
    return float((unit(frames, f"video {index}") @ text).mean())


def _texts(texts: Any, encoder: Encoder | None) -> np.ndarray:
    if not isinstance(texts[0], str):
        return np.asarray(texts, dtype=np.float64)
    if encoder is None:
        raise ValueError("the references are texts: name a model, or give embeddings")
    return encoder.texts(list(texts))


def unit(vectors: Any, name: str) -> np.ndarray:
    """Rows of length 1; a row without direction is an error that names it."""
    vectors = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    wrong = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)).reshape(-1))
    if wrong.size:
        raise ValueError(f"{name}: embedding {wrong[0]} is zero or not finite")
    return vectors / norms


class Encoder:
    """A CLIP-class model of transformers: its towers give embeddings in one space."""

    def __init__(self, model: str, *, batch_size: int = 32, device: str = "cpu") -> None:
        import transformers

        self.model = transformers.AutoModel.from_pretrained(model).eval().to(device)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        self.image_processor = transformers.AutoImageProcessor.from_pretrained(model)
        self.batch_size, self.device = batch_size, device

    def texts(self, texts: list[str]) -> np.ndarray:
        """Embeddings of texts, longer ones cut to what the model reads."""
        # SigLIP was trained on texts padded to full length, and reads others wrongly.
        padding = "max_length" if "siglip" in self.model.config.model_type else True
        window = getattr(self.model.config, "text_config", self.model.config).max_position_embeddings
        settings = {"padding": padding, "truncation": True, "max_length": window, "return_tensors": "pt"}
        return self._in_batches(texts, lambda batch: self.tokenizer(batch, **settings), "get_text_features")

    def images(self, images: list[Any]) -> np.ndarray:
        """Embeddings of pictures."""
        return self._in_batches(
            images, lambda batch: self.image_processor(images=batch, return_tensors="pt"), "get_image_features"
        )

    def _in_batches(self, items: list[Any], prepare: Any, method: str) -> np.ndarray:
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(items), self.batch_size):
                inputs = prepare(items[start : start + self.batch_size]).to(self.device)
                out = getattr(self.model, method)(**inputs)
                found.append(getattr(out, "pooler_output", out).float().cpu().numpy())
        return np.concatenate(found).astype(np.float64)
