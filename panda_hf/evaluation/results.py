"""What an evaluation found: for the terminal, for a file, for the Hub."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from panda_hf import __version__
from panda_hf.errors import SourceError
from panda_hf.publishing.card_parts import write_text

RESULTS = "results.json"
MODEL_INDEX = "model-index.yml"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """On what was evaluated."""

    name: str
    config: str | None
    split: str
    videos: int
    references: int


@dataclass(frozen=True, kw_only=True)
class Score:
    """One figure of one model."""

    value: float
    """As the metric gives it, mostly 0 to 1 (CIDEr to 10)."""
    low: float | None = None
    """Ends of the 95 % bootstrap interval over videos; ``None`` where none was computed."""
    high: float | None = None
    spread: float | None = None
    """Standard deviation over seeds of sampled captions; ``None`` for one set of captions."""
    variant: str | None = None
    """Which of several ways to compute it, where there are several."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one model on one benchmark."""

    model: str
    task: str
    """``video-captioning`` or ``video-text-retrieval``."""
    benchmark: Benchmark
    scores: dict[str, Score]
    missing: int = 0
    """Videos without a prediction, scored as empty."""
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: {"panda_hf": __version__})


def write_results(evaluations: Sequence[Evaluation], out: str | os.PathLike[str]) -> list[Path]:
    """Write ``results.json``, everything, and ``model-index.yml``, which the card of a model takes as it is.

    Args:
        evaluations: one or more, of any models.
        out: the folder; made when it is missing.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RESULTS, json.dumps([asdict(one) for one in evaluations], indent=2, ensure_ascii=False) + "\n")
    index = yaml.safe_dump({"model-index": model_index(evaluations)}, sort_keys=False, allow_unicode=True)
    write_text(folder / MODEL_INDEX, index)
    return [folder / RESULTS, folder / MODEL_INDEX]


def read_results(path: str | os.PathLike[str]) -> list[Evaluation]:
    """What :func:`write_results` wrote: the file or its folder.

    Raises:
        SourceError: when it is something else.
    """
    file = Path(path) / RESULTS if Path(path).is_dir() else Path(path)
    try:
        return [_evaluation(held) for held in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SourceError(f"{file} is not a results file of panda-hf evaluate: {error}") from error


def model_index(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """The ``model-index`` of the Hub, one entry per model."""
    models = dict.fromkeys(one.model for one in evaluations)
    return [
        entry
        for model in models
        for entry in eval_results_to_model_index(
            model, [result for one in evaluations if one.model == model for result in _eval_results(one)]
        )
    ]


def as_table(evaluations: Sequence[Evaluation], *, percent: bool = True) -> str:
    """Models in rows, metrics in columns, as Markdown, with intervals; in ``percent`` as papers print them."""
    metrics = list(dict.fromkeys(metric for one in evaluations for metric in one.scores))
    rows = [["", *metrics], ["---", *["--:"] * len(metrics)]]
    for one in evaluations:
        rows.append([one.model, *(_cell(one.scores.get(metric), 100 if percent else 1) for metric in metrics)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(metrics) + 1)]
    return "\n".join(
        "| " + " | ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) + " |" for row in rows
    )


def _cell(score: Score | None, scale: float) -> str:
    if score is None:
        return ""
    text = f"{score.value * scale:.1f}"
    if score.spread is not None:
        return f"{text} ± {score.spread * scale:.1f}"
    if score.low is not None and score.high is not None:
        return f"{text} [{score.low * scale:.1f}, {score.high * scale:.1f}]"
    return text


def _eval_results(one: Evaluation) -> list[EvalResult]:
    benchmark = one.benchmark
    return [
        EvalResult(
            task_type=one.task,
            dataset_type=benchmark.name,
            dataset_name=benchmark.name,
            dataset_config=benchmark.config,
            dataset_split=benchmark.split,
            metric_type=metric,
            metric_name=metric if score.variant is None else f"{metric} ({score.variant})",
            metric_value=round(score.value, 6),
            metric_args=_interval(score),
        )
        for metric, score in one.scores.items()
    ]


def _interval(score: Score) -> dict[str, Any] | None:
    known = {"low_95": score.low, "high_95": score.high, "spread": score.spread}
    return {name: round(value, 6) for name, value in known.items() if value is not None} or None


def _evaluation(held: Mapping[str, Any]) -> Evaluation:
    scores = {metric: Score(**score) for metric, score in held["scores"].items()}
    return Evaluation(**{**held, "benchmark": Benchmark(**held["benchmark"]), "scores": scores})
