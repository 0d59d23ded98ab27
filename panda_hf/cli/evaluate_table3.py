"""`panda-hf mini table3`: the paper's Table 3 in small, on a miniature MSR-VTT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from panda_hf.cli import evaluate_options as options

SELECTOR = "mini/selector"
STUDENT = "mini/student"


def table3(
    films: Annotated[int, typer.Option(min=1, help="How many films to cut into clips of the benchmark.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first film; the others follow.")] = 0,
    out: options.Out = Path("mini-table3"),
    samples: options.Samples = 6,
    bert_score_model: options.BertScoreModel = None,
    bert_score_layer: options.BertScoreLayer = None,
) -> None:
    """Evaluate the miniature's teachers, the selector's choice and the student as the paper's Table 3 does.

    The benchmark is a miniature MSR-VTT: clips of films that no training saw, 20 references each, in OUT. Models see
    frames alone. The same as `mini benchmark` and then `evaluate captioning` with each --model and --select.
    """
    from panda_hf.cli.evaluate_captioning import gathered
    from panda_hf.cli.evaluate_printing import print_captioning
    from panda_hf.evaluation.captioning import evaluate_captions
    from panda_hf.evaluation.references import benchmark_of, load_benchmark, references_of
    from panda_hf.evaluation.scoring import MetricChoice, encoder_at_hand
    from panda_hf.evaluation.sources import captioner_of
    from panda_hf.evaluation.writing import check_out, write_report

    options.no_bars_of_libraries()
    check_out(out)
    dataset = _benchmark(out, films, seed)
    rows = load_benchmark(dataset)
    references = references_of(rows)
    encoder = bert_score_model or encoder_at_hand()
    sources = gathered([], [captioner_of(name) for name in contestants()], rows, out, SELECTOR, 8)
    report = evaluate_captions(
        rows,
        references,
        benchmark_of(dataset, rows, references, "test"),
        sources,
        choice=MetricChoice(None, encoder, bert_score_layer),
        samples=samples,
    )
    print_captioning(report, write_report(report, out))
    if encoder is None:
        typer.echo(
            "BERTScore is left out: no encoder is on this machine. Give --bert-score-model, a path or a Hub id."
        )


def contestants() -> list[str]:
    """The miniature's teachers that see something of the video, and the student."""
    from panda_hf.captioning.registry import card_of, teachers_of

    teachers = [card_of(name) for name in teachers_of("mini")]
    seeing = [card.name for card in teachers if {"image", "video"} & set(card.sees)]
    return [*seeing, STUDENT]


def _benchmark(out: Path, films: int, seed: int) -> Path:
    """The benchmark of an earlier run of the same films, or a new one."""
    from panda_hf.cli.mini_benchmark import benchmark

    folder = out / f"mini-msrvtt-{films}-films{f'-from-{seed}' if seed else ''}"
    if not folder.exists():
        typer.echo(f"cutting {films} films into clips")
        benchmark(folder, films, seed)
    return folder
