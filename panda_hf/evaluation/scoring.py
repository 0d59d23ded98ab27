"""Captions against references by the metrics of this package, each loaded from its own folder by `evaluate`."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from panda_hf.errors import PandaError, SourceError
from panda_hf.evaluation.measured import Measured
from panda_hf.evaluation.names import called
from panda_hf.evaluation.predictions import Matched
from panda_hf.models.devices import device_of

METRICS = ("bleu", "rouge_l", "meteor", "cider", "bert_score", "clip_score")
TEXT_METRICS = ("bleu", "rouge_l", "meteor", "cider")
"""The four that compare words, computed when nothing is asked for by name."""
COMPARED = ("bleu_4", "rouge_l", "meteor", "cider", "bert_score", "clip_score")
"""The figures that tables of papers show, and that models are compared by."""
CLIPS_AT_ONCE = 128
"""Videos whose frames are held at once for ``clip_score``."""

Frames = Callable[[str], list[np.ndarray] | None]
"""Frames of a video by its id; ``None`` where it cannot be read."""


@dataclass(frozen=True)
class MetricChoice:
    """Which metrics to compute and with what."""

    names: tuple[str, ...] | None = None
    """``None``: the four text metrics, METEOR only where its data is at hand; and BERTScore where it has a model."""
    bert_score_model: str | None = None
    """A folder or Hub id of an encoder."""
    bert_score_layer: int | None = None
    """``None``: the usual layer of a known encoder."""
    clip_score_model: str | None = None
    """A folder or Hub id of a CLIP-class model."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.names or ()) - set(METRICS))
        if unknown or self.names == ():
            raise SourceError(f"there is no metric {unknown}; there are {', '.join(METRICS)}")
        if "bert_score" in (self.names or ()) and self.bert_score_model is None:
            raise SourceError("bert_score needs --bert-score-model: a folder or Hub id, such as roberta-large")
        if "clip_score" in (self.names or ()) and self.clip_score_model is None:
            raise SourceError("clip_score needs --clip-score-model: a folder or Hub id of a CLIP")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The metrics to compute, in the order of papers."""
        if self.names is not None:
            return tuple(name for name in METRICS if name in self.names)
        more = {"bert_score": self.bert_score_model, "clip_score": self.clip_score_model}
        return TEXT_METRICS + tuple(name for name, model in more.items() if model is not None)


class Scorer:
    """The chosen metrics over one benchmark; references are tokenised once for all metrics and models."""

    def __init__(self, references: Sequence[Sequence[str]], choice: MetricChoice | None = None) -> None:
        self.choice = choice or MetricChoice()
        self.notes: list[str] = []
        """What was left out, and why, in words for the user."""
        self._references = [list(own) for own in references]
        self._tokenised: list[list[str]] | None = None

    def measure(self, matched: Matched, frames: Frames | None = None) -> dict[str, Measured]:
        """Figures by name for one set of captions.

        Args:
            matched: predictions with the references that this scorer was made for.
            frames: for ``clip_score``.

        Raises:
            SourceError: when a metric that was asked for by name cannot be computed.
        """
        found: dict[str, Measured] = {}
        said = _tokenised(matched.predictions) if set(self.choice.wanted) & set(TEXT_METRICS) else []
        for name in self.choice.wanted:
            if name in TEXT_METRICS:
                found |= self._words(name, said, matched.ids)
            elif name == "bert_score":
                found |= self._bert_score(matched)
            else:
                found |= self._clip_score(matched, frames)
        return found

    def _words(self, name: str, said: list[str], ids: Sequence[str]) -> dict[str, Measured]:
        if self._tokenised is None:
            flat = iter(_tokenised([text for own in self._references for text in own]))
            self._tokenised = [[next(flat) for _ in own] for own in self._references]
        try:
            found = metric_module(name).compute(
                predictions=said, references=self._tokenised, ids=list(ids), tokenize=False, per_item=True
            )
        except FileNotFoundError as error:
            if name != "meteor":
                raise
            return self._left_out(name, error)
        return _words_measured(name, found)

    def _left_out(self, name: str, error: Exception) -> dict[str, Measured]:
        """Without its data METEOR is left out, and that is said; where it was asked for it is an error."""
        reason = f"{name} was not computed: {' '.join(str(error).split()) or type(error).__name__}"
        if self.choice.names is not None:
            raise SourceError(reason) from error
        if reason not in self.notes:
            self.notes.append(reason)
        return {}

    def _bert_score(self, matched: Matched) -> dict[str, Measured]:
        """F1 over all pairs of prediction and reference, as the official script of Panda-70M averages it."""
        try:
            found = metric_module("bert_score").compute(
                predictions=list(matched.predictions),
                references=self._references,
                model=self.choice.bert_score_model,
                layer=self.choice.bert_score_layer,
                device=device_of(None),
            )
        except (OSError, ValueError) as error:
            raise SourceError(f"bert_score with {self.choice.bert_score_model!r}: {error}") from error
        items, counts = np.array(found["f1_per_item"]), np.array([len(own) for own in self._references], dtype=float)
        variant = f"{called(found['model'])}, layer {found['layer']}, all pairs, no idf, not rescaled"
        pairs = np.stack([items * counts, counts], axis=1)
        return {"bert_score": Measured(statistics=pairs, from_sums=_ratio, per_item=items, variant=variant)}

    def _clip_score(self, matched: Matched, frames: Frames | None) -> dict[str, Measured]:
        held: list[float] = []
        for start in range(0, len(matched.ids), CLIPS_AT_ONCE):
            stop = start + CLIPS_AT_ONCE
            pictures = [_frames(name, frames) for name in matched.ids[start:stop]]
            held += metric_module("clip_score").compute(
                predictions=list(matched.predictions[start:stop]),
                images=pictures,
                model=self.choice.clip_score_model,
                device=device_of(None),
            )["clip_scores"]
        items = np.array(held)
        variant = f"{called(str(self.choice.clip_score_model))}, mean of frames"
        return {"clip_score": Measured(statistics=items[:, None], per_item=items, variant=variant)}


def _words_measured(name: str, found: dict[str, Any]) -> dict[str, Measured]:
    table = np.asarray(found["statistics"], dtype=np.float64)
    return {
        metric: Measured(
            statistics=table,
            from_sums=_from_sums(name, order),
            per_item=np.asarray(items, dtype=np.float64),
            variant=found.get("variant"),
        )
        for order, (metric, items) in enumerate(found["per_item"].items())
    }


def _from_sums(name: Literal["bleu", "rouge_l", "meteor", "cider"] | str, order: int) -> Any:
    """How a corpus figure follows from summed statistics; ``None`` where it is the mean over items."""
    if name == "bleu":
        statistics = importlib.import_module("panda_hf.metrics.bleu.bleu").from_statistics
        return lambda sums: np.asarray(statistics(sums))[:, order]
    return importlib.import_module("panda_hf.metrics.meteor.meteor").from_statistics if name == "meteor" else None


def _tokenised(texts: Sequence[str]) -> list[str]:
    """As the official scripts tokenise, words parted by blanks."""
    tokenize = importlib.import_module("panda_hf.metrics.cider.ptb_tokenizer").tokenize
    return [" ".join(words) for words in tokenize(texts)]


def metric_folder(name: str) -> str:
    """Where a metric of this package is; installed from a wheel too."""
    return str(files("panda_hf") / "metrics" / name)


@functools.cache
def metric_module(name: str) -> Any:
    """A metric of this package, loaded from its folder.

    Raises:
        PandaError: when `evaluate` is not installed.
    """
    try:
        import evaluate
    except ImportError as error:
        raise PandaError("evaluating needs the library evaluate. Run pip install 'panda_hf[metrics]'.") from error
    return evaluate.load(metric_folder(name), keep_in_memory=True)


def encoder_at_hand() -> str | None:
    """The encoder that papers use for BERTScore, where it was downloaded before; nothing is fetched."""
    from huggingface_hub import try_to_load_from_cache

    for name in ("roberta-large", "FacebookAI/roberta-large"):
        held = [try_to_load_from_cache(name, file) for file in ("config.json", "model.safetensors")]
        if all(isinstance(path, str) for path in held):
            return name
    return None


def _frames(video_id: str, frames: Frames | None) -> list[np.ndarray]:
    found = frames(video_id) if frames is not None else None
    if found is None:
        raise SourceError(f"clip_score needs the video of {video_id!r}, which the benchmark lacks or cannot be read")
    return found


def _ratio(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]
