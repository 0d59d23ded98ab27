"""`panda-hf annotate`: people pick the best captions in a browser; their answers become a dataset."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from panda_hf.cli.space_module import space_module

if TYPE_CHECKING:
    from panda_hf.annotation.desk import Desk
    from panda_hf.annotation.export_summary import ExportSummary

DATASET = "dataset"
"""Folder inside the output that `--export` writes."""
PAGE: dict[str, Any] = {"rich_help_panel": "The page"}
EXPORT: dict[str, Any] = {"rich_help_panel": "Export"}


def annotate(
    dataset: Annotated[
        str,
        typer.Argument(metavar="DATASET", help="A folder that curate made, or the Hub id of one.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where answers are kept.", show_default=False)
    ],
    mode: Annotated[
        Literal["best", "good"], typer.Option(help="Pick the best caption, or mark every good one.", **PAGE)
    ] = "best",
    shared: Annotated[
        int, typer.Option(min=0, metavar="N", help="So many clips come first for everybody.", **PAGE)
    ] = 20,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other orders.", **PAGE)] = 0,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="0.0.0.0 lets other machines in.", **PAGE)
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="N", help="Else the first free one from 7860.", **PAGE)
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="NAME", help="Configuration; else the default one.", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="Its split.")] = "train",
    export: Annotated[
        bool,
        typer.Option("--export", help="Write the answers to FOLDER/dataset instead of opening the page.", **EXPORT),
    ] = False,
) -> None:
    """Let people watch clips and pick the best of their captions; the answers fine-tune a selector.

    Stop with Ctrl-C and start again at will: an answer is on disk before the next clip is shown.

    `panda-hf annotate panda-out --out annotations`, then the same with `--export`.
    """
    from panda_hf.annotation import Desk, Tasks

    desk = Desk(Tasks.open(dataset, config, split), out, mode=mode, shared=shared, seed=seed)
    if export:
        typer.echo("\n".join(exported(desk, out / DATASET)))
        return
    page = page_module()
    typer.echo(opening(desk))
    _, address, _ = page.launch(desk, server_name=host, server_port=port, prevent_thread_lock=True, quiet=True)
    typer.echo(f"Open {address} (stop with Ctrl-C)")
    page.wait()


def opening(desk: Desk) -> str:
    """What will be annotated, and what is there already, in words."""
    from panda_hf.publishing.wording import plural

    answers = sum(len(said) for said in desk.store.all().values())
    skipped = desk.tasks.told_skipped()
    lines = [
        f"{plural(len(desk.tasks), 'clip')} to judge" + (f"; skipped: {skipped}" if skipped else ""),
        f"{plural(answers, 'answer')} so far in {desk.store.folder}",
    ]
    return "\n".join(lines)


def exported(desk: Desk, folder: Path) -> list[str]:
    """Export, and say what was written."""
    from panda_hf.annotation import export_answers

    summary = export_answers(desk.tasks, desk.store, desk.media, folder)
    return told(summary)


def told(summary: ExportSummary) -> list[str]:
    """An export in words, and how to learn from it."""
    from panda_hf.publishing.wording import plural

    lines = [
        f"{plural(summary.answers, 'answer')} ({summary.all_bad:,} all bad) of "
        f"{plural(summary.annotators, 'annotator')} to {plural(summary.clips, 'clip')}",
        *(f"left out: {plural(count, 'answer')}, {why}" for why, count in sorted(summary.left_out.items()) if count),
    ]
    if summary.agreement is not None:
        lines.append(
            f"agreement: {summary.agreement.share:.1%} of {plural(summary.agreement.clips, 'pair')} of answers"
        )
    train = f"  panda-hf train selector {shlex.quote(str(summary.folder))} --out my-selector"
    return [*lines, f"wrote {summary.folder}; fine-tune a selector on it:", train]


def page_module() -> ModuleType:
    """The app of `spaces/annotate`.

    Raises:
        SourceError: when gradio is missing.
    """
    return space_module("annotate")
