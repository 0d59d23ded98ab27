"""`panda-hf train student`: distil one captioner from what several teachers wrote and a selector chose."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf.cli.train_selector import PrecisionName
from panda_hf.errors import OutputError, SourceError

if TYPE_CHECKING:
    from panda_hf.training.student import Score
    from panda_hf.training.student_clips import HeldClips, ShardClips

LEARNING, PARTS, DATA, MEASURING = "Learning", "What is trained", "Data", "Measuring"


class Part(StrEnum):
    """A part of a student."""

    vision = "vision"
    qformer = "qformer"
    video = "video"
    text = "text"
    language = "language"


class FormatName(StrEnum):
    """Number format of frozen parts."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def _learning(default_help: str, **more: Any) -> Any:
    return typer.Option(help=default_help, rich_help_panel=LEARNING, **more)


def student(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A dataset that `panda-hf curate` made, its Hub id, or a Parquet file: clips with caption, and where "
            "they are known subtitle, title, description.",
            show_default=False,
        ),
    ],
    start: Annotated[
        str, typer.Option("--from", metavar="STUDENT", help="As `panda-hf student new` makes it.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The student.", show_default=False)],
    config: Annotated[str | None, typer.Option(help="Of the dataset.", rich_help_panel=DATA)] = None,
    split: Annotated[str, typer.Option(help="Of the dataset.", rich_help_panel=DATA)] = "train",
    caption: Annotated[str, typer.Option(help="Column to learn.", rich_help_panel=DATA)] = "caption",
    window: Annotated[
        int,
        typer.Option(min=1, help="Clips mixed at once; more are streamed, file by file.", rich_help_panel=DATA),
    ] = 100_000,
    raw_captions: Annotated[
        bool,
        typer.Option("--raw-captions", help="Learn captions as they are, not in lower case.", rich_help_panel=DATA),
    ] = False,
    keep_text: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Probability with which the subtitle, and the title and description, are "
                     "told: the paper's.", rich_help_panel=DATA),
    ] = 0.5,
    num_frames: Annotated[int, typer.Option(min=1, help="Drawn from a clip: the paper's.", rich_help_panel=DATA)] = 8,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode clips.", rich_help_panel=DATA)] = 0,
    steps: Annotated[int, _learning("Paper.", min=1)] = 300_000,
    batch_size: Annotated[int, _learning("Clips per step, of all processes: the paper's.", min=1)] = 48,
    at_once: Annotated[
        int | None, _learning("Clips that a process computes at once; gradients add up.", min=1, show_default=False)
    ] = None,
    learning_rate: Annotated[float, _learning("The highest: the paper's.", min=0.0)] = 1e-4,
    first_rate: Annotated[float, _learning("Where the warm-up begins: the paper's.", min=0.0)] = 1e-6,
    last_rate: Annotated[float, _learning("Where the cosine ends: the paper's.", min=0.0)] = 5e-5,
    warmup_steps: Annotated[int, _learning("Paper; a tenth of a shorter training.", min=0)] = 2_500,
    weight_decay: Annotated[float, _learning("Paper; AdamW with betas 0.9 and 0.99.", min=0.0)] = 0.05,
    precision: Annotated[
        PrecisionName, _learning("auto: bf16 on a GPU that has it, fp16 on others, fp32 on a CPU.")
    ] = PrecisionName.auto,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Compute twice, remember less.", rich_help_panel=LEARNING)
    ] = False,
    seed: Annotated[int, _learning("Of order, frames, crops and dropped words.", min=0)] = 0,
    save_every: Annotated[
        int | None, _learning("Steps; else a hundredth of them, at least 10.", min=1, show_default=False)
    ] = None,
    freeze: Annotated[
        list[Part] | None,
        typer.Option(help="Repeatable; else vision, qformer and language, as in the paper.", show_default=False,
                     rich_help_panel=PARTS),
    ] = None,
    freeze_nothing: Annotated[
        bool, typer.Option("--freeze-nothing", help="Train all parts.", rich_help_panel=PARTS)
    ] = False,
    frozen_format: Annotated[
        FormatName,
        typer.Option(help="Of frozen parts; auto: half precision on a GPU.", rich_help_panel=PARTS),
    ] = FormatName.auto,
    lora: Annotated[
        int | None,
        typer.Option(min=1, metavar="RANK", help="Low-rank updates of the frozen language model; not in the paper.",
                     show_default=False, rich_help_panel=PARTS),
    ] = None,
    held_out: Annotated[
        float,
        typer.Option(min=0.0, max=0.9, help="Share of the videos to measure with, by a hash of their id.",
                     rich_help_panel=MEASURING),
    ] = 0.02,
    held_clips: Annotated[
        int, typer.Option(min=1, help="At most so many of their clips.", rich_help_panel=MEASURING)
    ] = 200,
    metrics: Annotated[
        str,
        typer.Option(help="Of captions that are written while training, with commas: bleu, rouge_l, meteor, cider; "
                     "or none.", rich_help_panel=MEASURING),
    ] = "bleu,rouge_l,cider",
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted run of this command stopped.")] = True,
) -> None:  # fmt: skip
    """Train a student captioner; `torchrun -m panda_hf train student …` works too.

    Defaults are those of the paper (arXiv 2402.19479, appendix D.2). Writes model, processor, training.json,
    curves.csv and curves.png; clips that cannot be read are left out and listed in skipped.jsonl.
    """
    from panda_hf.cli.command_line import command_line
    from panda_hf.cli.select_options import no_bars
    from panda_hf.training.lora import LoRA
    from panda_hf.training.processes import leave_processes
    from panda_hf.training.student_run import FROZEN, Adapting, train_student_on
    from panda_hf.training.student_settings import StudentSettings

    _refuse_finished(out, resume)
    no_bars()
    frozen = () if freeze_nothing else tuple(part.value for part in freeze or ()) or FROZEN
    settings = StudentSettings(
        steps=steps, batch_size=batch_size, at_once=at_once, learning_rate=learning_rate, first_rate=first_rate,
        last_rate=last_rate, warmup_steps=warmup_steps, weight_decay=weight_decay, keep_text=keep_text,
        num_frames=num_frames, precision=precision.value, gradient_checkpointing=gradient_checkpointing,
        workers=workers, window=window, seed=seed, save_every=save_every,
    )  # fmt: skip
    adapting = Adapting(
        frozen=frozen, frozen_format=frozen_format.value, lora=None if lora is None else LoRA(lora, alpha=2 * lora)
    )
    train, validation = clips_of(data, config, split, caption, window, workers, held_out, held_clips)
    about = {"command": command_line(out), "data": _named(data), "split": split,
             "clips": sum(train.parts), "held_out_clips": sum(validation.parts) if validation else 0}  # fmt: skip
    found = train_student_on(
        start, train, validation, out, settings, adapting=adapting, score=scorer_of(metrics),
        normalize_captions=not raw_captions, resume=resume, about=about,
    )  # fmt: skip
    _tell(out, found)
    leave_processes()


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


def _named(data: str) -> str:
    """A dataset by its name, not by its place."""
    return Path(data).name if Path(data).exists() else data


def _refuse_finished(out: Path, resume: bool) -> None:
    if resume and (out / "config.json").exists():
        raise OutputError(f"{out} holds a finished student; name another folder, or train anew with --no-resume")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; name a folder")
