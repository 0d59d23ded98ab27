"""`panda-hf reproduce`: tables of the paper over videos of one's own, or films of the miniature."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from panda_hf.measuring.table2 import Line

reproduce = typer.Typer(no_args_is_help=True, help="Tables of the paper, over your videos or the miniature's films.")


@reproduce.callback()
def _tables() -> None:
    """Tables of the paper, over your videos or the miniature's films."""


@reproduce.command()
def splitting(
    videos: Annotated[
        str | None,
        typer.Argument(metavar="[VIDEOS]", help="A folder, a list of files, a dataset; else films of the miniature."),
    ] = None,
    films: Annotated[int, typer.Option(min=1, help="Without VIDEOS: how many films, drawn for this.")] = 6,
    preset: Annotated[
        Literal["default", "panda70m", "official-code", "paper", "learned"],
        typer.Option(help="Rules of our splitting."),
    ] = "default",
    embedder: Annotated[
        str, typer.Option(help="What stitches: 'descriptor', or a vision model by Hub id or path.")
    ] = "descriptor",
    backbone: Annotated[Literal["alex", "vgg", "squeeze"], typer.Option(help="Of LPIPS.")] = "alex",
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|random", help="ImageNet weights of the backbone; else torchvision's cache, else random ones."
        ),
    ] = None,
) -> None:
    """Table 2: Max Running LPIPS and mean length of clips by subtitles, by PySceneDetect, and by ours.

    Nothing is downloaded. Without the backbone's ImageNet weights a backbone that learned nothing compares frames: its
    figures rank the three ways, and are neither LPIPS nor the paper's scale; the table says so.
    """
    from panda_hf.errors import SourceError
    from panda_hf.measuring.lpips_model import described, load_lpips
    from panda_hf.measuring.table2 import table2
    from panda_hf.models.devices import device_of
    from panda_hf.running import video_rows
    from panda_hf.splitting import Split, SplitSettings

    weights = _weights(backbone, weights)
    split = Split(settings=SplitSettings.preset(preset), embedder=embedder)
    with _videos(videos, films) as (source, title):
        rows = [row for row in video_rows(source) if (row["video"] or {}).get("path")]
        if not rows:
            raise SourceError(f"{source} holds no video file")
        distances = load_lpips(backbone, weights, device_of(None))
        lines = table2(rows, distances, split, lambda name: typer.echo(f"splitting {name}", err=True))
    typer.echo("\n".join(shown(lines, f"{len(rows)} {title}", described(backbone, weights))))
    if all(line.mean_seconds is None for line in lines.values()):
        raise typer.Exit(1)


def shown(lines: dict[Any, Line], title: str, model: dict[str, str]) -> list[str]:
    """The printed table."""
    from panda_hf.measuring.table2 import PAPER

    is_random = model["weights"].startswith("random")
    name = "Max Running distance" if is_random else "Max Running LPIPS"
    out = [
        f"\nTable 2 over {title}; {name} by {model['backbone']} (weights: {model['weights']}; lpips {model['lpips']})",
        f"{'':20} {name:>20}  {'mean length':>11}  {'clips':>6}  {'measured':>8}   in the paper",
    ]
    for way, line in lines.items():
        lpips, seconds = _number(line.mean_lpips, 3), _number(line.mean_seconds, 1)
        paper = f"{PAPER[way][0]:.3f} / {PAPER[way][1]:.1f} s"
        counts = f"{len(line.lengths):>6}  {len(line.lpips):>8}"
        out.append(f"{way:20} {lpips:>20}  {seconds + ' s':>11}  {counts}   {paper}")
    out.append("Measured: clips of at least two seconds; shorter ones have no two frames a second apart.")
    if is_random:
        out.append("No ImageNet weights were at hand: these distances are no LPIPS and compare with this table only.")
    failures = dict.fromkeys(message for line in lines.values() for message in line.failures)
    return out + [f"left out: {message}" for message in failures]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _weights(backbone: Any, weights: str | None) -> str | None:
    """What is asked for; without any, random weights where torchvision's cache holds none."""
    from panda_hf.errors import CheckpointError
    from panda_hf.measuring.lpips_model import RANDOM, weights_file

    if weights is not None:
        weights_file(backbone, weights)
        return weights
    weights_file(backbone, RANDOM)
    try:
        weights_file(backbone, None)
    except CheckpointError as error:
        typer.secho(f"{error} Going on with weights='{RANDOM}'.", fg=typer.colors.YELLOW, err=True)
        return RANDOM
    return None


@contextmanager
def _videos(videos: str | None, films: int) -> Iterator[tuple[str, str]]:
    if videos is not None:
        yield videos, f"videos of {videos}"
        return
    from panda_hf.mini.films import write_films

    with tempfile.TemporaryDirectory(prefix="panda-hf-films-") as folder:
        write_films(folder, "test", films)
        yield folder, "films of the miniature"
