"""`panda-hf evaluate captioning`: captions of files or of models against the references of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from panda_hf.cli import evaluate_options as options
from panda_hf.errors import SourceError

if TYPE_CHECKING:
    from datasets import Dataset

    from panda_hf.evaluation.captioner import Captioner
    from panda_hf.evaluation.captioning import Source


def captioning(
    dataset: options.DatasetName,
    predictions: options.PredictionFiles = None,
    model: options.Captioners = None,
    config: options.Config = None,
    split: options.Split = "test",
    missing: options.MissingCaption = options.Missing.error,
    out: options.Out = Path("evaluation"),
    samples: options.Samples = 6,
    metrics: options.MetricNames = None,
    bert_score_model: options.BertScoreModel = None,
    bert_score_layer: options.BertScoreLayer = None,
    clip_score_model: options.ClipScoreModel = None,
    select: options.Selector = None,
    seeds: options.Seeds = "",
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = 0.9,
    num_frames: options.NumFrames = 8,
    batch_size: options.BatchSize = 8,
) -> None:
    """Score captions against a benchmark's references; write results, a page, and the Hub's model-index.

    Scores are those of pycocoevalcap, with 95 % bootstrap intervals over the videos; two or more models are also
    compared pairwise. Captions are kept in OUT/predictions, so that a model writes each of them once.
    """
    from panda_hf.cli.evaluate_printing import print_captioning
    from panda_hf.evaluation.captioning import evaluate_captions
    from panda_hf.evaluation.references import benchmark_of, load_benchmark, references_of
    from panda_hf.evaluation.scoring import MetricChoice
    from panda_hf.evaluation.sources import captioner_of
    from panda_hf.evaluation.writing import check_out, write_report

    options.no_bars_of_libraries()
    check_out(out)
    if seeds and not model:
        raise SourceError("--seeds draws captions of a --model; files of drawn captions: NAME=FILE once per seed")
    names = None if metrics is None else tuple(name.strip() for name in metrics.split(",") if name.strip())
    choice = MetricChoice(names, bert_score_model, bert_score_layer, clip_score_model)
    rows = load_benchmark(dataset, config, split)
    references = references_of(rows)
    drawn: dict[str, Any] = {
        "seeds": options.numbers(seeds),
        "temperature": temperature,
        "top_p": top_p,
        "batch_size": batch_size,
    }
    captioners = [captioner_of(given, **drawn) for given in model or []]
    sources = gathered(predictions or [], captioners, rows, out, select, num_frames)
    benchmark = benchmark_of(dataset, rows, references, split)
    report = evaluate_captions(
        rows, references, benchmark, sources, choice=choice, missing=missing.value, samples=samples
    )
    print_captioning(report, write_report(options.with_command(report, out), out))


def gathered(
    predictions: list[str],
    captioners: list[Captioner],
    rows: Dataset,
    out: Path,
    select: str | None,
    num_frames: int,
) -> list[Source]:
    """The captions of every file, of every model, and selector's choice among them.

    Raises:
        SourceError: when there is nothing to evaluate, or two things have one name.
    """
    from panda_hf.evaluation.captioner import write_captions
    from panda_hf.evaluation.captioning import Source
    from panda_hf.evaluation.choosing import chosen
    from panda_hf.evaluation.names import check_names
    from panda_hf.evaluation.sources import from_files
    from panda_hf.evaluation.writing import PREDICTIONS, write_predictions

    if not predictions and not captioners:
        raise SourceError("nothing to evaluate: give --predictions FILE or --model MODEL")
    sources = from_files(predictions)
    selector = "selector's choice"
    names = [one.name for one in sources] + [one.name for one in captioners]
    check_names([*names, *([selector] if select is not None else [])])
    folder = out / PREDICTIONS
    written = write_captions(rows, captioners, num_frames=num_frames, folder=folder) if captioners else {}
    sources += [
        Source(name=one.name, sets=tuple(written[one.name]), settings={**one.provenance(), "num_frames": num_frames})
        for one in captioners
    ]
    if select is not None:
        sources.append(chosen(rows, sources, select, name=selector, num_frames=num_frames))
        write_predictions(sources[-1], out)
    return sources
