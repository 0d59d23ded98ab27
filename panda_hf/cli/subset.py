"""`panda-hf subset`: a curated split of a dataset folder, by a rule."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from panda_hf.subsets import Subset, SubsetRecord

RULE: dict[str, Any] = {"rich_help_panel": "Which clips"}
VIDEOS: dict[str, Any] = {"rich_help_panel": "Which videos, and how many"}
SOURCE: dict[str, Any] = {"rich_help_panel": "Taken from"}


def subset(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A dataset folder: made by build, curate, or others.")
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the split is to be called.")],
    like: Annotated[
        str | None,
        typer.Option(
            metavar="10m|2m",
            help="Begin with the rule of a released subset (not its very clips). Other options change it.",
            **RULE,
        ),
    ] = None,
    above_score: Annotated[float | None, typer.Option(metavar="X", help="Matching score above X.", **RULE)] = None,
    min_score: Annotated[float | None, typer.Option(metavar="X", help="Matching score at least X.", **RULE)] = None,
    max_score: Annotated[float | None, typer.Option(metavar="X", help="Matching score at most X.", **RULE)] = None,
    desirable: Annotated[bool, typer.Option("--desirable", help="Labelled desirable by the release.", **RULE)] = False,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Labelled so, such as 3_screen_in_screen; repeat it for several.", **RULE),
    ] = None,
    single_shot: Annotated[bool, typer.Option("--single-shot", help="No cut inside the clip.", **RULE)] = False,
    min_seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Clips of at least S seconds.", **RULE)
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(metavar="S", help="Clips of at most S seconds.", **RULE)] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="A limit on a measure, as 'motion>=0.002'; repeat it for several.", **RULE),
    ] = None,
    keyword: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="The caption holds them, as whole words; repeat it for several.", **RULE),
    ] = None,
    all_keywords: Annotated[
        bool, typer.Option("--all-keywords", help="Every --keyword is needed, not just one of them.", **RULE)
    ] = False,
    exclude_keyword: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="The caption does not hold them.", **RULE)
    ] = None,
    max_per_video: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="At most N clips of a video.", **VIDEOS)
    ] = None,
    exactly_per_video: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Just N clips of a video; none of one with fewer.", **VIDEOS)
    ] = None,
    pick: Annotated[
        str | None, typer.Option(metavar="best|first|random", help="Which clips of a video. Else random.", **VIDEOS)
    ] = None,
    max_videos: Annotated[int | None, typer.Option(min=1, metavar="N", help="Draw N videos.", **VIDEOS)] = None,
    max_clips: Annotated[int | None, typer.Option(min=1, metavar="N", help="Draw N clips.", **VIDEOS)] = None,
    disjoint_from: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            help="No video of this list of ids (.txt, .csv, .parquet), FOLDER, FOLDER#CONFIG or FOLDER#CONFIG/SPLIT.",
            **VIDEOS,
        ),
    ] = None,
    opt_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="List of videos and channels to leave out.", **VIDEOS)
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, another draw.", **VIDEOS)] = 0,
    config: Annotated[
        str | None, typer.Option(metavar="NAME", help="Configuration; else the default one.", **SOURCE)
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Its split. What is made has one split, always called train.", **SOURCE)
    ] = "train",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a split of that name that another rule made.")
    ] = False,
) -> None:
    """Write the clips of FOLDER that pass a rule as a configuration NAME of the same dataset, told in its card.

    A clip is in when it passes everything you ask for. A clip whose score or label is not known never passes a rule
    that asks for it. The same command gives the same clips.

    `panda-hf subset panda-70m --name calm --desirable --single-shot --min-seconds 5 --max-per-video 3 --pick best`
    """
    from panda_hf.rights import OptOut
    from panda_hf.subsets import VideoIds, make_subset

    rule = chosen_rule(
        like,
        above_score=above_score,
        min_score=min_score,
        max_score=max_score,
        desirable=tuple(label) if label else desirable or None,
        single_shot=single_shot or None,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
        limits=limits_of(limit),
        keywords=tuple(keyword) if keyword else None,
        match="all" if all_keywords else None,
        exclude_keywords=tuple(exclude_keyword) if exclude_keyword else None,
        max_clips_per_video=max_per_video,
        exactly_per_video=exactly_per_video,
        pick=pick,
        max_videos=max_videos,
        max_clips=max_clips,
        disjoint_from=VideoIds.read(disjoint_from) if disjoint_from else None,
        opt_out=OptOut.read(opt_out) if opt_out else None,
        seed=seed,
    )
    record = make_subset(folder, name, rule, config=config, split=split, overwrite=overwrite)
    typer.echo("\n".join(closing(folder, record)))


def limits_of(texts: list[str] | None) -> Any:
    """The limits that the option asks for; ``None`` for none."""
    from panda_hf.subsets.column_limit import Limit

    try:
        return tuple(Limit.parse(text) for text in texts) if texts else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--limit") from error


def chosen_rule(like: str | None, **options: Any) -> Subset:
    """The rule that the options make; what the library refuses becomes a message about the usage.

    Args:
        like: name of a released subset whose rule is changed; ``None`` begins with the empty rule.
        options: fields of ``Subset``; ``None`` leaves one as it is.
    """
    import dataclasses

    from panda_hf.subsets import OFFICIAL, Subset

    if like is not None and like not in OFFICIAL:
        raise typer.BadParameter(f"--like {like}: the released subsets are {' and '.join(OFFICIAL)}")
    given = {name: value for name, value in options.items() if value is not None}
    if like is not None and {"min_score", "above_score"} & set(given):
        given = {"above_score": None, **given}
    if like is not None and {"max_clips_per_video", "exactly_per_video"} & set(given):
        given = {"max_clips_per_video": None, "exactly_per_video": None, **given}
    try:
        return dataclasses.replace(OFFICIAL[like] if like else Subset(), **given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def closing(folder: Path, record: SubsetRecord) -> list[str]:
    """The funnel, and the line that loads the split."""
    from panda_hf.publishing.wording import length, plural

    clips, videos, seconds = record.data["clips"], record.data["videos"], record.data["seconds"]["kept"]
    source = record.data["source"]
    width = max(map(len, [*record.dropped, "in"]))
    lines = [
        f"{record.name}: {'; '.join(record.data['rule_in_words'])}"
        + ("" if record.is_new else " (was there already)"),
        f"  {'in':{width}}  {clips['in']:>12,}  {source['config']}, {source['split']}",
        *(f"  {reason:{width}} {-count:>13,}" for reason, count in record.dropped.items()),
        f"  {'kept':{width}}  {clips['kept']:>12,}",
    ]
    if videos["kept"] is not None:
        footage = f", {length(seconds)} of footage" if seconds is not None else ""
        lines.append(f"{plural(clips['kept'], 'clip')} of {plural(videos['kept'], 'video')}{footage}")
    if unmatched := record.data.get("unmatched_opt_outs"):
        entries = record.data["rule"]["opt_out"]["entries"]
        lines.append(f"{unmatched:,} of {entries:,} entries of the opt-out list name no clip here.")
    renamed = source["split"] != "train"
    load = f'clips = load_dataset("{folder.as_posix()}", "{record.name}", split="train")'
    return [
        *lines,
        *([f"Its one split is called train, though it is taken from {source['split']}."] if renamed else []),
        "Load it:",
        "  from datasets import load_dataset",
        f"  {load}",
        f"Files: {shlex.quote(str(record.path))}",
    ]
