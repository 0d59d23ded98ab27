"""What the report shows, gathered from an output folder: a bounded sample of videos and clips, and the tables."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from panda_hf import __version__
from panda_hf.publishing import drawing, wording
from panda_hf.publishing.card import UNKNOWN_LICENSE, stated_license
from panda_hf.publishing.messages import Messages, display_name, gather
from panda_hf.publishing.output import SPLITS, OutputFolder
from panda_hf.publishing.record import RunRecord
from panda_hf.publishing.tally import Dropped, Tally, Teacher, is_number
from panda_hf.publishing.thumbnails import Image, Thumbnails
from panda_hf.stage import Row

OPEN_CLIPS = 12
"""The clips of the first videos are unfolded until this many are on view."""


@dataclass(frozen=True)
class Candidate:
    """A teacher's caption; ``part`` is the length of its score bar in per cent."""

    teacher: str
    caption: str | None
    score: float | None
    part: float
    won: bool


@dataclass(frozen=True)
class Clip:
    """A clip as it is shown."""

    id: str
    index: str
    status: str
    start: float
    end: float
    caption: str | None
    subtitle: str | None
    problem: str | None
    candidates: list[Candidate]
    image: Image | None
    link: str | None
    """Where the exported clip lies, relative to the page."""


@dataclass(frozen=True)
class Video:
    """A video as it is shown."""

    id: str
    name: str
    status: str
    about: str
    title: str | None
    note: str | None
    left_out: str
    timeline: drawing.Timeline
    clips: list[Clip]
    clips_title: str
    open: bool


@dataclass(frozen=True)
class Page:
    """Everything the template needs."""

    name: str
    facts: list[tuple[str, str]]
    steps: list[Row]
    settings: list[tuple[str, str]]
    versions: list[tuple[str, str]]
    stage_seconds: dict[str, float]
    tally: Tally
    dropped: list[tuple[str, Dropped]]
    patterns: dict[str, int]
    teachers: list[Teacher]
    colours: dict[str, int]
    histogram: list[drawing.Column]
    mean_score: float | None
    mean_x: float | None
    sample: str
    videos: list[Video]
    failures: Messages
    filtered: Messages
    warnings: Messages
    version: str = __version__


def build_page(output: OutputFolder, *, max_clips: int) -> Page:
    """Gather the page of an output folder; at most ``max_clips`` clips are shown, spread over the videos."""
    tally, record = output.tally(), output.record()
    columns = drawing.histogram(tally.scores)
    mean = sum(tally.scores) / len(tally.scores) if tally.scores else None
    teachers = tally.ranked_teachers
    videos, sample = _videos(output, tally, max_clips)
    failures, filtered, warnings = gather(output)
    return Page(
        name=output.path.resolve().name,
        facts=_facts(record, tally, stated_license(output.path)),
        steps=[{"name": step.name, "settings": _pairs(step.settings)} for step in record.steps],
        settings=_pairs(record.settings),
        versions=_pairs(record.versions),
        stage_seconds=record.stage_seconds,
        tally=tally,
        dropped=sorted(tally.dropped.items(), key=lambda item: -item[1].seconds),
        patterns={reason: i for i, reason in enumerate(sorted(tally.dropped))},
        teachers=teachers,
        colours=_colours(teachers),
        histogram=columns,
        mean_score=mean,
        mean_x=None if mean is None else _place(mean, columns[0].low, columns[-1].high),
        sample=sample,
        videos=videos,
        failures=failures,
        filtered=filtered,
        warnings=warnings,
    )


def spread(count: int, most: int) -> set[int]:
    """At most ``most`` of the indices 0 … ``count`` - 1, evenly spread, the first among them."""
    if count <= most:
        return set(range(count))
    return {i * count // most for i in range(most)}


def fair_shares(wanted: Sequence[int], most: int) -> list[int]:
    """How many of ``wanted`` each gets so that all together get at most ``most``; small wishes are met first."""
    shares, left = [0] * len(wanted), most
    for rank, i in enumerate(sorted(range(len(wanted)), key=lambda i: wanted[i])):
        shares[i] = min(wanted[i], left // (len(wanted) - rank))
        left -= shares[i]
    return shares


def _videos(output: OutputFolder, tally: Tally, max_clips: int) -> tuple[list[Video], str]:
    """The videos that are shown, and the sentence that says how many of how many they are."""
    drawable = tally.videos_in - tally.videos["failed"]
    places = spread(drawable, max_clips)
    rows = [row for i, row in enumerate(r for r in output.videos() if r["status"] != "failed") if i in places]
    clips = _clips_of({row["video_id"] for row in rows}, output)
    of_each = [clips[row["video_id"]] for row in rows]
    shares = fair_shares([len(of_video) for of_video in of_each], max_clips)
    top = max((score for score in _all_scores(of_each)), default=1.0)
    low = min([0.0, *_all_scores(of_each)])
    pictures = Thumbnails(output.path / "thumbnails")
    videos, shown = [], 0
    for i, (row, of_video, most) in enumerate(zip(rows, of_each, shares, strict=True)):
        videos.append(_video(f"v{i}", row, of_video, most, pictures, (low, top), shown < OPEN_CLIPS))
        shown += most
    return videos, _sample(shown, tally.clips_in, len(videos), drawable)


def _sample(clips: int, all_clips: int, videos: int, all_videos: int) -> str:
    of_videos = wording.plural(all_videos, "video")
    if clips == all_clips and videos == all_videos:
        return f"All {wording.plural(clips, 'clip')} of {of_videos}."
    of_clips = wording.plural(all_clips, "clip")
    return (
        f"Showing {clips:,} of {of_clips} and {videos:,} of {of_videos}, spread evenly; the numbers above count all."
    )


def _clips_of(video_ids: set[str], output: OutputFolder) -> dict[str, list[Row]]:
    """The clip rows of some videos in order of time, each with its ``status``."""
    clips: dict[str, list[Row]] = defaultdict(list)
    for status in SPLITS:
        for row in output.clips(status):
            if row["clip_id"] is not None and row["video_id"] in video_ids:
                clips[row["video_id"]].append({**row, "status": status})
    for rows in clips.values():
        rows.sort(key=lambda row: row["start"])
    return clips


def _all_scores(of_each: Iterable[list[Row]]) -> Iterable[float]:
    for rows in of_each:
        for row in rows:
            yield from (c["score"] for c in row.get("candidates") or [] if is_number(c["score"]))


def _video(
    id: str, row: Row, clips: list[Row], most: int, pictures: Thumbnails, scale: tuple[float, float], open: bool
) -> Video:
    shown = [clip for i, clip in enumerate(clips) if i in spread(len(clips), most)]
    ids = {clip["clip_id"]: f"{id}c{i}" for i, clip in enumerate(shown)}
    about = [wording.clock(row.get("duration")), wording.plural(len(row.get("shots") or []), "shot")]
    count = wording.plural(len(clips), "clip")
    note = row.get("warning") or (None if row.get("dropped") else row.get("filtered"))
    return Video(
        id=id,
        name=display_name(row),
        status=row["status"],
        about=" · ".join([*about, count]),
        title=row.get("title") and wording.clean(row["title"], 200),
        note=note and wording.clean(note),
        left_out=_left_out(row.get("dropped") or []),
        timeline=drawing.timeline(row, clips, ids),
        clips=[_clip(ids[clip["clip_id"]], clip, pictures, scale) for clip in shown],
        clips_title=count if len(shown) == len(clips) else f"{len(shown):,} of {count}",
        open=open,
    )


def _left_out(dropped: list[Row]) -> str:
    """What the splitting dropped from a video, in words."""
    tally = Tally()
    tally.add_dropped(dropped)
    return ", ".join(
        f"{part.count:,} {wording.reason(reason)} ({wording.length(part.seconds)})"
        for reason, part in sorted(tally.dropped.items(), key=lambda item: -item[1].seconds)
    )


def _clip(id: str, row: Row, pictures: Thumbnails, scale: tuple[float, float]) -> Clip:
    problem = row["error"]["message"] if row.get("error") else row.get("filtered")
    return Clip(
        id=id,
        index=drawing.index_of(row),
        status=row["status"],
        start=row["start"],
        end=row["end"],
        caption=row.get("caption") and wording.clean(row["caption"]),
        subtitle=row.get("subtitle") and wording.clean(row["subtitle"], 300),
        problem=problem and wording.clean(problem),
        candidates=_candidates(row, scale),
        image=pictures.of(row["clip_id"]),
        link=row.get("clip_path") and quote(row["clip_path"]),
    )


def _candidates(row: Row, scale: tuple[float, float]) -> list[Candidate]:
    """The candidates of a clip, the chosen one first, then by score."""
    candidates = [
        Candidate(
            teacher=candidate["teacher"] or "unknown",
            caption=candidate["caption"] and wording.clean(candidate["caption"]),
            score=candidate["score"] if is_number(candidate["score"]) else None,
            part=_place(candidate["score"], *scale) if is_number(candidate["score"]) else 0.0,
            won=candidate["teacher"] == row.get("caption_teacher"),
        )
        for candidate in row.get("candidates") or []
    ]
    return sorted(candidates, key=lambda c: (not c.won, -math.inf if c.score is None else -c.score))


def _facts(record: RunRecord, tally: Tally, license: str | None) -> list[tuple[str, str]]:
    facts = [
        ("Input", record.source),
        ("Finished", wording.moment(record.finished) if record.finished else "not yet"),
        ("Footage", wording.length(tally.footage_seconds)),
        ("Licence of the footage", "not stated" if license in (None, UNKNOWN_LICENSE) else license),
    ]
    return [(name, wording.clean(value, 160)) for name, value in facts if value]


def _pairs(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(wording.clean(name, 60), wording.clean(value, 200)) for name, value in values.items()]


def _colours(teachers: Iterable[Teacher]) -> dict[str, int]:
    return {name: i for i, name in enumerate(sorted(teacher.name for teacher in teachers))}


def _place(value: float, low: float, high: float) -> float:
    """Where ``value`` lies between ``low`` and ``high``, per cent."""
    return round(100 * (value - low) / (high - low), 2) if high > low else 100.0
