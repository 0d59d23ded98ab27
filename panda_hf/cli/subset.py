"""`panda-hf subset`: a curated split of a dataset folder, by a rule."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from panda_hf.cli import subset_options as options

if TYPE_CHECKING:
    from panda_hf.subsets import Subset, SubsetRecord


def subset(
    folder: options.Folder,
    name: options.Name,
    like: options.Like = None,
    above_score: options.AboveScore = None,
    min_score: options.MinScore = None,
    max_score: options.MaxScore = None,
    desirable: options.Desirable = False,
    label: options.Label = None,
    single_shot: options.SingleShot = False,
    min_seconds: options.MinSeconds = None,
    max_seconds: options.MaxSeconds = None,
    limit: options.Limit = None,
    keyword: options.Keyword = None,
    all_keywords: options.AllKeywords = False,
    exclude_keyword: options.ExcludeKeyword = None,
    max_per_video: options.MaxPerVideo = None,
    exactly_per_video: options.ExactlyPerVideo = None,
    pick: options.Pick = None,
    max_videos: options.MaxVideos = None,
    max_clips: options.MaxClips = None,
    disjoint_from: options.DisjointFrom = None,
    opt_out: options.OptOut = None,
    seed: options.Seed = 0,
    config: options.Config = None,
    split: options.Split = "train",
    overwrite: options.Overwrite = False,
) -> None:
    """Write the clips of FOLDER that pass a rule as a configuration NAME of the same dataset, told in its card.

    A clip is in when it passes everything you ask for. A clip whose score or label is not known never passes a rule
    that asks for it. The same command gives the same clips.

    `panda-hf subset panda-70m --name calm --desirable --single-shot --min-seconds 5 --max-per-video 3 --pick best`
    """
    from panda_hf.rights import OptOut
    from panda_hf.subsets import VideoIds, make_subset

    rule = chosen_rule(
        like, above_score=above_score, min_score=min_score, max_score=max_score,
        desirable=tuple(label) if label else desirable or None, single_shot=single_shot or None,
        min_seconds=min_seconds, max_seconds=max_seconds, limits=limits_of(limit),
        keywords=tuple(keyword) if keyword else None, match="all" if all_keywords else None,
        exclude_keywords=tuple(exclude_keyword) if exclude_keyword else None,
        max_clips_per_video=max_per_video, exactly_per_video=exactly_per_video, pick=pick,
        max_videos=max_videos, max_clips=max_clips,
        disjoint_from=VideoIds.read(disjoint_from) if disjoint_from else None,
        opt_out=OptOut.read(opt_out) if opt_out else None, seed=seed,
    )  # fmt: skip
    record = make_subset(folder, name, rule, config=config, split=split, overwrite=overwrite)
    typer.echo("\n".join(closing(folder, record)))


def limits_of(texts: list[str] | None) -> Any:
    """The limits that the option asks for; ``None`` for none."""
    from panda_hf.subsets.column_limit import Limit

    try:
        return tuple(Limit.parse(text) for text in texts) if texts else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--limit") from error


def chosen_rule(like: str | None, **changed: Any) -> Subset:
    """The rule that the options make; what the library refuses becomes a message about the usage.

    Args:
        like: name of a released subset whose rule is changed; ``None`` begins with the empty rule.
        changed: fields of ``Subset``; ``None`` leaves one as it is.
    """
    import dataclasses

    from panda_hf.subsets import OFFICIAL, Subset

    if like is not None and like not in OFFICIAL:
        raise typer.BadParameter(f"--like {like}: the released subsets are {' and '.join(OFFICIAL)}")
    given = {name: value for name, value in changed.items() if value is not None}
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
