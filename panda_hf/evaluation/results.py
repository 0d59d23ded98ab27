"""What an evaluation found, and the files that keep it: our own and the Hub's."""

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
from panda_hf.errors import OutputError, SourceError
from panda_hf.evaluation.names import file_name
from panda_hf.publishing.card_parts import write_text
from panda_hf.running.naming import safe_file_name

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
    printed: float = 100.0
    """What papers multiply it by in their tables: 100, or 1 for ranks."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A figure of one model less that of another on the same items."""

    metric: str
    model: str
    other: str
    difference: float
    low: float
    """Ends of the 95 % interval of the paired bootstrap."""
    high: float
    p_value: float
    """Two-sided, of approximate randomisation; not corrected for the number of comparisons."""
    printed: float = 100.0


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
    unused: int = 0
    """Predictions for videos that the benchmark does not have."""
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: {"panda_hf": __version__})


def write_results(
    evaluations: Sequence[Evaluation], out: str | os.PathLike[str], differences: Sequence[Difference] = ()
) -> list[Path]:
    """Write ``results.json``, everything, and ``model-index.yml``, what the Hub wants in the card of a model.

    With several models ``model-index.yml`` lists them all, and each has its own ``model-index.<model>.yml``, which
    the front matter of its card takes as it is.

    Args:
        evaluations: one or more, of any models.
        out: the folder; made when it is missing.
        differences: comparisons of the models.

    Raises:
        OutputError: when the folder holds a ``results.json`` of something else.
    """
    folder = Path(out)
    earlier = earlier_models(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = {
        "evaluations": [asdict(one) for one in evaluations],
        "differences": [asdict(one) for one in differences],
    }
    write_text(folder / RESULTS, json.dumps(held, indent=2, ensure_ascii=False) + "\n")
    written = [folder / RESULTS, _write_index(evaluations, folder / MODEL_INDEX)]
    for model, name in _index_names([one.model for one in evaluations]).items():
        written.append(_write_index([one for one in evaluations if one.model == model], folder / name))
    for name in _index_names(earlier).values():
        if folder / name not in written:
            (folder / name).unlink(missing_ok=True)
    return written


def earlier_models(folder: Path) -> list[str]:
    """The models of an evaluation that was written into a folder before, whose files give way to the next one's.

    Raises:
        OutputError: when its ``results.json`` is of something else, or cannot be read.
    """
    path = folder / RESULTS
    if not path.exists():
        return []
    try:
        return [str(one["model"]) for one in json.loads(path.read_text(encoding="utf-8"))["evaluations"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{path} is there already and is not of an evaluation; give another --out") from error


def _index_names(models: Sequence[str]) -> dict[str, str]:
    """The file of each of several models, for its own card."""
    names = list(dict.fromkeys(models))
    return {one: MODEL_INDEX.replace(".", f".{_own_name(one, names)}.") for one in names} if len(names) > 1 else {}


def _own_name(model: str, models: Sequence[str]) -> str:
    """A short file name, where it is no other model's."""
    names = [file_name(one) for one in models]
    return file_name(model) if names.count(file_name(model)) == 1 else safe_file_name(model)


def _write_index(evaluations: Sequence[Evaluation], path: Path) -> Path:
    index = yaml.safe_dump({"model-index": model_index(evaluations)}, sort_keys=False, allow_unicode=True)
    write_text(path, index)
    return path


def read_results(path: str | os.PathLike[str]) -> list[Evaluation]:
    """The evaluations that :func:`write_results` wrote: the file or its folder.

    Raises:
        SourceError: when it is something else.
    """
    file = Path(path) / RESULTS if Path(path).is_dir() else Path(path)
    try:
        return [_evaluation(held) for held in json.loads(file.read_text(encoding="utf-8"))["evaluations"]]
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
