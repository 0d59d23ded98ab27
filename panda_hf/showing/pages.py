"""What a visitor sees, as HTML: every text of captions, titles, names and errors is escaped by the templates."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote
from zlib import crc32

from jinja2 import Environment

from panda_hf import __version__
from panda_hf.captioning.registry import card_of, cards
from panda_hf.publishing import drawing
from panda_hf.publishing.hub import PushSummary
from panda_hf.publishing.report import environment
from panda_hf.publishing.tally import Tally
from panda_hf.publishing.wording import clean, length
from panda_hf.showing.captions import Captioned
from panda_hf.showing.cast import Cast, Choices
from panda_hf.showing.collection import Collection, hub_address, numbers, seconds_of
from panda_hf.showing.films import ExampleFilm
from panda_hf.showing.limits import Limits
from panda_hf.showing.long_video import Long
from panda_hf.showing.repository import UNPACKED
from panda_hf.splitting.stitching import Reason
from panda_hf.stage import Row

FILE = "gradio_api/file="
"""Where the server hands out a file, relative to the page."""
SEES = {
    "image": "one frame",
    "video": "the motion",
    "text": "title, description, subtitle",
    "metadata": "title and description",
    "subtitle": "the subtitle",
}
PATTERNS = {reason: i for i, reason in enumerate(get_args(Reason))}
"""How a dropped part is hatched: by its reason, whatever else was dropped."""
LOW_SCORE, HIGH_SCORE = 0.0, 1.0


def masthead(cast: Cast, limits: Limits) -> str:
    """The head of the page: what this is, in four steps."""
    lines = list(zip((3, 11, 19), (88, 112, 70), colours(cast.teachers).values(), strict=False))
    return _render("masthead.html.j2", cast=cast, limits=limits, is_mini=is_mini(cast), lines=lines)


def footer(limits: Limits) -> str:
    """The foot of the page: manners, and how to go on."""
    return _render("footer.html.j2", limits=limits, version=__version__)


def waiting(kind: str) -> str:
    """What stands where a result will be."""
    return _render("waiting.html.j2", kind=kind)


def thresholds() -> str:
    """What the sliders mean."""
    return _render("thresholds.html.j2")


def models(choices: Choices) -> str:
    """Which models this page has."""
    rows = [(name, sees(name)) for name in choices.teachers]
    return _render(
        "models.html.j2", choices=choices, cast=choices.default, rows=rows, colours=colours(choices.teachers)
    )


def examples(films: Sequence[ExampleFilm]) -> str:
    """Buttons of films to try."""
    return _render("examples.html.j2", films=list(enumerate(films)))


def problem(message: str) -> str:
    """What went wrong, in words."""
    return _render("problem.html.j2", message=clean(message, 500))


def working(doing: str, share: float | None = None) -> str:
    """What is being done, and how far it is (0 to 1); empty when nothing is."""
    return _render("working.html.j2", doing=clean(doing, 200), share=share)


def download(path: Path, size: int) -> str:
    """A link to a dataset repository as one file."""
    return _render("download.html.j2", source=address(path), megabytes=size / 1e6, name=UNPACKED)


def pushed(summary: PushSummary) -> str:
    """What became of a push."""
    return _render("pushed.html.j2", summary=summary, address=hub_address(summary.repo_id))


def player(path: Path, name: str, about: str) -> str:
    """A visitor's video."""
    return _render("player.html.j2", source=address(path), name=name, about=about)


def captioned(state: Captioned, cast: Cast) -> str:
    """One clip: the student's caption, the chosen one, all candidates, what the words change."""
    scores = numbers(one.score for one in state.candidates)
    return _render(
        "captioned.html.j2",
        state=state,
        cast=cast,
        sees={name: sees(name) for name in cast.teachers},
        colours=colours(cast.teachers),
        low=min([LOW_SCORE, *scores]),
        high=max([*scores, 0.01]),
    )


def split(long: Long, video: Row, clips: Sequence[Row], cast: Cast, *, is_working: bool = False) -> str:
    """A long video: the timeline with the reasons, and the clips as cards, of which some are being captioned."""
    tally = Tally()
    tally.add_dropped(video["dropped"])
    targets = {row["clip_id"]: f"clip-{i}" for i, row in enumerate(clips)}
    kept = sum(row["end"] - row["start"] for row in clips)
    return _render(
        "split.html.j2",
        name=long.film.name,
        video=video,
        timeline=drawing.timeline(video, clips, targets),
        reasons=sorted(tally.dropped.items(), key=lambda item: -item[1].seconds),
        patterns=PATTERNS,
        is_working=is_working,
        waiting=sum(not row.get("caption") and not row.get("problem") for row in clips),
        kept=kept,
        cards=[card(f"clip-{i}", row, long) for i, row in enumerate(clips)],
        colours=colours(cast.teachers),
        student=cast.student,
    )


def card(id: str, row: Row, long: Long) -> Row:
    """A clip of a long video as it is shown: part of the file that the browser has already."""
    return {
        "id": id,
        "name": f"Clip {drawing.index_of(row)}",
        "start": row["start"],
        "end": row["end"],
        "source": f"{address(long.film.playable)}#t={row['start']:.3f},{row['end']:.3f}",
        "poster": long.posters.get((row["start"], row["end"])),
        "caption": row.get("caption"),
        "teacher": row.get("caption_teacher"),
        "score": row.get("matching_score"),
        "student": row.get("student_caption"),
        "subtitle": row.get("subtitle"),
        "problem": row.get("problem"),
        "candidates": sorted(row.get("candidates") or [], key=lambda one: -(one["score"] or -9.0)),
        "reasons": {note["teacher"]: note["message"] for note in row.get("caption_errors") or ()},
        "shots": len(row["shot_boundary_detection"]),
    }


def collection(found: Collection, kept: Sequence[Row], shown: Sequence[Row], files: Mapping[str, Path]) -> str:
    """An opened dataset: what is in it, how scores and lengths lie, and a page of clips."""
    return _render(
        "collection.html.j2",
        found=found,
        is_own=found.label is not None,
        count=len(kept),
        scores=drawing.histogram(numbers(row.get("matching_score") for row in kept)),
        lengths=drawing.histogram(numbers(seconds_of(row) for row in kept)),
        teachers=_teacher_bars(kept),
        colours=colours(name for name, _ in found.teachers),
        cards=[_row_card(found, row, files.get(row["clip_id"])) for row in shown],
    )


def _row_card(found: Collection, row: Row, file: Path | None) -> Row:
    return {
        "id": f"row-{row['row']}",
        "name": clean(row["clip_id"] or "no clip_id", 80),
        "seconds": seconds_of(row),
        "source": None if file is None else address(file),
        "caption": row.get("caption"),
        "teacher": row.get("caption_teacher"),
        "score": row.get("matching_score"),
        "link": found.link(row),
        "code": found.code(row),
        "row": row["row"],
    }


def _teacher_bars(rows: Sequence[Row]) -> list[tuple[str, int, float]]:
    counts: dict[str, int] = {}
    for row in rows:
        name = row.get("caption_teacher")
        if name:
            counts[name] = counts.get(name, 0) + 1
    most = max(counts.values(), default=1)
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return [(name, count, 100 * count / most) for name, count in ranked]


def sees(teacher: str) -> str:
    """What a teacher is shown, in words."""
    return " + ".join(SEES[one] for one in card_of(teacher).sees) if teacher in cards() else ""


def colours(teachers: Iterable[str]) -> dict[str, int]:
    """A number of a colour for each teacher: its own, the same in every tab and whoever stands beside it.

    The eight of a set have eight different ones; the miniature of a teacher of the paper has that teacher's.
    """
    known = {name: i for i, name in enumerate(cards())}
    return {name: known.get(name, crc32(name.encode("utf-8", "replace"))) % 8 for name in teachers}


def is_mini(cast: Cast) -> bool:
    """Whether any model of these is one of the miniature."""
    checkpoints = [stage.card().checkpoint for stage in cast.captions()]
    return any(name.startswith("mini/") for name in (*checkpoints, cast.selector, cast.student or ""))


def address(path: Path) -> str:
    """Where a browser finds a file."""
    return FILE + quote(str(path))


def about_film(seconds: float | None, width: int, height: int) -> str:
    """Length and size, in words."""
    return f"{length(seconds)} · {width} × {height}"


def _render(template: str, /, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> Environment:
    return environment("panda_hf.showing")
