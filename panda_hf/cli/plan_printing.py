"""What `panda-hf plan` prints, and the file of its figures."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from panda_hf.running.forecast import Extent, Forecast


def report(found: Forecast, trial: Any, extent: Any, together: bool) -> list[str]:
    """What is printed: what was tried, a table of the stages, and the sums."""
    from panda_hf.publishing.wording import length, plural, share

    tried = trial.videos
    minutes = sum(video.minutes or 0.0 for video in tried)
    lines = [
        f"tried {plural(len(tried), 'video')} of {extent.videos:,} ({length(60 * minutes)}), "
        f"{sum(video.tried for video in tried)} of their {plural(sum(video.clips for video in tried), 'clip')}",
        *_failures(tried),
    ]
    rows = [["stage", "measured", "loading", "predicted", "range", "share"]]
    rows += [
        [
            stage.name,
            f"{stage.seconds_per_unit:.3g} s per {stage.unit}",
            length(stage.load_seconds),
            length(stage.seconds),
            _range(stage.low, stage.high),
            share(stage.share, 1.0),
        ]
        for stage in found.stages
    ]
    return [*lines, "", *_aligned(rows), "", *_sums(found, extent, together)]


def elsewhere(found: Forecast, fleet: Any, extent: Extent) -> list[str]:
    """What is printed of other machines, and what that assumes."""
    from panda_hf.running.machines import bill, table

    bills = [bill(found, machines, extent.videos) for machines in fleet]
    guessed = sorted({stage for one in bills for stage in one.guessed})
    return [
        *_aligned(table(bills)),
        "assumed: the work is shared out evenly, each worker loads its models once, nothing waits for network or",
        "         disk, and the speeds of the list are right"
        + (f"; as fast as here, since the list says nothing: {', '.join(guessed)}" if guessed else ""),
    ]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows]


def _sums(found: Forecast, extent: Any, together: bool) -> list[str]:
    import shutil

    from panda_hf.publishing.wording import length, plural, share
    from panda_hf.running.local import total_memory

    total = extent.total_minutes
    footage = f"{length(60 * total)} of video" if total is not None else "video of unknown length"
    spread = "one video tells nothing of the spread" if found.low is None else _range(found.low, found.high)
    memory, there = found.workers * found.worker_bytes, total_memory()
    lines = [
        f"all      {plural(extent.videos, 'video')}, {footage}, about {found.clips:,.0f} clips",
        f"time     {length(found.seconds)} ({spread}) with {plural(found.workers, 'worker')}"
        f"{', if they do not slow each other down (--together tells)' if found.workers > 1 and not together else ''}",
        f"memory   {size(memory)}: {plural(found.workers, 'worker')} of {size(found.worker_bytes)}; "
        f"this machine has {size(there)}",
    ]
    if memory > 0.9 * there:
        lines.append(f"         too much: take --workers {max(1, int(0.9 * there // found.worker_bytes))}")
    if found.gpu_bytes is not None and found.gpu_total_bytes is not None:
        lines.append(
            f"GPU      {size(found.gpu_bytes)} for the workers that share one of {size(found.gpu_total_bytes)}"
        )
        if found.gpu_bytes > 0.9 * found.gpu_total_bytes:
            lines.append("         too much: take fewer --workers, or --one-model-at-a-time")
    free = shutil.disk_usage(Path.cwd()).free
    lines.append(f"disk     {size(found.output_bytes)} of output beside the report; {size(free)} are free here")
    slowest = found.bottleneck
    lines.append(f"slowest  {slowest.name}: {share(slowest.share, 1.0)} of the work")
    return lines


def _failures(tried: Any) -> list[str]:
    failed = [video.video_id for video in tried if video.failed]
    return [f"with errors: {', '.join(failed)}; run `panda-hf curate` on them to see which"] if failed else []


def _range(low: float | None, high: float | None) -> str:
    from panda_hf.publishing.wording import length

    return "–" if low is None or high is None else f"{length(low)} to {length(high)}"


def size(count: float) -> str:
    """Bytes in the words of a report: ``1.5 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def write_json(path: Path, found: Forecast) -> None:
    """Write all figures: seconds, bytes, shares 0 to 1."""
    import json

    figures = {**dataclasses.asdict(found), "bottleneck": found.bottleneck.name}
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    typer.echo(f"wrote {path}")
