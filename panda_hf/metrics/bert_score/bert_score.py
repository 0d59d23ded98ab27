"""BERTScore with any encoder: all pairs averaged as the Panda-70M script does, or the best reference of each item."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Literal

import datasets
import evaluate
import numpy as np

# The layer that agrees best with people on WMT16, as published with the metric.
LAYERS = {
    "bert-base-uncased": 9,
    "bert-large-uncased": 18,
    "bert-base-multilingual-cased": 9,
    "roberta-base": 10,
    "roberta-large": 17,
    "roberta-large-mnli": 19,
    "distilbert-base-uncased": 5,
    "distilroberta-base": 5,
    "xlm-roberta-base": 9,
    "xlm-roberta-large": 17,
    "microsoft/deberta-xlarge-mnli": 40,
    "microsoft/deberta-large-mnli": 18,
}
_CHUNK = 64
_CACHED_NUMBERS = 200_000_000
_DESCRIPTION = "BERTScore: greedy matching of contextual token embeddings of a prediction and its references."
_INPUTS = """
Args:
    predictions: texts. references: for each a text, or a list of texts.
    model: a folder or a Hub id of an encoder (default roberta-large).
    layer: which hidden layer; None looks the model up in the table of usual ones.
    average: "all_pairs" (mean over every pair of prediction and reference) or "best_reference" (for each of
        precision, recall and F1 the best of an item's references, then the mean over items).
    idf: weigh tokens by their rarity in the references (default no).
    batch_size: texts at a time. device: where the encoder runs.
"""


class BERTScore(evaluate.Metric):
    """BERTScore; see the card."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        several = {"predictions": text, "references": datasets.Sequence(text)}
        single = {"predictions": text, "references": text}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=[datasets.Features(several), datasets.Features(single)],
        )

    def _compute(
        self,
        predictions: list[str],
        references: list[Any],
        model: str = "roberta-large",
        layer: int | None = None,
        average: Literal["all_pairs", "best_reference"] = "all_pairs",
        idf: bool = False,
        batch_size: int = 64,
        device: str = "cpu",
    ) -> dict[str, Any]:
        if average not in ("all_pairs", "best_reference"):
            raise ValueError(f"average={average!r}: use 'all_pairs' or 'best_reference'")
        several = [[one] if isinstance(one, str) else list(one) for one in references]
        for index, own in enumerate(several):
            if not own:
                raise ValueError(f"item {index} has no reference: give one or more, or leave the item out")
        encoder = Encoder(model, layer, batch_size=batch_size, device=device)
        weights = inverse_document_frequencies(encoder, [text for own in several for text in own]) if idf else None
        pairs = score_pairs(encoder, predictions, several, weights)
        named = {"model": model, "layer": encoder.layer, "average": average, "idf": idf, "rescaled": False}
        return _averages(pairs, average) | named | {"num_pairs": sum(map(len, several))}


def _averages(pairs: list[np.ndarray], average: str) -> dict[str, Any]:
    """Corpus values under the rule, and per item the mean or the best of its pairs."""
    merge = (lambda own: own.max(axis=0)) if average == "best_reference" else (lambda own: own.mean(axis=0))
    items = np.stack([merge(own) for own in pairs])
    whole = items.mean(axis=0) if average == "best_reference" else np.concatenate(pairs).mean(axis=0)
    names = ("precision", "recall", "f1")
    found: dict[str, Any] = {name: float(value) for name, value in zip(names, whole, strict=True)}
    return found | {f"{name}_per_item": items[:, column].tolist() for column, name in enumerate(names)}


class Encoder:
    """Token embeddings of unit length from one layer of an encoder; texts seen before are not encoded again."""

    def __init__(self, model: str, layer: int | None = None, *, batch_size: int = 64, device: str = "cpu") -> None:
        import transformers

        self.layer = _layer(model, layer)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        self.model = transformers.AutoModel.from_pretrained(model).eval().to(device)
        if self.layer > self.model.config.num_hidden_layers:
            raise ValueError(f"layer={self.layer}: {model} has only {self.model.config.num_hidden_layers} layers")
        self.batch_size, self.device = batch_size, device
        self.known: dict[str, tuple[list[int], np.ndarray]] = {}

    def tokens(self, text: str) -> list[int]:
        """Ids with special tokens. Byte-level tokenizers see a space before the first word, as the package has it."""
        text = text.strip()
        family = type(self.tokenizer).__name__.lower()
        if text and any(name in family for name in ("gpt2", "roberta")) and "xlm" not in family:
            text = " " + text
        limit = min(self.tokenizer.model_max_length, self._positions())
        return self.tokenizer.encode(text, truncation=True, max_length=limit)

    def _positions(self) -> int:
        config = self.model.config
        positions = getattr(config, "max_position_embeddings", 512)
        # RoBERTa counts positions from its padding index on.
        return positions - (config.pad_token_id + 1 if "roberta" in config.model_type else 0)

    def remember(self, texts: list[str]) -> None:
        """Encode what is new, the longest texts together, so that little padding is computed."""
        new = sorted({text for text in texts if text not in self.known}, key=len, reverse=True)
        if sum(vectors.size for _, vectors in self.known.values()) > _CACHED_NUMBERS:
            self.known.clear()
            new = sorted(set(texts), key=len, reverse=True)
        for start in range(0, len(new), self.batch_size):
            batch = new[start : start + self.batch_size]
            ids = [self.tokens(text) for text in batch]
            for text, own, vectors in zip(batch, ids, self._vectors(ids), strict=True):
                self.known[text] = (own, vectors)

    def _vectors(self, ids: list[list[int]]) -> list[np.ndarray]:
        import torch

        longest = max(map(len, ids))
        padding = self.tokenizer.pad_token_id or 0
        inputs = torch.tensor([own + [padding] * (longest - len(own)) for own in ids], device=self.device)
        mask = torch.tensor([[1] * len(own) + [0] * (longest - len(own)) for own in ids], device=self.device)
        with torch.inference_mode():
            out = self.model(input_ids=inputs, attention_mask=mask, output_hidden_states=True)
        hidden = torch.nn.functional.normalize(out.hidden_states[self.layer].float(), dim=-1).cpu().numpy()
        return [vectors[: len(own)] for own, vectors in zip(ids, hidden, strict=True)]


def _layer(model: str, layer: int | None) -> int:
    name = model.rstrip("/").removeprefix("FacebookAI/").removeprefix("google-bert/")
    found = LAYERS.get(name) if layer is None else layer
    if found is None or found < 1:
        raise ValueError(f"layer={layer} for {model}: name a hidden layer from 1; known models are {sorted(LAYERS)}")
    return found


def inverse_document_frequencies(encoder: Encoder, references: list[str]) -> dict[int, float]:
    """log((n + 1) / (texts with the token + 1)); under -1 the value of a token that no reference has."""
    counts = Counter(token for text in references for token in set(encoder.tokens(text)))
    total = len(references) + 1
    return {-1: math.log(total)} | {token: math.log(total / (count + 1)) for token, count in counts.items()}


def score_pairs(
    encoder: Encoder, predictions: list[str], references: list[list[str]], weights: dict[int, float] | None = None
) -> list[np.ndarray]:
    """For each item a matrix of its references x (precision, recall, F1)."""
    found = []
    for start in range(0, len(predictions), _CHUNK):
        own, others = predictions[start : start + _CHUNK], references[start : start + _CHUNK]
        encoder.remember([*own, *(text for texts in others for text in texts)])
        for prediction, texts in zip(own, others, strict=True):
            found.append(np.array([_pair(encoder, prediction, text, weights) for text in texts]))
    return found


def _pair(encoder: Encoder, prediction: str, reference: str, weights: dict[int, float] | None) -> list[float]:
    """Special tokens may be matched and weigh nothing; an empty text scores 0, as in the published package."""
    if not prediction.strip() or not reference.strip():
        return [0.0, 0.0, 0.0]
    (left_ids, left), (right_ids, right) = encoder.known[prediction], encoder.known[reference]
    similarity = left @ right.T
    precision = _weighted(similarity.max(axis=1), left_ids, encoder, weights)
    recall = _weighted(similarity.max(axis=0), right_ids, encoder, weights)
    both = precision + recall
    return [precision, recall, 2 * precision * recall / both if both else 0.0]


def _weighted(values: np.ndarray, ids: list[int], encoder: Encoder, weights: dict[int, float] | None) -> float:
    special = {encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id}
    if weights is None:
        each = np.array([float(token not in special) for token in ids])
    else:
        each = np.array([weights.get(token, weights[-1]) for token in ids])
    return float(values @ each / each.sum()) if each.sum() else 0.0
