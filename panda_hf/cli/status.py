"""`panda-hf status` and `panda-hf merge`: see how far a run is, and put the parts of one together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from panda_hf.running.status import Status

Out = Annotated[
    str, typer.Argument(metavar="OUT", help="The folder or address that runs write to.", show_default=False)
]


def status(
    out: Out,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures to this file.")
    ] = None,
) -> None:
    """Tell how far the run in OUT is: shards, videos, clips, rates, time left, where the time went.

    Workers say something when a video is finished, at most each quarter of a minute, and how long ago is shown. One
    that said nothing for two minutes is left out: it is gone, or at a long video. Nothing in OUT is changed.
    """
    from panda_hf.running.status import status as status_of

    found = status_of(out)
    typer.echo("\n".join(report(found)))
    if json_file:
        write_json(json_file, found)


def merge(
    out: Out,
    into: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Another place for the dataset, such as a folder here.")
    ] = None,
    license: Annotated[str | None, typer.Option(metavar="NAME", help="Licence of the footage, for the card.")] = None,
) -> None:
    """Make one dataset of what `panda-hf curate --shard` left in OUT, when every shard is there.

    Interrupted at any moment, the same command goes on.
    """
    from panda_hf.cli.errors import NOTHING_KEPT
    from panda_hf.publishing import write_report
    from panda_hf.running import merge as merge_parts
    from panda_hf.running.folder import named_in_errors

    with named_in_errors(Path(into or out)):
        summary = merge_parts(out, into=into, license=license)
        typer.echo(str(summary))
        typer.echo(f"Dataset: {summary.out}")
        if isinstance(summary.out, Path):
            typer.echo(f"Report:  {write_report(summary.out)}")
    if not summary.ok:
        raise typer.Exit(NOTHING_KEPT)


def report(found: Status) -> list[str]:
    """What is printed."""
    from panda_hf.publishing.wording import length

    total = "?" if found.missing is None else f"{found.shards + len(found.missing):,}"
    share = f" of {found.videos_in:,}" if found.videos_in else ""
    lines = [
        f"{'finished' if found.finished else 'not finished'}: {found.source}",
        f"shards   {found.shards:,} of {total} committed{_some(found.missing)}",
        f"videos   {found.videos.total:,}{share}: {found.videos.kept:,} kept, {found.videos.filtered:,} filtered, "
        f"{found.videos.failed:,} failed",
        f"clips    {found.clips.kept:,} kept ({length(found.kept_seconds)}), {found.clips.filtered:,} rows filtered, "
        f"{found.clips.failed:,} failed",
    ]
    if found.parts_through:
        lines.append(f"through  the parts {', '.join(sorted(found.parts_through, key=_rank))}")
    lines += [_worker(worker) for worker in found.workers]
    if found.videos_per_hour is not None:
        left = f", {length(found.seconds_left)} left" if found.seconds_left is not None else ""
        lines.append(f"rate     {found.videos_per_hour:,.0f} videos per hour{left}")
    spent = sum(found.stage_seconds.values())
    for stage, seconds in sorted(found.stage_seconds.items(), key=lambda item: -item[1]):
        each = f", {seconds / found.videos.total:.2g} s per video" if found.videos.total else ""
        lines.append(f"  {seconds / spent if spent else 0:4.0%}  {stage}: {length(seconds)}{each}")
    return lines


def _some(missing: list[int] | None) -> str:
    if not missing:
        return ""
    return f"; the first that is missing is {missing[0]}"


def _rank(part: str) -> int:
    return int(part.partition("/")[0])


def _worker(worker: dict[str, Any]) -> str:
    from panda_hf.running.status import seconds_ago

    who = f"{worker['part']} on {worker['worker']}" if "part" in worker else "this run"
    rate = f", {worker['videos_per_hour']:,.0f} per hour" if worker.get("videos_per_hour") else ""
    share = f" of {worker['of']:,}" if worker.get("of") else ""
    said = f"; said {seconds_ago(worker['said']):.0f} s ago"
    return f"worker   {who}: {worker['videos']:,}{share} videos{rate}, {worker['failed']:,} failed{said}"


def write_json(path: Path, found: Status) -> None:
    """Write all figures."""
    import dataclasses
    import json

    figures = {
        **dataclasses.asdict(found),
        "videos_per_hour": found.videos_per_hour,
        "seconds_left": found.seconds_left,
    }
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    typer.echo(f"wrote {path}")
