"""`panda-hf selector curve`: how recall grows with the number of labels, and whether to go on annotating."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panda_hf.cli import select_options as options
from panda_hf.cli import train_options
from panda_hf.cli import train_selector_options as settings_of
from panda_hf.cli.train_selector import lines_of
from panda_hf.errors import SourceError

if TYPE_CHECKING:
    from panda_hf.selection.answers import AnsweredClip
    from panda_hf.selection.learning_curve import Fit, Point

MINI, NEVER = "mini/selector", 10**9
TABLE, PLOT = "learning_curve.csv", "learning_curve.png"


def curve(
    answers: options.Answers,
    start: Annotated[str, typer.Option("--from", metavar="SELECTOR", help="Each training begins with it.")] = MINI,
    clips: options.Clips = None,
    split: options.Split = "train",
    held_out: options.HeldOut = 0.2,
    sizes: Annotated[
        str | None,
        typer.Option(metavar="N,N,…", help="Numbers of labels; else all, half, a quarter…", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each size, each with an own order of clips.")] = 3,
    epochs: settings_of.Epochs = 10.0,
    steps: settings_of.Steps = None,
    learning_rate: settings_of.Rate = None,
    batch_size: settings_of.Batch = None,
    precision: train_options.Precision = train_options.PrecisionName.auto,
    num_frames: settings_of.Frames = None,
    crop: settings_of.Crop = 0.5,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where the curve goes.")] = Path("curve"),
) -> None:  # fmt: skip
    """Train on more and more of the answers and measure on held-out clips that are always the same.

    Larger subsets hold the smaller ones. Prints recall at 1 with its spread over seeds and what more labels would
    bring; writes learning_curve.csv and learning_curve.png.
    """
    from panda_hf.selection import measures
    from panda_hf.selection.answers import held_out as parted
    from panda_hf.selection.learning_curve import learning_curve, outlook
    from panda_hf.selection.plots import plot_learning_curve
    from panda_hf.training.selector_settings import SelectorSettings

    found, frames = options.read(answers, clips, split)
    learned, asked = parted([clip for clip in found if clip.wanted], held_out)
    changed: dict[str, Any] = {
        name: value for name, value in (("learning_rate", learning_rate), ("batch_size", batch_size)) if value
    }
    settings = replace(SelectorSettings(), epochs=epochs, steps=steps, precision=precision.value, **changed)
    with tempfile.TemporaryDirectory() as folder:
        fit = _fit(start, asked, frames, Path(folder), settings, num_frames, crop)
        points = learning_curve(
            learned, fit, sizes=_numbers(sizes), seeds=range(seeds), before=_before(start, asked, frames), told=_tell
        )
    human = measures.share(measures.human_one(asked))
    _write(points, out)
    for point in points:
        typer.echo(_line(point))
    if human is not None:
        typer.echo(f"annotators among themselves on the same {len(asked):,} clips: {human:.1%}")
    typer.echo(f"\n{outlook(points)}\nWritten: {out / TABLE}, {plot_learning_curve(points, out / PLOT, human)}")


def _fit(
    start: str,
    asked: list[AnsweredClip],
    frames: Any,
    folder: Path,
    settings: Any,
    num_frames: int | None,
    crop: float,
) -> Fit:
    from panda_hf.training.selector_run import train_selector_on

    def fit(subset: Any, seed: int) -> float:
        out = folder / f"{len(subset)}-{seed}"  # removed at the end: no states between need to be saved
        lines = lines_of(list(subset))
        found = train_selector_on(
            start, "answers", lines, lines_of(asked), frames, out,
            replace(settings, seed=seed, save_every=NEVER, batch_size=min(settings.batch_size, len(lines))),
            num_frames=num_frames, crop=crop,
        )  # fmt: skip
        return found["eval_picked"]

    return fit


def _before(start: str, asked: list[AnsweredClip], frames: Any) -> float:
    """Recall without training, counted as the trainings count it: a caption that most annotators picked is right."""
    from panda_hf.selection.scorer import load_scorer
    from panda_hf.selection.scoring import decisions, scored_clips

    chosen = [one.choice.index for one in decisions(scored_clips(load_scorer(start, None, None, None), asked, frames))]
    targets = [clip.targets() or () for clip in asked]
    return sum(t[k] >= max(t) - 1e-6 for t, k in zip(targets, chosen, strict=True)) / len(asked)


def _numbers(sizes: str | None) -> list[int] | None:
    if sizes is None:
        return None
    parts = [part.strip() for part in sizes.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdecimal() for part in parts):
        raise SourceError(f"--sizes {sizes!r}: expected whole numbers such as 100,200,400")
    return [int(part) for part in parts]


def _tell(size: int, seed: int, recall: float) -> None:
    typer.echo(f"  {size:,} labels, seed {seed}: {recall:.1%}", err=True)


def _line(point: Point) -> str:
    spread = "" if point.spread is None or not point.labels else f" ± {100 * point.spread:.1f}"
    return f"{point.labels:>9,} labels: recall at 1 {100 * point.mean:.1f} %{spread}"


def _write(points: list[Point], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with open(out / TABLE, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["labels", "seed", "recall_at_1"])
        writer.writerows([point.labels, seed, value] for point in points for seed, value in enumerate(point.recalls))
