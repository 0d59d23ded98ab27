"""On which clips of held-aside films each miniature teacher is good, and at least one of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from panda_hf.captioning.shortlist import Judgements, Shortlist, shortlist
from panda_hf.mini.score import is_good
from panda_hf.mini.truth import score_caption
from panda_hf.mini.world import Modality, Scene

NEEDS: tuple[Modality, ...] = get_args(Modality)


@dataclass(frozen=True)
class TeacherCoverage:
    """Where one teacher is good. All are counts of clips."""

    good: int
    alone: int
    """No other teacher is good there."""
    by_need: Mapping[Modality, int]
    """Of the clips that need one frame, the motion, or the text."""


@dataclass(frozen=True)
class Coverage:
    """Where the teachers are good, each and together."""

    teachers: Mapping[str, TeacherCoverage]
    clips_by_need: Mapping[Modality, int]
    """How many clips need what."""
    covered_by_need: Mapping[Modality, int]
    """On how many of them at least one teacher is good."""
    chosen: Shortlist
    """The teachers in the greedy order."""


def judge(
    captions: Mapping[str, Sequence[str | None]], scenes: Sequence[Scene], clip_ids: Sequence[str]
) -> Judgements:
    """Judge the captions of each teacher by the truth, as an annotator would: which are good (``score.is_good``).

    Args:
        captions: teacher to one caption per clip, ``None`` where it wrote none.
        scenes: the truth of each clip.
        clip_ids: names of the clips.
    """
    good = {
        teacher: frozenset(
            clip
            for clip, caption, scene in zip(clip_ids, said, scenes, strict=True)
            if is_good(score_caption(caption, scene))
        )
        for teacher, said in captions.items()
    }
    return Judgements(tuple(clip_ids), good)


def coverage(judgements: Judgements, needs: Mapping[str, Modality]) -> Coverage:
    """Count.

    Args:
        judgements: of the teachers.
        needs: what each clip needs (``Scene.needs``).

    Raises:
        SourceError: when no teacher is good on any clip.
    """

    def by_need(clips: frozenset[str] | Sequence[str]) -> dict[Modality, int]:
        return {need: sum(needs[clip] == need for clip in clips) for need in NEEDS}

    good = judgements.good
    teachers = {}
    for name, clips in good.items():
        others = frozenset().union(*(theirs for other, theirs in good.items() if other != name))
        teachers[name] = TeacherCoverage(len(clips), len(clips - others), by_need(clips))
    return Coverage(
        teachers=teachers,
        clips_by_need=by_need(judgements.clips),
        covered_by_need=by_need(frozenset().union(*good.values())),
        chosen=shortlist(judgements, len(good)),
    )


def as_table(found: Coverage) -> str:
    """Coverage as a Markdown table: one line per teacher, the best first, then the union."""
    whole = found.chosen.clips
    rows = [["", "good", "only this one", *(f"needs {need}" for need in NEEDS)], ["---"] * (3 + len(NEEDS))]
    for name, one in sorted(found.teachers.items(), key=lambda item: (-item[1].good, item[0])):
        rows.append([name, _share(one.good, whole), _share(one.alone, whole), *_shares(one.by_need, found)])
    rows.append(["at least one", _share(found.chosen.covered, whole), "", *_shares(found.covered_by_need, found)])
    rows.append(["clips", str(whole), "", *(str(found.clips_by_need[need]) for need in NEEDS)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("| " + " | ".join(c.ljust(n) for c, n in zip(row, widths, strict=True)) + " |" for row in rows)


def as_dict(found: Coverage) -> dict[str, Any]:
    """Coverage for a JSON file; shares 0 to 1, ``None`` where there is no clip of a kind."""

    def parts(counts: Mapping[Modality, int]) -> dict[str, float | None]:
        return {need: _part(counts[need], found.clips_by_need[need]) for need in NEEDS}

    whole = found.chosen.clips
    return {
        "teachers": {
            name: {"share": one.good / whole, "alone": one.alone / whole, "by_need": parts(one.by_need)}
            for name, one in found.teachers.items()
        },
        "clips_by_need": dict(found.clips_by_need),
        "union_by_need": parts(found.covered_by_need),
    }


def as_csv(judgements: Judgements) -> str:
    """The judgements as a table that ``panda-hf shortlist`` reads."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["clip_id", "model", "good"])
    for clip in judgements.clips:
        rows.writerows([clip, model, str(clip in judgements.good[model]).lower()] for model in judgements.models)
    return text.getvalue()


def _shares(counts: Mapping[Modality, int], found: Coverage) -> list[str]:
    return [_share(counts[need], found.clips_by_need[need]) for need in NEEDS]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _part(part: int, whole: int) -> float | None:
    return part / whole if whole else None
