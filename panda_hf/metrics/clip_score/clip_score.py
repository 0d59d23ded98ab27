"""CLIPScore and RefCLIPScore: how well a caption fits its picture or the frames of its video, by any CLIP."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np

_DESCRIPTION = "CLIPScore, 2.5 * max(cos(image, caption), 0), and RefCLIPScore where references are given."
_INPUTS = """
Args:
    predictions: captions, or their embeddings.
    images: one per caption: a picture, a list of frames (their embeddings are averaged), or an embedding.
    references: optional; for each caption its reference texts, or their embeddings.
    model: a folder or a Hub id of a CLIP-class model (not needed where all inputs are embeddings).
    prefix: put before each caption; the published metric uses "A photo depicts ".
    weight: 2.5. batch_size: texts or pictures at a time. device: where the model runs.
"""


class CLIPScore(evaluate.Metric):
    """CLIPScore; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "images": datasets.Image()}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(features),
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any] | None:
        """As `evaluate` has it; pictures and embeddings given at once are not written to Arrow first."""
        if predictions is None:
            return super().compute(**options)
        return self._compute(predictions=predictions, references=references, **options)

    def _compute(
        self,
        predictions: Any,
        images: Any = None,
        references: Any = None,
        model: str | None = None,
        prefix: str = "A photo depicts ",
        weight: float = 2.5,
        batch_size: int = 32,
        device: str = "cpu",
    ) -> dict[str, Any]:
        if images is None or len(predictions) != len(images) or not len(images):
            raise ValueError(f"{len(predictions)} predictions: give as many images, one or more")
        encoder = Encoder(model, batch_size=batch_size, device=device) if model else None
        texts = as_texts(predictions, encoder, prefix)
        per_item = clip_scores(texts, as_pictures(images, encoder), weight=weight)
        found = {"clip_score": float(per_item.mean()), "clip_scores": per_item.tolist(), "model": model}
        if references is not None:
            with_references = _with_references(per_item, texts, references, encoder, prefix)
            found |= {"ref_clip_score": float(with_references.mean()), "ref_clip_scores": with_references.tolist()}
        return found


def clip_scores(texts: np.ndarray, images: np.ndarray, *, weight: float = 2.5) -> np.ndarray:
    """weight * max(cosine, 0) of the rows of two matrices."""
    if texts.shape != images.shape:
        raise ValueError(f"captions have embeddings of shape {texts.shape}, images {images.shape}: use one model")
    return weight * np.clip((unit(texts, "captions") * unit(images, "images")).sum(axis=1), 0, None)


def _with_references(scores: np.ndarray, texts: np.ndarray, references: Any, encoder: Any, prefix: str) -> np.ndarray:
    """Harmonic mean of CLIPScore and the caption's best cosine with its references, not below 0."""
    if len(references) != len(scores):
        raise ValueError(f"references for {len(references)} captions, captions: {len(scores)}")
    found = np.zeros(len(scores))
    for index, (own, text) in enumerate(zip(references, unit(texts, "captions"), strict=True)):
        if not len(own):
            raise ValueError(f"caption {index} has no reference: leave references out, or give one or more")
        best = max(0.0, float((unit(as_texts(own, encoder, prefix), "references") @ text).max()))
        both = scores[index] + best
        found[index] = 2 * scores[index] * best / both if both else 0.0
    return found


def unit(vectors: Any, name: str) -> np.ndarray:
    """Rows of length 1; a row without direction is an error that names it."""
    vectors = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    wrong = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)).reshape(-1))
    if wrong.size:
        raise ValueError(f"{name}: embedding {wrong[0]} is zero or not finite")
    return vectors / norms


def as_texts(texts: Any, encoder: Encoder | None, prefix: str = "") -> np.ndarray:
    """Embeddings of texts; what is already numbers stays as it is."""
    if len(texts) and isinstance(texts[0], str):
        if encoder is None:
            raise ValueError("the captions are texts: name a model, or give embeddings")
        return encoder.texts([prefix + text for text in texts])
    return np.asarray(texts, dtype=np.float64)


def as_pictures(images: Any, encoder: Encoder | None) -> np.ndarray:
    """One embedding per item; those of several frames are brought to length 1 and averaged."""
    return np.stack([_one(image, index, encoder) for index, image in enumerate(images)])


def _one(image: Any, index: int, encoder: Encoder | None) -> np.ndarray:
    frames = image if isinstance(image, list | tuple) else [image]
    if not len(frames):
        raise ValueError(f"item {index} has no frames")
    numbers = isinstance(frames[0], int | float | np.number) or np.asarray(frames[0]).ndim == 1
    if numbers:
        vectors = np.atleast_2d(np.asarray(image, dtype=np.float64))
    elif isinstance(image, np.ndarray) and image.ndim == 2:
        vectors = image
    elif encoder is None:
        raise ValueError(f"item {index} is a picture: name a model, or give embeddings")
    else:
        vectors = encoder.images(list(frames))
    return unit(vectors, f"frames of item {index}").mean(axis=0)


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
