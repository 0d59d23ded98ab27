"""`panda-hf train student`: distil one captioner from what several teachers wrote and a selector chose."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from panda_hf.cli import train_options as shared
from panda_hf.cli import train_student_options as options
from panda_hf.cli.command_line import command_line
from panda_hf.cli.select_options import no_bars
from panda_hf.errors import SourceError

if TYPE_CHECKING:
    from panda_hf.training.student import Score
    from panda_hf.training.student_clips import HeldClips, ShardClips
    from panda_hf.training.student_run import Adapting


def student(
    data: options.Data,
    start: options.Start,
    out: options.Out,
    config: options.Config = None,
    split: options.Split = "train",
    caption: options.Caption = "caption",
    window: options.Window = 100_000,
    raw_captions: options.RawCaptions = False,
    keep_text: options.KeepText = 0.5,
    num_frames: options.NumFrames = 8,
    workers: options.Workers = 0,
    steps: options.Steps = 300_000,
    batch_size: options.BatchSize = 48,
    at_once: options.AtOnce = None,
    learning_rate: options.LearningRate = 1e-4,
    first_rate: options.FirstRate = 1e-6,
    last_rate: options.LastRate = 5e-5,
    warmup_steps: options.WarmupSteps = 2_500,
    weight_decay: options.WeightDecay = 0.05,
    precision: shared.Precision = shared.PrecisionName.auto,
    gradient_checkpointing: options.GradientCheckpointing = False,
    seed: options.Seed = 0,
    save_every: options.SaveEvery = None,
    freeze: options.Freeze = None,
    freeze_nothing: options.FreezeNothing = False,
    frozen_format: options.FrozenFormat = options.FormatName.auto,
    lora: options.Lora = None,
    held_out: options.HeldOut = 0.02,
    held_clips: options.HeldClips = 200,
    metrics: options.Metrics = "bleu,rouge_l,cider",
    resume: shared.Resume = True,
) -> None:
    """Train a student captioner; `torchrun -m panda_hf train student …` works too.

    Defaults are those of the paper (arXiv 2402.19479, appendix D.2). Writes model, processor, training.json,
    curves.csv and curves.png; clips that cannot be read are left out and listed in skipped.jsonl.
    """
    from panda_hf.training.processes import leave_processes
    from panda_hf.training.student_run import train_student_on
    from panda_hf.training.student_settings import StudentSettings

    shared.refuse_finished(out, resume, "student")
    no_bars()
    settings = StudentSettings(
        steps=steps, batch_size=batch_size, at_once=at_once, learning_rate=learning_rate, first_rate=first_rate,
        last_rate=last_rate, warmup_steps=warmup_steps, weight_decay=weight_decay, keep_text=keep_text,
        num_frames=num_frames, precision=precision.value, gradient_checkpointing=gradient_checkpointing,
        workers=workers, window=window, seed=seed, save_every=save_every,
    )  # fmt: skip
    train, validation = clips_of(data, config, split, caption, window, workers, held_out, held_clips)
    found = train_student_on(
        start, train, validation, out, settings,
        adapting=adapting_of(() if freeze_nothing else freeze or None, frozen_format, lora),
        score=scorer_of(metrics), normalize_captions=not raw_captions, resume=resume,
        about=_about(out, data, split, train, validation),
    )  # fmt: skip
    _tell(out, found)
    leave_processes()


def adapting_of(
    freeze: Sequence[options.Part] | None, frozen_format: options.FormatName, rank: int | None
) -> Adapting:
    """What is trained; ``None`` freezes what the paper freezes, and adds no low-rank updates."""
    from panda_hf.training.lora import LoRA
    from panda_hf.training.student_run import FROZEN, Adapting

    return Adapting(
        frozen=FROZEN if freeze is None else tuple(part.value for part in freeze),
        frozen_format=frozen_format.value,
        lora=None if rank is None else LoRA(rank, alpha=2 * rank),
    )


def clips_of(
    data: str, config: str | None, split: str, caption: str, window: int, workers: int, held: float, most: int
) -> tuple[ShardClips, HeldClips | None]:
    """Clips to learn from, and to measure with.

    Raises:
        SourceError: when the data cannot be read, or the share leaves no clip to measure with.
    """
    from panda_hf.annotation.tables import Tables
    from panda_hf.training.student_clips import Columns, ShardClips, held_out

    path = Path(data)
    if path.suffix == ".parquet" and path.is_file():
        tables = Tables(data, str(path.absolute().parent), (str(path.absolute()),), True)
    else:
        tables = Tables.find(data, config, split)
    clips = ShardClips(tables, Columns(caption=caption), window=window, threads=1 if workers else None)
    if not held:
        return clips, None
    train, validation = held_out(clips, functools.partial(_is_held, held), most)
    if not validation.numbers:
        raise SourceError(
            f"a share of {held} of the videos leaves no clip to measure with; raise --held-out, or give --held-out 0"
        )
    return train, validation


def _is_held(share: float, video_id: str) -> bool:
    from panda_hf.selection.answers import place_of

    return place_of(video_id) < share


def scorer_of(metrics: str) -> Score | None:
    """Figures of captions by the metrics of this package; ``None`` for ``none``.

    Raises:
        SourceError: for a metric that there is not, or that needs a model.
    """
    from panda_hf.evaluation.scoring import TEXT_METRICS, MetricChoice

    names = tuple(name.strip() for name in metrics.split(",") if name.strip())
    if names == ("none",):
        return None
    other = sorted(set(names) - set(TEXT_METRICS))
    if other or not names:
        raise SourceError(f"--metrics {metrics}: while training there are {', '.join(TEXT_METRICS)}, or none")
    return functools.partial(_score, MetricChoice(names))


def _score(choice: Any, said: Sequence[str], right: Sequence[str]) -> Mapping[str, float]:
    from panda_hf.evaluation.predictions import Matched
    from panda_hf.evaluation.scoring import Scorer

    references = tuple((text,) for text in right)
    matched = Matched(tuple(map(str, range(len(said)))), tuple(said), references, (), 0)
    found = Scorer(references, choice).measure(matched)
    return {name: one.value for name, one in found.items()}


def _tell(out: Path, found: Mapping[str, float]) -> None:
    from accelerate import PartialState

    if PartialState().is_main_process:
        for kind, words in (("video", "without text"), ("text", "with text")):
            figures = {name.removeprefix(f"eval_{kind}_"): value for name, value in found.items() if kind in name}
            shown = [
                f"{name} {figures[name]:.4f}" for name in ("loss", "cider", "bleu_4", "rouge_l") if name in figures
            ]
            if shown:
                typer.echo(f"held-out clips {words}: {', '.join(shown)}")
        typer.echo(f"wrote {out}")


def _about(out: Path, data: str, split: str, train: ShardClips, validation: HeldClips | None) -> dict[str, Any]:
    """What the record says of the command and its data."""
    return {
        "command": command_line(out),
        "data": _named(data),
        "split": split,
        "clips": sum(train.parts),
        "held_out_clips": sum(validation.parts) if validation else 0,
    }


def _named(data: str) -> str:
    """A dataset by its name, not by its place."""
    return Path(data).name if Path(data).exists() else data
