"""`panda-hf caption`: what a student says of some videos, for a quick look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def caption(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files.", show_default=False)],
    student: Annotated[str, typer.Option(metavar="MODEL", help="A folder, a Hub id or mini/NAME.")] = "mini/student",
    text: Annotated[
        bool,
        typer.Option(help="Tell the student title, description and subtitles from the files beside a video."),
    ] = True,
    clips: Annotated[bool, typer.Option("--clips", help="Split each video into clips and caption each.")] = False,
    official: Annotated[
        bool, typer.Option("--official", help="Draw words as the official script does; slow, one clip at a time.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of --official.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Clips that the student sees at once.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Caption videos with a student, one line each.

    What lies beside a video is read too: NAME.srt or .vtt, NAME.json with title and description. The captions of a
    whole dataset are written by the stage `Describe` instead.
    """
    from panda_hf.captioning import Describe
    from panda_hf.describing import describe_rows, why_none

    stage = Describe(
        checkpoint=student,
        text=text,
        inference="official" if official else "greedy",
        seed=seed,
        model_batch_size=batch,
    )
    stage.check()
    rows, failed = _split(videos) if clips else _whole(videos)
    for row in describe_rows(rows, stage):
        said = row["student_caption"]
        if said is None:
            failed.append(_blamed(_name(row, clips), why_none(row)))
        else:
            typer.echo(_line(row, said, clips, as_json))
    for reason in failed:
        typer.secho(f"Error: {reason}", fg=typer.colors.RED, err=True)
    if failed:
        raise typer.Exit(1)


def _whole(videos: list[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    from panda_hf.describing import rows_of

    found = list(rows_of(videos))
    broken = [_blamed(str(one[0]), str(one[1])) for one in found if isinstance(one, tuple)]
    return [one for one in found if isinstance(one, dict)], broken


def _split(videos: list[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """The clips of all videos, as the first step of the pipeline finds them."""
    from panda_hf.clips import explode_batch
    from panda_hf.running import video_rows
    from panda_hf.splitting import Split

    batch = video_rows([str(video) for video in videos])[:]
    rows = explode_batch({**batch, **Split()(batch)})
    each = [{column: values[i] for column, values in rows.items()} for i in range(len(rows["clip_id"]))]
    lost = [row for row in each if row["clip_id"] is None]
    said = [_blamed(row["video"]["path"], (row["error"] or {}).get("message") or row["filtered"]) for row in lost]
    return [row for row in each if row["clip_id"] is not None], said


def _blamed(name: str, reason: str) -> str:
    """Why a video has no caption; most reasons name it themselves."""
    return reason if f"'{name}'" in reason else f"{name}: {reason}"


def _name(row: dict[str, Any], clips: bool) -> str:
    path = row["video"]["path"]
    return f"{path} {row['start']:.1f}-{row['end']:.1f} s" if clips else str(path)


def _line(row: dict[str, Any], said: str, clips: bool, as_json: bool) -> str:
    if not as_json:
        return f"{_name(row, clips)}: {said}"
    times = {"start": row["start"], "end": row["end"]} if clips else {}
    return json.dumps({"video": row["video"]["path"], **times, "student_caption": said}, ensure_ascii=False)
